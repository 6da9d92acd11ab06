"""`fields`: the one listing behind filters, dictionaries and documentation tables."""

import dataclasses
import functools as ft
from typing import Any

from .._errors import describe
from .blueprint import Blueprint
from .spec import AbstractAttribute, declared


def fields(module: Any) -> dict[str, AbstractAttribute]:
    """The parameters, states and simulation parameters of a module, by field name.

    **Arguments:**

    - `module`: a module class, or an instance. For an instance, roles and families are
        those of the instance (`Constant`, `Parameter`, … as arguments change them), and
        fields that its configuration lacks are left out.

    **Returns:** a dictionary from field names to [`eqpool.Parameter`][],
    [`eqpool.State`][] or [`eqpool.SimulationParameter`][], in the order of the class.

    **Raises:** `TypeError` if `module` is neither.
    """
    if isinstance(module, type) and dataclasses.is_dataclass(module):
        return dict(_of_class(module))
    blueprint = getattr(module, "blueprint", None)
    if isinstance(blueprint, Blueprint):
        return blueprint.apply(_of_class(type(module)))
    raise TypeError(f"eqpool.fields takes a module or a module class; got {describe(module)}.")


@ft.cache
def _of_class(cls: type) -> dict[str, AbstractAttribute]:
    return declared(cls)
