"""A module as text: its tree, with shapes and families."""

import textwrap
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import numpy as np

from .._attribute.blueprint import Blueprint
from .._attribute.fields import fields
from .._attribute.function import Function
from .._attribute.spec import own_first, Parameter, SimulationParameter, State
from .._errors import shorten
from .._sparse import SparseWeights
from .tree import attribute_value, submodules


_WIDTH = 100
_ROLES = {Parameter: "parameters", State: "states", SimulationParameter: "simulation"}


def as_text(module: Any, name: str = "") -> str:
    """The tree of a module: names, sizes, and its attributes by role and family.

    **Arguments:**

    - `module`: any module, whatever its leaves are.
    - `name`: what to call it. Default: its class and name.
    """
    sizes = " -> ".join(str(size) for size in (module.shape[0], module.shape[-1]))
    settings, head = ", ".join(_settings(module)), f"{name or module.full_name}  {sizes}"
    rows = list(_attribute_lines(module))
    if settings and len(head) + len(settings) < _WIDTH - 10:
        head += f"  ({settings})"
    elif settings:
        rows = _wrapped("settings    ", settings) + rows
    inner = submodules(module)
    lines = [head, *(("│   " if inner else "    ") + row for row in rows)]
    for i, (key, child) in enumerate(inner):
        last = i == len(inner) - 1
        title = f"{key} {child.name!r}" if child.name else key
        if type(child).__name__ not in key:
            title = f"{key}: {child.full_name}"
        first, *rest = as_text(child, title).splitlines()
        lines.append(("└── " if last else "├── ") + first)
        lines += [("    " if last else "│   ") + line for line in rest]
    return "\n".join(lines)


def _settings(module: Any) -> Iterator[str]:
    """What else was chosen: a solver, a function."""
    hidden = {*fields(type(module)), *(member.field for member in module.blueprint.members)}
    for entry in own_first(type(module)):
        value = getattr(module, entry.name, None)
        if entry.name in hidden or isinstance(value, Blueprint) or value is None:
            continue
        if not _holds_modules(value):
            yield f"{entry.name}={_phrase(value)}"


def _holds_modules(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_modules, value))
    if isinstance(value, dict):
        return any(map(_holds_modules, value.values()))
    return isinstance(getattr(value, "blueprint", None), Blueprint)


def _phrase(value: Any) -> str:
    if isinstance(value, Function):
        value = value.unwrapped
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    return shorten(eqx.tree_pformat(value, width=10_000))


def _attribute_lines(module: Any) -> Iterator[str]:
    known = fields(module)
    families = max((len(str(field.family)) for field in known.values()), default=0)
    for role, title in _ROLES.items():
        by_family: dict[str, dict[str, list[str]]] = {}
        for name, field in known.items():
            if isinstance(field, role):
                kind = leaf_text(attribute_value(module, name))
                weights = getattr(module, name, None)
                if isinstance(weights, SparseWeights):
                    kind = f"{kind} of {'x'.join(map(str, weights.shape))}"
                by_family.setdefault(str(field.family), {}).setdefault(kind, []).append(name)
        for family, by_kind in by_family.items():
            text = "  ".join(f"{', '.join(names)} {kind}" for kind, names in by_kind.items())
            yield from _wrapped(f"{title:10}  {family:{families}}  ", text)
            title = ""


def _wrapped(start: str, text: str) -> list[str]:
    indent = " " * len(start)
    return textwrap.wrap(
        text, _WIDTH, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False
    )


def leaf_text(leaf: Any) -> str:
    """`f32[3,4]` for an array, also while it is traced; else the value, in short."""
    if hasattr(leaf, "shape") and hasattr(leaf, "dtype"):
        try:
            dtype = np.dtype(leaf.dtype)
            short = "bool" if dtype.kind == "b" else f"{dtype.kind}{8 * dtype.itemsize}"
        except TypeError:  # a key of `jax.random.key`
            short = str(leaf.dtype)
        return f"{short}[{','.join(map(str, leaf.shape))}]"
    return shorten(repr(leaf))
