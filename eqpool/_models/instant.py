"""`InstantJax`: a function as a module."""

from collections.abc import Callable

from jaxtyping import Array, Float

from .._attribute import Blueprint
from .._module import AbstractModule, Function, initialise
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
    to no family.

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
        called. `evolve` raises `ValueError` if the function returns another shape.
        """
        self.function = Function(function, "InstantJax.function")
        initialise(self, shape, name=name)

    def run(
        self, input_data: Float[Array, "T N_in"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """`f(input_data)`."""
        del record
        return self.function(input_data), {}, {}

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """The function."""
        node = InstantFunction(self.size_in, self.size_out, self.function.unwrapped)
        return wiring.add(name, node, sources)


Instant = InstantJax
