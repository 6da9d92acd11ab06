"""`InstantJax`: a function as a module."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.tree_util as jtu
from jaxtyping import Array, Float

from .._attribute import Blueprint, Function
from .._module import AbstractModule, initialise
from .._types import NestedDict
from ..graph import InstantFunction, Wiring


def identity(x: Array) -> Array:
    """`x`."""
    return x


class InstantJax(AbstractModule):
    """Applies a function to the whole input array; it has no parameters and no state.

    $$ y = f(x) $$

    The function gets one `(T, N_in)` array and returns `(T, N_out)`; a batch is mapped over.
    It may be an Equinox module, whose arrays are then leaves of this module. They belong
    to no family. `eqx.nn.inference_mode` switches its flags.

    !!! example

        ```python
        mod = eqpool.Instant(4, jnp.tanh)
        output, _, _ = mod(jnp.ones((10, 4)))
        ```
    """

    blueprint: Blueprint
    function: Function

    def __init__(
        self,
        shape: int | tuple[int, ...],
        function: Callable[[Array], Array] = identity,
        *,
        name: str = "",
    ):
        """**Arguments:**

        - `shape`: `N` or `(N_in, N_out)`.
        - `function`: `(T, N_in) -> (T, N_out)`. Default: the identity.
        - `name`: a name for messages. Default: none.

        **Raises:** `ValueError` for an impossible shape, `TypeError` if `function` cannot be
        called. `evolve` raises `ValueError` if the function returns another shape, or is a
        layer with dropout that is not in inference mode: it is called without a key.
        """
        self.function = Function(function, "InstantJax.function")
        initialise(self, shape, name=name)

    def run(
        self, input_data: Float[Array, "T N_in"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """`f(input_data)`."""
        del record
        try:
            return self.function(input_data), {}, {}
        except RuntimeError as error:
            if not _drops_out(self.function.unwrapped):
                raise
            raise ValueError(
                f"{self.full_name}: its function has dropout, which needs a key in training, and "
                "is called without one. Switch it off, `eqx.nn.inference_mode(net)`, or write a "
                "module whose state is a key."
            ) from error

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """The function."""
        node = InstantFunction(self.size_in, self.size_out, self.function.unwrapped)
        return wiring.add(name, node, sources)


def _drops_out(function: Any) -> bool:
    def is_dropout(node: Any) -> bool:
        return isinstance(node, eqx.nn.Dropout)

    return any(map(is_dropout, jtu.tree_leaves(function, is_leaf=is_dropout)))


Instant = InstantJax
