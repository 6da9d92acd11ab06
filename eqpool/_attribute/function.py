"""`Function`: a callable that may stand in a field."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.tree_util as jtu

from .._errors import describe, warn


@jtu.register_pytree_node_class
class Fixed:
    """A value as a pytree without leaves; two of equal values have one structure."""

    def __init__(self, value: Any):
        self.value = value

    def tree_flatten(self) -> tuple[tuple[()], "Fixed"]:
        return (), self

    @classmethod
    def tree_unflatten(cls, aux: "Fixed", children: Any) -> "Fixed":
        del children
        return cls(aux.value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Fixed) or type(other.value) is not type(self.value):
            return False
        return other.value is self.value or bool(eqx.tree_equal(other.value, self.value))

    def __hash__(self) -> int:
        try:
            return hash(self.value)
        except TypeError:
            return hash(type(self.value))

    def __repr__(self) -> str:
        return repr(self.value)


@jtu.register_pytree_with_keys_class
class Function:
    """A callable as a pytree whose leaves are arrays: everything else in it is static.

    A plain function has no leaves. An Equinox module keeps its arrays as leaves, so that
    they pass through `jax.jit` and can be trained, and its structure, so that
    `eqx.nn.inference_mode` and `eqx.tree_at` find its fields. Two of the same function are
    equal, while each new `lambda` is another function, and is compiled anew.

    **Attributes:**

    - `function`: the callable with each leaf that is no array as a `Fixed`.
    """

    function: Any
    _structure: Any
    _fixed: tuple[bool, ...]

    def __init__(self, function: Callable[..., Any], owner: str = "Function"):
        """**Arguments:**

        - `function`: a function, or an Equinox module with `__call__`.
        - `owner`: class and argument, for the error message.

        **Raises:** `TypeError` if `function` cannot be called. Warns of transforms that hide
        the arrays of a module.
        """
        if isinstance(function, Function):
            function = function.unwrapped
        if not callable(function):
            raise TypeError(f"{owner}: must be a function; got {describe(function)}.")
        hidden = getattr(function, "__wrapped__", None)
        if isinstance(hidden, eqx.Module) and not isinstance(function, eqx.Module):
            warn(
                f"{owner}: the arrays of {type(hidden).__name__} are hidden by a transform of JAX, "
                "and will not be trained; use that of Equinox, as `eqx.filter_vmap(layer)`."
            )
        leaves, self._structure = jtu.tree_flatten(function)
        self._fixed = tuple(not eqx.is_array(leaf) for leaf in leaves)
        self.function = self._structure.unflatten(
            [Fixed(leaf) if fixed else leaf for leaf, fixed in self._pairs(leaves)]
        )

    def _pairs(self, leaves: list[Any]) -> Any:
        return zip(leaves, self._fixed, strict=True)

    @property
    def unwrapped(self) -> Callable[..., Any]:
        """The function as it was given."""
        return jtu.tree_map(
            lambda leaf: leaf.value if isinstance(leaf, Fixed) else leaf,
            self.function,
            is_leaf=lambda node: isinstance(node, Fixed),
        )

    def __call__(self, *args: Any) -> Any:
        return self.unwrapped(*args)

    def __eq__(self, other: object) -> Any:
        return isinstance(other, Function) and eqx.tree_equal(self, other)

    def __hash__(self) -> int:
        return hash(self.unwrapped)

    def __repr__(self) -> str:
        return eqx.tree_pformat(self.unwrapped)

    def tree_flatten_with_keys(self) -> tuple[Any, Any]:
        return ((jtu.GetAttrKey("function"), self.function),), (self._structure, self._fixed)

    def tree_flatten(self) -> tuple[Any, Any]:
        return (self.function,), (self._structure, self._fixed)

    @classmethod
    def tree_unflatten(cls, aux: Any, children: Any) -> "Function":
        new = object.__new__(cls)
        (new.function,), (new._structure, new._fixed) = children, aux
        if any(new._fixed):
            new._fix()
        return new

    def _fix(self) -> None:
        """Makes static again what `eqx.tree_at` or `eqx.nn.inference_mode` has put in."""
        try:
            leaves = self._structure.flatten_up_to(self.function)
        except ValueError:  # another structure altogether, as of a replaced layer
            return
        given = [fixed and _is_static(leaf) for leaf, fixed in self._pairs(leaves)]
        if any(given):
            leaves = [Fixed(leaf) if new else leaf for leaf, new in zip(leaves, given, strict=True)]
            self.function = self._structure.unflatten(leaves)


def _is_static(leaf: Any) -> bool:
    return isinstance(leaf, (bool, int, float, complex, str)) or (
        callable(leaf) and not isinstance(leaf, eqx.Module)
    )
