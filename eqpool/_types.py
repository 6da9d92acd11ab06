"""The shape vocabulary of eqpool.

Axis names used in every annotation: `T` time steps, `B` batch elements, `N` neurons (or
output channels), `N_in` input channels.
"""

from collections.abc import Callable, Sequence
from typing import Any, TYPE_CHECKING, TypeAlias, TypeVar

from jaxtyping import Array, Float, UInt32


# What a declaration says of its shape: sizes are integers, or names such as "N_in" that
# the module fills in when it is built.
Axis: TypeAlias = int | str
Shape: TypeAlias = tuple[int, ...]
ShapeLike: TypeAlias = Axis | tuple[Axis, ...] | Sequence[Axis | tuple[Axis, ...]]

# A raw key of Threefry: the kind that can be saved and batched.
Key: TypeAlias = UInt32[Array, "2"]

# One value for all neurons, or one for each.
PerNeuron: TypeAlias = Float[Array, ""] | Float[Array, " N"]

if TYPE_CHECKING:
    # As type checkers understand a field that subclasses fill in.
    from typing import ClassVar as AbstractVar

    _Leaf = TypeVar("_Leaf")
    # jaxtyping's has no type, which strict type checkers hold against those who use it.
    PyTree: TypeAlias = Any | _Leaf
else:
    from equinox import AbstractVar as AbstractVar
    from jaxtyping import PyTree as PyTree

NestedDict: TypeAlias = dict[str, Any]

Activation: TypeAlias = Callable[[Array, Array], Array]
