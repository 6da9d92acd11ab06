"""`Function`: a callable that may stand in a field."""

from collections.abc import Callable
from typing import Any

import equinox as eqx

from .._errors import describe


class Function(eqx.Module):
    """A callable as a pytree whose leaves are arrays: all else of it is static.

    A plain function has no leaves; an Equinox module keeps its arrays as leaves, so that
    they pass through `jax.jit` and can be trained. Two of the same function are equal,
    while each new `lambda` is another function, and is compiled anew.
    """

    arrays: Any
    rest: Any = eqx.field(static=True)

    def __init__(self, function: Callable[..., Any], owner: str = "Function"):
        """**Arguments:**

        - `function`: a function, or an Equinox module with `__call__`.
        - `owner`: class and argument, for the error message.

        **Raises:** `TypeError` if `function` cannot be called.
        """
        if not callable(function):
            raise TypeError(f"{owner}: must be a function; got {describe(function)}.")
        self.arrays, self.rest = eqx.partition(function, eqx.is_array)

    @property
    def unwrapped(self) -> Callable[..., Any]:
        """The function as it was given."""
        return eqx.combine(self.arrays, self.rest)

    def __call__(self, *args: Any) -> Any:
        return self.unwrapped(*args)
