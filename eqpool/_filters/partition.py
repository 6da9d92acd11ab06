"""Trainable and frozen halves of a pytree of modules."""

from typing import Any

import equinox as eqx

from .._attribute import FamilyLike, selection
from .._errors import listing
from .._module import map_leaves, Site, tagged_leaves
from .._types import PyTree


def filter_spec(model: PyTree[Any], family: FamilyLike = None) -> PyTree[bool]:
    """A pytree of booleans for `eqx.partition`, `eqx.filter`, `eqx.filter_jit` and the like.

    **Arguments:**

    - `model`: a module, or any pytree of modules.
    - `family`: a name, several names, a predicate `(path, field) -> bool` that is asked
        about parameters, one of [`eqpool.is_parameter`][], [`eqpool.is_state`][],
        [`eqpool.is_simulation_parameter`][], or `None` (default) for every parameter.

    **Returns:** the structure of `model`, `True` at what is selected and `False` elsewhere.
    Leaves that no module declares, such as those of a module of `equinox.nn`, are `False`.

    **Raises:** `ValueError`, listing the families that exist, for a family that nobody has,
    and for a selection that matches nothing.
    """
    select = selection(family)
    tagged = tagged_leaves(model)
    select.check(field for _, field, _ in tagged)
    if not any(select(path, field) for path, field, _ in tagged):
        existing = sorted(
            {str(field.family) for _, field, _ in tagged if type(field) is select.role}
        )
        what = "The predicate selects no" if select.where else "There is no"
        raise ValueError(f"{what} {select.role.role}; families here: {listing(existing)}.")

    def selected(site: Site, leaf: Any) -> bool:
        del leaf
        return site.field is not None and select(site.path, site.field)

    return map_leaves(selected, model)


def partition(model: PyTree[Any], family: FamilyLike = None) -> tuple[PyTree[Any], PyTree[Any]]:
    """The trainable and the frozen half of a model; `None` stands for what is in the other.

    Optimisers that are given the trainable half keep no state for what is frozen.

    **Arguments and errors:** as of [`eqpool.filter_spec`][].

    **Returns:** `(trainable, frozen)`, for `eqpool.combine` (which is `eqx.combine`).
    """
    return eqx.partition(model, filter_spec(model, family))
