"""New modules from old ones: other attribute values, or the initial ones."""

import math
from collections.abc import Mapping
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._attribute.fields import fields
from .._attribute.resolve import check_values
from .._attribute.spec import AbstractAttribute, State
from .._errors import describe, listing, suggestion
from .._random import as_raw_keys
from .._sparse import is_sparse, SparseWeights, values_for
from .batching import is_random
from .rockpool import attribute_name, submodule_name
from .tree import is_tied, lead_axes, map_leaves, Site, submodules


_M = TypeVar("_M")


def set_attributes(module: _M, attributes: Mapping[str, Any]) -> _M:
    """`module` with the values of a nested dictionary in place of its own."""
    owner = type(module).__name__
    wanted = flat_attributes(module, attributes, (), owner, from_rockpool=True)

    def replace(site: Site, leaf: Any) -> Any:
        if site.path in wanted and is_tied(leaf):
            raise ValueError(
                f"{'.'.join((owner, *site.path))}: is tied to another attribute by `eqx.nn.Shared` "
                "and has no value of its own; set the one that it is tied to."
            )
        if site.field is None or site.path not in wanted:
            return leaf
        return _new_value(site, leaf, wanted[site.path], ".".join((owner, *site.path)))

    return map_leaves(replace, module)


def reset(module: _M, role: type[AbstractAttribute]) -> _M:
    """`module` with every attribute of a role at its initial value."""

    def restore(site: Site, leaf: Any) -> Any:
        # A copy, so that value and initial value can still be donated together.
        return jnp.array(site.initial, copy=True) if isinstance(site.field, role) else leaf

    return map_leaves(restore, module)


def flat_attributes(
    module: Any, attributes: Any, path: tuple[str, ...], owner: str, from_rockpool: bool = False
) -> dict[tuple[str, ...], Any]:
    """The values of a nested dictionary by their logical paths.

    With `from_rockpool`, names of Rockpool's that say nothing here are passed over.

    **Raises:** `ValueError`, listing what exists, for an unknown name.
    """
    where = ".".join((owner, *path))
    if not isinstance(attributes, Mapping):
        raise TypeError(
            f"{where}: expected a dictionary of attributes; got {describe(attributes)}."
        )
    own, inner = fields(module), dict(submodules(module))
    found = {}
    for given, value in attributes.items():
        name = submodule_name(given, inner)
        if name in inner:
            found |= flat_attributes(inner[name], value, (*path, name), owner, from_rockpool)
            continue
        if name not in own and from_rockpool:
            name = attribute_name(module, given, value, f"{where}.{given}")
            if name == "":
                continue
        if name not in own:
            names = [*own, *inner]
            lacks = " as it was built" if given in module.blueprint.absent else ""
            raise ValueError(
                f"{where} has no attribute {given!r}{lacks}.{suggestion(str(given), names)} "
                f"It has {listing(names)}."
            )
        found[*path, name] = value
    return found


def _new_value(site: Site, leaf: Array, value: Any, owner: str) -> Array:
    assert site.field is not None
    value = _values_of_sparse(site, value, owner)
    if is_random(site) and leaf.shape[-1:] == (2,):
        keys = as_raw_keys(value)
        value = value if keys is None else keys
    try:
        # A NumPy array is copied: its owner may change it.
        array = jnp.array(value) if isinstance(value, np.ndarray) else jnp.asarray(value)
    except (TypeError, ValueError):
        raise TypeError(f"{owner}: must be an array; got {describe(value)}.") from None
    if jnp.issubdtype(leaf.dtype, jnp.floating):
        permitted = jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(
            array.dtype, jnp.integer
        )
    else:
        permitted = array.dtype == leaf.dtype
    if not permitted:
        raise TypeError(f"{owner}: expected {leaf.dtype}; got {describe(array)}.")
    array = _fit(site, array, owner).astype(leaf.dtype)
    if not isinstance(site.field, State):  # a state carried on in a loop must not wait for it
        check_values(array, site.field, owner)
    return array


def _values_of_sparse(site: Site, value: Any, owner: str) -> Any:
    """What a sparse matrix, or a dense one in place of it, gives for the connections there are."""
    current = getattr(site.module, site.path[-1], None)
    if is_sparse(value):
        if not isinstance(current, SparseWeights):
            raise TypeError(
                f"{owner}: is dense here, and stays so; give an array, as `value.todense()`, or "
                "build a new module."
            )
        return values_for(current, value, owner)
    if isinstance(current, SparseWeights) and getattr(value, "shape", ()) == current.shape:
        raise ValueError(
            f"{owner}: is sparse here, and keeps its connections; give their values, shape "
            f"({current.connections},), as `mod.w_rec.take(dense)`."
        )
    return value


def _fit(site: Site, array: Array, owner: str) -> Array:
    assert site.field is not None
    lead, shapes = lead_axes(site)
    batchable = isinstance(site.field, State)
    for shape in shapes:
        if array.shape == lead + shape:
            return array
        inner = array.shape[len(lead) : array.ndim - len(shape)]
        if batchable and len(inner) == 1 and array.shape == lead + inner + shape:
            return array
    if site.field.permit_reshape:
        for shape in shapes:
            if math.prod(lead + shape) == array.size:
                return array.reshape(lead + shape)
    expected = " or ".join(str(lead + shape) for shape in shapes)
    batch = f", or with a batch axis B: (B, {', '.join(map(str, shapes[0]))})" if batchable else ""
    raise ValueError(f"{owner}: has shape {array.shape}, expected {expected}{batch}.")
