"""A pytree of modules as JSON and arrays, and back."""

import dataclasses
import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._attribute import Blueprint, fields, Function
from .._errors import describe, is_concrete, listing
from .._module import is_tied
from ._annotations import fits, hints, is_checked, is_own
from ._names import is_marker, Names
from ._tensors import DTYPES


_RESERVED = "__metadata__"  # of the format


def encode(value: Any, names: Names) -> tuple[Any, dict[str, np.ndarray]]:
    """JSON for `value`, and the arrays that it names.

    **Raises:** `TypeError`, naming the place, for what has no name or no form in a file.
    """
    arrays: dict[str, np.ndarray] = {}
    return _encode(value, names, arrays, ""), arrays


def _encode(value: Any, names: Names, arrays: dict[str, np.ndarray], place: str) -> Any:
    def inner(value: Any, key: Any) -> Any:
        return _encode(value, names, arrays, f"{place}.{key}" if place else str(key))

    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if eqx.is_array(value) or isinstance(value, np.ndarray):
        # Keys of dictionaries may hold dots, so that two places read alike.
        name = place
        while name in arrays or name == _RESERVED:
            name += "'"
        arrays[name] = _as_numpy(value, place)
        return {"array": name}
    if is_tied(value):
        raise TypeError(
            f"eqpool.save: {place!r} is tied to another place by `eqx.nn.Shared`, which a file "
            "cannot hold; save the network that it returns, `eqpool.save(path, shared())`, and tie "
            "it again after `eqpool.load`."
        )
    if isinstance(value, Function):
        return {"function": inner(value.unwrapped, "function")}
    if isinstance(value, eqx.Module) or hasattr(value, "_fields"):
        name = names.of(type(value))
        if name is None:
            raise TypeError(_nameless(place, type(value).__name__, f"the class {type(value)}"))
        given = [key for key in _field_names(type(value)) if hasattr(value, key)]
        return {"class": name, "fields": {key: inner(getattr(value, key), key) for key in given}}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [inner(item, i) for i, item in enumerate(value)]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        kind = "ordered" if isinstance(value, OrderedDict) else "dict"
        return {kind: {key: inner(item, key) for key, item in value.items()}}
    if isinstance(value, jax.tree_util.Partial):
        parts = dict(function=value.func, args=value.args, keywords=value.keywords)
        return {"partial": {key: inner(part, key) for key, part in parts.items()}}
    name = names.of(value)
    if name is None and callable(value):
        raise TypeError(_nameless(place, getattr(value, "__name__", "it"), describe(value)))
    if name is None:
        where = place or "the model"
        raise TypeError(
            f"eqpool.save: {where!r} is {describe(value)}, which a file cannot hold: it holds "
            "modules, arrays with values, numbers, text, and lists, tuples and dictionaries (whose "
            "keys are text) of them."
        )
    return {"name": name}


def _as_numpy(value: Any, place: str) -> np.ndarray:
    if not is_concrete(value):
        raise TypeError(f"eqpool.save: {place!r} is being traced; save outside jit, grad and vmap.")
    if isinstance(value, jax.Array) and value.is_deleted():
        raise ValueError(
            f"eqpool.save: {place!r} is {describe(value)}, whose values are gone: it was donated "
            "to a compiled function. Save what that function returned."
        )
    if jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        raise TypeError(
            f"eqpool.save: {place!r} is a typed key; keep `jax.random.key_data(key)` instead."
        )
    if np.dtype(value.dtype) not in DTYPES.values():
        where = place or "the model"
        raise TypeError(
            f"eqpool.save: {where!r} is {describe(value)}, a kind that no file can hold; convert "
            "it, as `x.astype(jnp.float32)`."
        )
    return np.ascontiguousarray(value).reshape(np.shape(value))


def _nameless(place: str, name: str, what: str) -> str:
    name = name if name.isidentifier() else "my_function"
    return (
        f"eqpool.save: {place or 'the model'!r} is {what}, for which a file has no name. Give it "
        f"one, `eqpool.save(path, model, known={{{name!r}: ...}})`, and the same to `eqpool.load`."
    )


def decode(
    tree: Any, arrays: Mapping[str, jax.Array], names: Names, *, complete: bool = True
) -> Any:
    """The value that `encode` wrote.

    Nothing is called on the way but `__check_init__` of the classes that are named, and not that
    unless the arrays are `complete`, with values. Messages of errors begin with the place.

    **Raises:** `ValueError` for anything that `encode` does not write.
    """
    left = dict(arrays)
    value = _decode(tree, left, names, complete, "")
    if left:
        raise ValueError(f"it holds arrays that belong nowhere, {listing(left)}.")
    return value


def _decode(tree: Any, left: dict[str, jax.Array], names: Names, complete: bool, place: str) -> Any:
    def inner(tree: Any, key: Any) -> Any:
        return _decode(tree, left, names, complete, f"{place}.{key}" if place else str(key))

    if tree is None or isinstance(tree, (bool, int, float, str)):
        return tree
    where = place or "the model"
    if not isinstance(tree, dict):
        raise ValueError(f"{where!r} is not a structure.")
    match tree:
        case {"array": str(key)} if len(tree) == 1 and key in left:
            return left.pop(key)
        case {"float": "inf" | "-inf" | "nan" as text} if len(tree) == 1:
            return float(text)
        case {"tuple": list(items)} if len(tree) == 1:
            return tuple(inner(item, i) for i, item in enumerate(items))
        case {"list": list(items)} if len(tree) == 1:
            return [inner(item, i) for i, item in enumerate(items)]
        case {"dict": dict(items)} if len(tree) == 1:
            return {key: inner(item, key) for key, item in items.items()}
        case {"ordered": dict(items)} if len(tree) == 1:
            return OrderedDict((key, inner(item, key)) for key, item in items.items())
        case {"name": name} if len(tree) == 1:
            value = names.find(name)
            if isinstance(value, type):
                raise ValueError(f"{where!r} names the class {name!r} where a function stands.")
            return value
        case {"function": function} if len(tree) == 1:
            value = inner(function, "function")
            if not callable(value):
                raise ValueError(f"{where!r} is no function.")
            return Function(value)
        case {"partial": {"function": _, "args": _, "keywords": _} as parts} if len(tree) == 1:
            f, args, keywords = (inner(parts[key], key) for key in ("function", "args", "keywords"))
            if not (callable(f) and isinstance(args, tuple) and isinstance(keywords, dict)):
                raise ValueError(f"{where!r} is no partial function.")
            return jax.tree_util.Partial(f, *args, **keywords)
        case {"class": name, "fields": dict(given)} if len(tree) == 2:
            cls = names.find(name)
            values = {key: inner(item, key) for key, item in given.items()}
            return _instance(cls, values, complete, where)
    raise ValueError(f"{where!r} is not a structure of this format.")


def _instance(cls: Any, values: dict[str, Any], complete: bool, where: str) -> Any:
    if not isinstance(cls, type) or not (issubclass(cls, eqx.Module) or hasattr(cls, "_fields")):
        raise ValueError(f"{where!r} is said to be a {cls}, which is no class of modules.")
    expected = _field_names(cls)
    values = _with_later_fields(cls, values)
    if set(values) != set(expected):
        raise ValueError(
            f"{where!r}, a {cls.__name__}, must have the fields {listing(expected)}; the file has "
            f"{listing(values)}."
        )
    for key, hint in hints(cls).items():
        if hint is Function and callable(values.get(key)):
            values[key] = Function(values[key])  # of a file from before it was one
        if key in values and not (fits(values[key], hint) or _stands_in(values[key], cls)):
            raise ValueError(
                f"{where!r}, a {cls.__name__}, cannot have {key} = {describe(values[key])}."
            )
    if hasattr(cls, "_fields"):
        return cls(**values)
    # As unflattening does it: a constructor would draw, convert and check arguments anew.
    module = object.__new__(cls)
    for key, value in values.items():
        object.__setattr__(module, key, value)
    for base in reversed(cls.__mro__):
        if complete and "__check_init__" in vars(base):
            vars(base)["__check_init__"](module)
    return module


def _with_later_fields(cls: Any, values: dict[str, Any]) -> dict[str, Any]:
    """What a file of an earlier version says, and the fields that its class did not have then."""
    later = {name: x for name, x in getattr(cls, "later_fields", {}).items() if name not in values}
    blueprint = values.get("blueprint")
    if not later or not isinstance(blueprint, Blueprint):
        return values
    absent = [name for name in later if name in fields(cls)]
    blueprint = dataclasses.replace(blueprint, absent=(*blueprint.absent, *absent))
    return values | later | {"blueprint": blueprint}


def _stands_in(value: Any, cls: Any) -> bool:
    """Whether this may be where another library says otherwise, as a user's layer for an array.

    A run shows whether it may.
    """
    layer = isinstance(value, eqx.Module) and not is_checked(type(value))
    return is_marker(value) or not is_own(cls) and (layer or isinstance(value, jax.Array))


def _field_names(cls: Any) -> list[str]:
    if hasattr(cls, "_fields"):
        return list(cls._fields)
    return [entry.name for entry in dataclasses.fields(cls)]
