"""`initialise`: from constructor arguments to the fields of a module."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from .._attribute.blueprint import Blueprint, Member
from .._attribute.fields import fields
from .._attribute.resolve import resolve
from .._attribute.spec import AbstractAttribute
from .._errors import describe, listing
from .._random import as_key, keys_by_name
from .._sparse import SparseWeights
from .._types import Shape
from .stray import check_fields


def initialise(
    module: Any,
    shape: int | tuple[int, ...],
    arguments: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    rng_key: Any = None,
    absent: Sequence[str] = (),
    members: Mapping[str, Mapping[str, AbstractAttribute]] | None = None,
    sizes: Mapping[str, int | None] | None = None,
    channels: Shape | None = None,
    spiking_input: bool = False,
    spiking_output: bool = False,
) -> None:
    """Sets every declared field of a module, and its `blueprint`; call it in `__init__`.

    **Arguments:**

    - `module`: the module being built (`self`).
    - `shape`: `N`, `(N,)` or `(N_in, N_out)`.
    - `arguments`: values by field name, as the constructor was given them. A field that is
        missing here, or `None`, takes the default of its declaration.
    - `name`: a name for messages. Default: none.
    - `rng_key`: the key behind everything that is drawn: a key, an integer seed, or `None`
        for a fresh seed.
    - `absent`: declared fields that this instance does not have; they are set to `None`.
    - `members`: fields that hold a dictionary of attributes whose names depend on the arguments:
        for each, what its entries are, by name. They count as attributes of the module itself.
    - `sizes`: further sizes that declared shapes name, beyond `N_in`, `N_out` and `N`; an axis of
        size `None` is left out.
    - `channels`: shape of the input at one time step where it may come with more than one
        axis: input `(..., T, *channels)` is then the same as `(..., T, N_in)`. Default: none.
    - `spiking_input`, `spiking_output`: whether input and output are spikes.

    **Raises:** `TypeError` and `ValueError` naming class and field, as listed at
    [`eqpool.AbstractAttribute`][].
    """
    cls = type(module).__name__
    arguments = dict(arguments or {})
    shape = normalise_shape(shape, cls)
    known = {"N_in": shape[0], "N_out": shape[-1], "N": shape[-1], **(sizes or {})}
    declared = fields(type(module))
    check_fields(module)  # what stands in a declared field would be lost
    for unknown in (*arguments.keys(), *absent):
        if unknown not in declared:
            raise ValueError(f"{cls} has no field {unknown!r}; it has {listing(declared)}.")

    key = as_key(rng_key)
    keys = keys_by_name(key, declared)
    initial, overrides, sparse = {}, [], []
    for field_name, declaration in declared.items():
        if field_name in absent:
            setattr(module, field_name, None)
            continue
        value, attribute = resolve(
            declaration,
            arguments.get(field_name),
            owner=f"{cls}.{field_name}",
            sizes=known,
            key=keys[field_name],
        )
        if (attribute.role, attribute.family) != (declaration.role, declaration.family):
            overrides.append((field_name, attribute.role, attribute.family))
        setattr(module, field_name, value)
        if isinstance(value, SparseWeights):
            sparse.append((field_name, value.connections))
            value = value.values
        # A copy, so that both can be donated to a compiled function.
        initial[field_name] = jnp.array(value, copy=True)

    listed = []
    for field_name, attributes in (members or {}).items():
        values = {}
        keys = keys_by_name(key, attributes)
        for entry, given in attributes.items():
            value, attribute = resolve(
                given, None, owner=f"{cls}.{entry}", sizes=known, key=keys[entry]
            )
            listed.append(
                Member(field_name, entry, attribute.role, str(attribute.family), value.shape)
            )
            values[entry] = value
            initial[entry] = jnp.array(value, copy=True)
        setattr(module, field_name, values)

    module.blueprint = Blueprint(
        initial=initial,
        name=name,
        shape=shape,
        channels=channels,
        sizes=tuple(known.items()),
        overrides=tuple(overrides),
        absent=tuple(absent),
        sparse=tuple(sparse),
        members=tuple(listed),
        spiking_input=spiking_input,
        spiking_output=spiking_output,
    )


def normalise_shape(shape: Any, owner: str) -> Shape:
    """`(N,)` or `(N_in, N_out)` of positive integers."""
    entries = shape if isinstance(shape, (tuple, list)) else (shape,)
    try:
        sizes = tuple(operator.index(size) for size in entries)
    except TypeError:
        sizes = ()
    if len(sizes) not in (1, 2) or any(size < 1 for size in sizes):
        raise ValueError(
            f"{owner}: shape must be N, (N,) or (N_in, N_out) with positive integers; got "
            f"{describe(shape)}."
        )
    return sizes


def square_shape(shape: Any, owner: str) -> tuple[int, ...]:
    """`(N,)` or `(N, N)`, or an error."""
    shape = normalise_shape(shape, owner)
    if shape[0] != shape[-1]:
        raise ValueError(
            f"{owner}: shape must be N or (N, N): as many outputs as inputs; got {shape}. "
            "Put an `eqpool.Linear` in front to change the number of channels."
        )
    return shape
