"""Selecting attributes by role and family."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from .._errors import describe, listing, suggestion
from .spec import AbstractAttribute, Parameter, SimulationParameter, State


Predicate: TypeAlias = Callable[[tuple[str, ...], AbstractAttribute], bool]


@dataclasses.dataclass(frozen=True)
class Selection:
    """A predicate `(path, field) -> bool`: attributes of one role, of some families or all.

    `where` is a further condition, or `None`.
    """

    role: type[AbstractAttribute] = Parameter
    families: tuple[str, ...] | None = None
    where: Predicate | None = None

    def __call__(self, path: tuple[str, ...], field: AbstractAttribute) -> bool:
        return (
            type(field) is self.role
            and (self.families is None or field.family in self.families)
            and (self.where is None or bool(self.where(path, field)))
        )

    def check(self, fields: Iterable[AbstractAttribute]) -> None:
        """Raises `ValueError` if none of `fields` has a family that was asked for."""
        existing = sorted({str(field.family) for field in fields if type(field) is self.role})
        for family in self.families or ():
            if family not in existing:
                raise ValueError(
                    f"No {self.role.role} has the family {family!r}. Families of "
                    f"{self.role.role}s here: {listing(existing)}.{suggestion(family, existing)}"
                )


FamilyLike: TypeAlias = str | Iterable[str] | Predicate | Callable[[], Selection] | None


def selection(family: FamilyLike, role: type[AbstractAttribute] = Parameter) -> Selection:
    """A `Selection` from whatever a user may say.

    **Arguments:**

    - `family`: a name, several names, a predicate on `(path, field)` (which is asked
        about attributes of `role` only), a `Selection`, a function that makes one without
        arguments (`is_state` for `is_state()`), or `None` for every attribute of `role`.
    - `role`: `Parameter` (default), `State` or `SimulationParameter`.

    **Raises:** `TypeError` for anything else, `ValueError` for an empty collection.
    """
    for predicate in (is_parameter, is_state, is_simulation_parameter):
        if family is predicate:
            return predicate()
    if isinstance(family, Selection):
        return family
    if family is None:
        return Selection(role)
    if isinstance(family, str):
        return Selection(role, (family,))
    if callable(family):
        where: Any = family
        return Selection(role, None, where)
    names: Any = tuple(family) if isinstance(family, Iterable) else family
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        raise TypeError(
            "family must be a name, several names, or a predicate on (path, field); got "
            f"{describe(family)}."
        )
    if not names:
        raise ValueError("family is empty; use None for every family.")
    return Selection(role, names)


def is_parameter(family: FamilyLike = None) -> Selection:
    """Returns a predicate `(path, field)` for parameters, of some families or of all (`None`)."""
    return selection(family, Parameter)


def is_state() -> Selection:
    """Returns a predicate `(path, field)` for states.

    !!! example

        ```python
        states, rest = eqx.partition(net, eqpool.filter_spec(net, eqpool.is_state()))
        ```
    """
    return selection(None, State)


def is_simulation_parameter() -> Selection:
    """Returns a predicate `(path, field)` for simulation parameters."""
    return selection(None, SimulationParameter)
