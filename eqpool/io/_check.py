"""Whether a module that was read agrees with what its class declares."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import jax.tree_util as jtu

from .._attribute import (
    concrete_shape,
    fields,
    Parameter,
    permitted_shapes,
    SimulationParameter,
    State,
)
from .._errors import describe, listing
from .._module import attribute_value, is_module, lead_axes, Site, submodules
from .._sparse import SparseWeights


_ROLES = {role.role for role in (Parameter, State, SimulationParameter)}


def check_whole(tree: Any) -> None:
    """Raises `ValueError` for half of a partition, which has `None` in place of the other half."""
    for owner, module in _modules(tree):
        initial = module.blueprint.initial
        for name in fields(module):
            if attribute_value(module, name) is None or initial.get(name, ()) is None:
                raise ValueError(
                    f"eqpool.save: {owner}.{name}: must be an array; it is NoneType None, as in "
                    "one half of a partition or in a gradient. Put the halves together first, "
                    "`eqpool.combine(trainable, frozen)`."
                )


def check(tree: Any) -> None:
    """Raises `ValueError`, naming class and field, where a module contradicts its declaration."""
    for owner, module in _modules(tree):
        _check_blueprint(module, owner)
        for name, field in fields(module).items():
            _check_value(module, name, field, f"{owner}.{name}")


def _modules(tree: Any) -> Iterator[tuple[str, Any]]:
    """All modules and those inside them, each by its way from an outermost one."""
    for module in filter(is_module, jtu.tree_leaves(tree, is_leaf=is_module)):
        yield from _inside(module, type(module).__name__)


def _inside(module: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, module
    for name, child in submodules(module):
        yield from _inside(child, f"{path}.{name}")


def _check_blueprint(module: Any, owner: str) -> None:
    blueprint, declared = module.blueprint, fields(type(module))
    sizes, shape = dict(blueprint.sizes), blueprint.shape
    # An empty `Sequential` has no size, and takes any input.
    least = 0 if shape == (0,) and not declared and not blueprint.initial else 1
    if len(shape) not in (1, 2) or any(size < least for size in shape):
        raise ValueError(f"{owner}: its shape {shape} is none.")
    for name, size in (("N_in", shape[0]), ("N", shape[-1]), ("N_out", shape[-1])):
        if sizes.get(name) != size:
            raise ValueError(f"{owner}: its size {name} = {sizes.get(name)} contradicts {shape}.")
    roles = [(role, name) for name, role, _ in blueprint.overrides]
    unknown = [name for name in (*(name for _, name in roles), *blueprint.absent)
               if name not in declared]  # fmt: skip
    unknown += [m.name for m in blueprint.members if not _is_member(module, m)]
    if unknown or not {role for role, _ in roles} <= _ROLES:
        raise ValueError(f"{owner}: its blueprint speaks of {listing(unknown)}, which it lacks.")
    sparse = dict(blueprint.sparse)
    for name, field in declared.items():
        value = getattr(module, name, None)
        if isinstance(value, SparseWeights) != (name in sparse):
            raise ValueError(f"{owner}.{name}: its blueprint does not say whether it is sparse.")
        if isinstance(value, SparseWeights):
            _check_sparse(value, sparse[name], field, sizes, f"{owner}.{name}")
    present = [name for name in blueprint.absent if getattr(module, name) is not None]
    if present:
        raise ValueError(f"{owner}: has {listing(present)}, which its configuration lacks.")
    if set(blueprint.initial) != set(fields(module)):
        raise ValueError(
            f"{owner}: initial values are there for {listing(blueprint.initial)}; expected "
            f"{listing(fields(module))}."
        )


def _check_sparse(value: Any, connections: int, field: Any, sizes: Any, owner: str) -> None:
    shapes = [concrete_shape(shape, owner, sizes) for shape in permitted_shapes(field, owner)]
    if value.connections != connections or value.shape not in shapes or not field.sparse:
        raise ValueError(
            f"{owner}: has {value.connections} connections of {value.shape}; expected "
            f"{connections} of one of {shapes}."
        )


def _is_member(module: Any, member: Any) -> bool:
    holder = getattr(module, member.field, None)
    return isinstance(holder, dict) and member.name in holder and member.role in _ROLES


def _check_value(module: Any, name: str, field: Any, owner: str) -> None:
    value, initial = attribute_value(module, name), module.blueprint.initial[name]
    if not isinstance(value, jax.Array):
        raise ValueError(f"{owner}: must be an array; it is {describe(value)}.")
    floating = [jnp.issubdtype(x.dtype, jnp.floating) for x in (value, initial)]
    if floating[0] != floating[1] or not floating[0] and value.dtype != initial.dtype:
        raise ValueError(f"{owner}: is {value.dtype}; expected {initial.dtype}.")
    lead, shapes = lead_axes(Site((name,), field, module))
    if permitted_shapes(field, owner) and not any(initial.shape == lead + s for s in shapes):
        raise ValueError(f"{owner}: its initial value has shape {initial.shape}.")
    for shape in shapes:
        batch = value.ndim - len(lead) - len(shape)
        fits = batch == 0 or batch == 1 and isinstance(field, State)
        inner = value.shape[len(lead) + batch :]
        if fits and value.shape[: len(lead)] == lead and inner == shape:
            return
    raise ValueError(
        f"{owner}: has shape {value.shape}; expected one of {[lead + s for s in shapes]}."
    )
