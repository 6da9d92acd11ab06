"""Attributes that were assigned to a field, as in Rockpool, where they would say nothing."""

import dataclasses
from typing import Any

import jax

from .._attribute.constant import Constant
from .._attribute.fields import fields
from .._attribute.spec import AbstractAttribute


def check_fields(module: Any) -> None:
    """Raises `TypeError`, with the right form, for a field that holds an attribute or a `Constant`.

    Also in a list, tuple or dictionary, and where the class itself assigns it.
    """
    for entry in dataclasses.fields(module):
        value = getattr(module, entry.name, None)
        for part in jax.tree.leaves(value, is_leaf=_is_attribute):
            if _is_attribute(part):
                raise TypeError(_message(type(module), entry.name, type(part).__name__))


def _is_attribute(value: Any) -> bool:
    return isinstance(value, (AbstractAttribute, Constant))


def _message(cls: type, name: str, kind: str) -> str:
    if name in fields(cls):
        remedy = (
            f"Hand it over with the other arguments, `eqpool.initialise(self, shape, {{{name!r}: "
            f"{kind}(...)}})`."
        )
    else:
        role = "SimulationParameter" if kind == "Constant" else kind
        remedy = (
            f"Declare it where the field is annotated, `{name}: Array = eqpool.field(eqpool."
            f"{role}(...))`, and let `eqpool.initialise` set it."
        )
    return (
        f"{cls.__name__}.{name}: a {kind} was assigned to a field, where it says nothing. {remedy}"
    )
