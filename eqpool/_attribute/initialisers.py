"""Initial values that are drawn: functions of `(shape, key)`.

`shape[0]` is the number of inputs of a weight matrix, which is indexed `[pre, post]`.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .._types import Shape


@dataclasses.dataclass(frozen=True)
class Full:
    """The same value everywhere."""

    value: float

    def __call__(self, shape: Shape) -> Float[Array, "..."]:
        return jnp.full(shape, self.value)


def unit_eigs(shape: Shape, key: PRNGKeyArray) -> Float[Array, "..."]:
    """Normal with standard deviation `1/sqrt(shape[0])`.

    The eigenvalues of a large square matrix then fill the unit disc (Ginibre's circular law,
    [doi:10.1063/1.1704292](https://doi.org/10.1063/1.1704292)). Those of a small one may lie far
    outside, and rates would grow without bound; so below 16 rows a square matrix whose spectral
    norm is above 0.9 is scaled down to it.
    """
    weights = jax.random.normal(key, shape) / jnp.sqrt(shape[0])
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] >= 16:
        return weights
    return weights / jnp.maximum(1.0, jnp.linalg.norm(weights, 2) / 0.9)


def kaiming(shape: Shape, key: PRNGKeyArray) -> Float[Array, "..."]:
    """Uniform in `±sqrt(6/shape[0])`.

    He et al. 2015, [doi:10.1109/ICCV.2015.123](https://doi.org/10.1109/ICCV.2015.123).
    """
    return _uniform(shape, key, 6 / shape[0])


def xavier(shape: Shape, key: PRNGKeyArray) -> Float[Array, "..."]:
    """Uniform in `±sqrt(6/sum(shape))`.

    Glorot and Bengio 2010, <https://proceedings.mlr.press/v9/glorot10a.html>.
    """
    return _uniform(shape, key, 6 / sum(shape))


def uniform_sqrt(shape: Shape, key: PRNGKeyArray) -> Float[Array, "..."]:
    """Uniform in `±sqrt(1/shape[0])`."""
    return _uniform(shape, key, 1 / shape[0])


def _uniform(shape: Shape, key: PRNGKeyArray, limit_squared: float) -> Array:
    limit = limit_squared**0.5
    return jax.random.uniform(key, shape, minval=-limit, maxval=limit)
