"""`LinearJax`: a weight matrix and a bias."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._attribute import Blueprint, field, kaiming, Parameter, uniform_sqrt
from .._events import Events
from .._explain import tell
from .._kernels.product import obstacle_to_sparse, sparse_product
from .._module import AbstractModule, initialise
from .._types import NestedDict
from ..graph import LinearWeights, Wiring


class LinearJax(AbstractModule):
    """A linear layer.

    $$ y_t = x_t W + b $$

    `weight[i, j]` leads from input channel `i` to output channel `j`.

    All time steps are one matrix product, which may round a step differently for another number
    of steps. So two halves of a run, or segments of `checkpoint`, are the whole run to rounding,
    not to the bit as of other modules; what holds a `Linear`, as `Softmax`, keeps bits no better.

    On a CPU a large product whose input is mostly zeros, as spikes are, is made by a kernel that
    leaves zeros out; of every other, XLA makes the product. A sample of time steps decides, in
    each run. A zero that is left out gives zero even where its weight is not finite.

    !!! example

        ```python
        mod = eqpool.Linear((12, 5), has_bias=True, rng_key=0)
        output, _, _ = mod(jnp.ones((10, 12)))
        ```
    """

    blueprint: Blueprint
    weight: Float[Array, "N_in N"] = field(
        Parameter(
            family="weights",
            shape=("N_in", "N"),
            init_func=kaiming,
            permit_reshape=False,
            doc="Weight from input channel to output channel.",
        )
    )
    bias: Float[Array, " N"] | None = field(
        Parameter(
            family="biases",
            shape=("N",),
            init_func=uniform_sqrt,
            doc="Added to the output; only with `has_bias=True`.",
        )
    )

    def __init__(
        self,
        shape: tuple[int, int],
        weight: Any = None,
        bias: Any = None,
        has_bias: bool = False,
        weight_init_func: Callable[..., Any] = kaiming,
        bias_init_func: Callable[..., Any] = uniform_sqrt,
        *,
        rng_key: Any = None,
        name: str = "",
    ):
        """**Arguments:**

        - `shape`: `(N_in, N_out)`.
        - `weight`: `(N_in, N_out)`. Default: drawn by `weight_init_func`.
        - `bias`: `(N_out,)`. Default with `has_bias`: drawn by `bias_init_func`.
        - `has_bias`: whether there is a bias, also where none is given. Default `False`.
        - `weight_init_func`, `bias_init_func`: `f(shape)` or `f(shape, key)`. Default:
            [`eqpool.kaiming`][] and [`eqpool.uniform_sqrt`][].
        - `rng_key`: key or seed of what is drawn. Default: a fresh seed.
        - `name`: a name for messages. Default: none.

        **Raises:** `ValueError` for a shape other than `(N_in, N_out)`, for values of another
        shape or not finite.
        """
        if not (isinstance(shape, (tuple, list)) and len(shape) == 2):
            raise ValueError(f"LinearJax: shape must be (N_in, N_out); got {shape!r}.")
        has_bias = has_bias or bias is not None
        initialise(
            self,
            tuple(shape),
            {
                "weight": Parameter(init_func=weight_init_func) if weight is None else weight,
                "bias": Parameter(init_func=bias_init_func) if bias is None else bias,
            },
            name=name,
            rng_key=rng_key,
            absent=() if has_bias else ("bias",),
        )

    def run(
        self, input_data: Float[Array, "T N_in"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """`input_data @ weight + bias`."""
        del record
        output = _times(input_data, self.weight)
        if self.bias is not None:
            output += jnp.broadcast_to(self.bias, output.shape)
        return output, {}, {}

    def run_events(
        self, events: Events, duration: Float[Array, ""] | None, num_steps: int | None
    ) -> tuple[Events, NestedDict]:
        """The same events behind the weights; a bias, which never pauses, is an error."""
        del duration, num_steps
        if self.bias is not None:
            raise ValueError(
                f"{self.full_name}: events have no place for a bias, which is there at all times; "
                "leave it out, or put a constant current into the next module."
            )
        return events.through(self.weight), {}

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """Weights."""
        return wiring.add(name, LinearWeights(self.weight, self.bias), sources)


def _times(x: Float[Array, "T N_in"], weight: Float[Array, "N_in N"]) -> Float[Array, "T N"]:
    reason = obstacle_to_sparse(x, weight)
    if reason is not None:
        tell(False, f"a matrix product: {reason}.")
        return x @ weight
    tell(
        True, "a kernel in C++ if at most a tenth of its input is not zero, else a matrix product."
    )
    return sparse_product(x, weight)


Linear = LinearJax
