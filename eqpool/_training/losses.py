"""Losses and scores of output over time, `(T, C)` or `(B, T, C)`.

`mask` says which time steps belong to a sequence: `(T,)` or `(B, T)`, `True` inside and
`False` in the padding. What the padding holds changes no result and gets no gradient.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, ArrayLike, Bool, Float

from .._errors import describe, is_concrete


Readout: TypeAlias = Callable[[Any, Any], Array]


def length_mask(lengths: ArrayLike | Sequence[int], num_steps: int) -> Bool[Array, "*B T"]:
    """`True` in the first `lengths[b]` of `num_steps` time steps, `(B, T)`."""
    lengths = jnp.asarray(lengths)[..., None]
    steps = jax.lax.broadcasted_iota(
        lengths.dtype, (*lengths.shape[:-1], num_steps), lengths.ndim - 1
    )
    return steps < lengths


def time_average(output: ArrayLike, mask: ArrayLike | None = None) -> Float[Array, "*B C"]:
    """The mean over the time steps of each sequence, `(B, C)`; 0 for one without any."""
    output, mask = jnp.asarray(output), _checked_mask(output, mask)
    total = jnp.sum(jnp.where(mask, output, 0.0), axis=-2)
    return total / jnp.maximum(jnp.sum(mask, axis=-2), 1).astype(output.dtype)


def last_output(output: ArrayLike, mask: ArrayLike | None = None) -> Float[Array, "*B C"]:
    """The output at the last time step of each sequence, `(B, C)`."""
    output, mask = jnp.asarray(output), _checked_mask(output, mask)
    last = jnp.argmax(jnp.cumsum(mask, axis=-2), axis=-2, keepdims=True)
    return jnp.take_along_axis(output, last, axis=-2)[..., 0, :]


def mse(output: ArrayLike, target: ArrayLike, mask: ArrayLike | None = None) -> Float[Array, ""]:
    """The mean squared error over all channels and all time steps inside the mask.

    **Raises:** `ValueError` if the shapes of `output` and `target` differ, or the mask does
    not fit them.
    """
    error, count = _errors("mse", output, target, mask)
    return jnp.sum(error**2) / jnp.maximum(count, 1).astype(error.dtype)


def sse(output: ArrayLike, target: ArrayLike, mask: ArrayLike | None = None) -> Float[Array, ""]:
    """The sum of squared errors over all channels and all time steps inside the mask.

    **Raises:** as [`eqpool.mse`][].
    """
    error, _ = _errors("sse", output, target, mask)
    return jnp.sum(error**2)


def softmax(x: ArrayLike, temperature: ArrayLike = 1.0) -> Float[Array, "*N"]:
    r"""$e^{x_i/\tau}$ over its sum, over **all** entries of an array, as Rockpool's.

    For one vector of scores; map over a batch. [`eqpool.SoftmaxJax`][] is a readout.

    **Arguments:**

    - `x`: scores.
    - `temperature`: towards 0, the largest gets all. Default 1.

    **Raises:** `ValueError` for a temperature that is not positive.
    """
    return jnp.exp(logsoftmax(x, temperature))


def logsoftmax(x: ArrayLike, temperature: ArrayLike = 1.0) -> Float[Array, "*N"]:
    """The logarithm of [`eqpool.softmax`][], without its loss of small values.

    Arguments and errors are those of [`eqpool.softmax`][].
    """
    if is_concrete(temperature) and not np.all(np.asarray(temperature) > 0):
        raise ValueError(f"temperature must be positive; got {temperature}.")
    x = jnp.asarray(x)
    x = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.result_type(float))
    # The largest goes first, since a quotient by a small temperature may be infinite.
    scaled = (x - jax.lax.stop_gradient(jnp.max(x))) / jnp.asarray(temperature, x.dtype)
    return scaled - jax.nn.logsumexp(scaled)


def cross_entropy(
    output: ArrayLike,
    labels: ArrayLike,
    mask: ArrayLike | None = None,
    readout: Readout = time_average,
    label_smoothing: float = 0.0,
) -> Float[Array, ""]:
    """The mean cross-entropy of classes, from logits over time, in nats.

    **Arguments:**

    - `output`: logits, `(T, C)` or `(B, T, C)`.
    - `labels`: the class of each sequence, integers, `()` or `(B,)`.
    - `mask`: which time steps belong to a sequence. Default: all.
    - `readout`: how logits over time become one set of logits: [`eqpool.time_average`][]
        (default), [`eqpool.last_output`][], or any function `(output, mask) -> (B, C)`.
    - `label_smoothing`: the fraction of each label that is spread over all classes, from 0
        (default) to 1. Szegedy et al. 2016,
        [doi:10.1109/CVPR.2016.308](https://doi.org/10.1109/CVPR.2016.308).

    **Raises:** `TypeError` for labels that are not integers; `ValueError` if labels or mask do
    not fit the output, and for a `label_smoothing` outside 0 to 1.
    """
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"label_smoothing must be from 0 to 1; got {label_smoothing}.")
    output, labels = jnp.asarray(output), _checked_labels(output, labels)
    logits = readout(output, mask)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    spread = jax.nn.logsumexp(logits, axis=-1) - jnp.mean(logits, axis=-1)
    return jnp.mean((1 - label_smoothing) * losses + label_smoothing * spread)


def accuracy(
    output: ArrayLike,
    labels: ArrayLike,
    mask: ArrayLike | None = None,
    readout: Readout = time_average,
) -> Float[Array, ""]:
    """The fraction of sequences whose largest logit is that of their class.

    **Arguments and errors:** as of [`eqpool.cross_entropy`][].
    """
    output, labels = jnp.asarray(output), _checked_labels(output, labels)
    hits = jnp.argmax(readout(output, mask), axis=-1) == labels
    return jnp.mean(hits, dtype=output.dtype)


def _errors(owner: str, output: Any, target: Any, mask: Any) -> tuple[Array, Array]:
    """Differences inside the mask, and how many there are."""
    output, target = jnp.asarray(output), jnp.asarray(target)
    if output.shape != target.shape:
        raise ValueError(
            f"{owner}: output and target must have one shape; got {output.shape} and "
            f"{target.shape}."
        )
    mask = jnp.broadcast_to(_checked_mask(output, mask), output.shape)
    return jnp.where(mask, output - target, 0.0), jnp.sum(mask)


def _checked_mask(output: ArrayLike, mask: Any) -> Bool[Array, "*B T 1"]:
    shape = jnp.shape(output)
    if len(shape) < 2:
        raise ValueError(f"output must be (T, C) or (B, T, C); got shape {shape}.")
    if mask is None:
        return jnp.ones((*shape[:-1], 1), bool)
    mask = jnp.asarray(mask)
    if mask.shape != shape[:-1]:
        raise ValueError(
            f"mask must have the shape of output without its channels, {shape[:-1]}; "
            f"got {mask.shape}."
        )
    return mask.astype(bool)[..., None]


def _checked_labels(output: ArrayLike, labels: Any) -> Array:
    shape, labels = jnp.shape(output), jnp.asarray(labels)
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise TypeError(f"labels must be integers, one for each sequence; got {describe(labels)}.")
    if labels.shape != shape[:-2]:
        raise ValueError(
            f"labels must have the shape {shape[:-2]}, one for each sequence of an output of shape "
            f"{shape}; got {labels.shape}."
        )
    return labels
