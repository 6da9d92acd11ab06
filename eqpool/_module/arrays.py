"""Checks the arrays that a run starts from against what is declared of them."""

from typing import Any

import jax.numpy as jnp

from .._attribute.fields import fields
from .._attribute.resolve import concrete_shape
from .._attribute.spec import permitted_shapes, State
from .._errors import describe, listing
from .._sparse import SparseWeights
from .._types import Shape
from .batching import is_random
from .precision import FLOATS
from .tree import attribute_value, has_batch_axis, is_tied, lead_axes, Site, submodules


_TINY = ("A", "F", "S")
"""Units of which float16, which ends at 6e-8, holds nothing that a neuron has."""


def check_arrays(module: Any, input_shape: tuple[Any, ...]) -> None:
    """Raises where an array of a module, or of one inside it, is not what its class declares.

    Only shapes and dtypes are looked at, so it can be called while tracing, where it costs nothing
    at run time. A state with a batch axis must fit the input, `(T, N_in)` or `(B, T, N_in)`, whose
    sizes may be those that `jax.export` leaves open.
    """
    _check_module(module, (), module.full_name, input_shape)


def _check_module(
    module: Any, path: tuple[str, ...], owner: str, input_shape: tuple[Any, ...]
) -> None:
    for name, field in fields(module).items():
        site = Site((*path, name), field, module)
        where = f"{owner}: {'.'.join(site.path)!r}"
        value, initial = attribute_value(module, name), module.blueprint.initial.get(name)
        if value is None or initial is None:
            raise TypeError(
                f"{where} is not there: this is one half of a partition. Put both together, as "
                "`eqpool.combine(params, rest)`."
            )
        if is_tied(value):
            raise TypeError(
                f"{where} is tied to another attribute by `eqx.nn.Shared`: call what that made, "
                "and run the network that it returns, as `shared()(x)`."
            )
        _check_sparse(module, name, where)
        if not (hasattr(value, "dtype") and hasattr(value, "shape")):
            raise TypeError(f"{where} must be an array; got {describe(value)}.")
        _check_dtype(site, value, where)
        _check_shape(site, value, where)
        _check_batch(site, value, owner, input_shape)
    for name, child in submodules(module):
        _check_module(child, (*path, name), owner, input_shape)


def _check_dtype(site: Site, value: Any, where: str) -> None:
    assert site.field is not None
    wanted = site.initial.dtype
    if is_random(site):
        if value.dtype != jnp.uint32 or value.shape[-1:] != site.initial.shape[-1:]:
            raise TypeError(
                f"{where} is {describe(value)}; a module holds its keys as raw data of Threefry: "
                "hand over a key of any kind by `set_attributes`, which converts it."
            )
        return
    if site.field.cast_fn is not None and not jnp.issubdtype(wanted, jnp.floating):
        if value.dtype != wanted:
            raise TypeError(f"{where} is {describe(value)}; expected {wanted}.")
        return
    if value.dtype.name not in FLOATS:
        raise TypeError(
            f"{where} is {describe(value)}; expected floating point, one of {listing(FLOATS)}: "
            "convert it with `.astype(float)`, or use `set_attributes`, which does."
        )
    if value.dtype == jnp.float16 and site.field.unit in _TINY:
        raise TypeError(
            f"{where} is float16, which holds nothing below 6e-8 {site.field.unit}: use bfloat16, "
            "which has the range of float32, or float32."
        )


def _check_shape(site: Site, value: Any, where: str) -> None:
    lead, shapes = lead_axes(site)
    if lead:
        raise ValueError(
            f"{where} has shape {value.shape}: this is an ensemble. Map over it, as "
            "`eqx.filter_vmap(lambda mod: mod(x))(ensemble)`."
        )
    is_state = isinstance(site.field, State)
    assert site.field is not None
    if not (is_state or permitted_shapes(site.field, "")):
        return  # its class does not say
    if value.shape[has_batch_axis(site, value) :] not in shapes:
        more = ", or with a batch axis in front" if is_state else ""
        raise ValueError(f"{where} has shape {value.shape}; expected {_listed(shapes)}{more}.")


def _check_batch(site: Site, value: Any, owner: str, input_shape: tuple[Any, ...]) -> None:
    if has_batch_axis(site, value) and input_shape[:-2] != value.shape[:1]:
        got = f"batch size {input_shape[0]}" if len(input_shape) == 3 else "no batch axis"
        raise ValueError(
            f"{owner}: the state {'.'.join(site.path)!r} has batch size {len(value)}, but "
            f"input_data (shape {input_shape}) has {got}: give input of the same batch size, or "
            "start afresh with `reset_state()`."
        )


def _check_sparse(module: Any, name: str, where: str) -> None:
    value = getattr(module, name, None)
    connections = dict(module.blueprint.sparse).get(name)
    if isinstance(value, SparseWeights) != (connections is not None):
        now, want = ("sparse", "an array") if connections is None else ("dense", "SparseWeights")
        raise TypeError(
            f"{where} is {now}; this module was built with {want}. Build a new module, or change "
            "values only."
        )
    if not isinstance(value, SparseWeights):
        return
    declared, sizes = fields(type(module))[name], dict(module.blueprint.sizes)
    shapes = [concrete_shape(shape, "", sizes) for shape in permitted_shapes(declared, "")]
    if value.shape not in shapes:
        raise ValueError(f"{where} has shape {value.shape}; expected {_listed(shapes)}.")
    indices = (value.sources, value.targets, value.by_source, value.by_target)
    if not all(jnp.issubdtype(x.dtype, jnp.integer) for x in indices):
        raise TypeError(
            f"{where}: the indices of sparse weights must stay integers; got "
            f"{', '.join(map(describe, indices))}. Cast inexact arrays only, as "
            "`jax.tree.map(lambda x: x.astype(dtype) if eqx.is_inexact_array(x) else x, mod)`."
        )


def _listed(shapes: list[Shape]) -> str:
    return " or ".join(map(str, shapes))
