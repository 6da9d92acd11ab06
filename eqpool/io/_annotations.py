"""Whether a value fits an annotation, as far as that shows without calling anything."""

import collections
import collections.abc
import functools as ft
import types
import typing
from typing import Any

import jax
import jaxtyping


_CHECKED = ("eqpool", "diffrax", "optimistix", "lineax", "equinox")


@ft.cache
def hints(cls: type) -> dict[str, Any]:
    """The annotations of a class of the libraries that a file may name; none of a user's."""
    if not is_checked(cls):
        return {}
    try:
        return typing.get_type_hints(cls)
    except (NameError, AttributeError):  # imported for type checkers only
        return {}


def is_checked(cls: type) -> bool:
    """Whether this is a class whose annotations tell what may stand in its fields."""
    return cls.__module__.partition(".")[0] in _CHECKED


def is_own(cls: type) -> bool:
    """Whether this is a class of eqpool."""
    return cls.__module__.partition(".")[0] == "eqpool"


def fits(value: Any, hint: Any) -> bool:
    """Whether `value` may stand where `hint` is annotated. Shapes of arrays are not looked at."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is typing.Literal:
        return value in inner
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if inner[-1:] == (...,):
            return all(fits(item, inner[0]) for item in value)
        return len(value) == len(inner) and all(map(fits, value, inner))
    if origin is list:
        return isinstance(value, list) and all(fits(item, inner[0]) for item in value)
    if origin in (dict, collections.OrderedDict, collections.abc.Mapping):
        kind = origin if origin is collections.OrderedDict else dict
        return isinstance(value, kind) and all(fits(item, inner[1]) for item in value.values())
    if origin is collections.abc.Callable or hint is collections.abc.Callable:
        return callable(value)
    if hint is Any:
        return True
    if hint is None:
        return value is None
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if not isinstance(hint, type) or isinstance(hint, type(jaxtyping.PyTree)):
        return True
    if issubclass(hint, (jaxtyping.AbstractArray, jax.Array)):
        return isinstance(value, jax.Array)
    return isinstance(value, origin if isinstance(origin, type) else hint)
