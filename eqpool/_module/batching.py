"""`(T, N)` and `(B, T, N)` through one `vmap`."""

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array

from .._attribute.fields import fields
from .._attribute.spec import State
from .._errors import describe, listing, running
from .._random import split_raw
from .._types import NestedDict
from .explicit_axes import placed
from .place import current_place
from .precision import FLOATS, run_dtype
from .tree import has_batch_axis, map_leaves, Site, submodules


RANDOM = "rng_keys"
"""The family of states that hold a key: a batch splits it instead of sharing it."""


class MeshAxis(NamedTuple):
    """An axis of a mesh of devices."""

    mesh: Mesh
    axis: str


def checked_input(module: Any, input_data: Any) -> Array:
    """`input_data` as a floating-point array with the right axes, or a clear error."""
    owner, n_in = module.full_name, module.size_in
    if isinstance(input_data, eqx.Module):
        raise TypeError(f"{owner}: input_data must be an array; got a module.{_CALLED_BY_OPTAX}")
    try:
        array = input_data
        if not (isinstance(array, jax.Array) or hasattr(array, "__jax_array__")):
            # JAX keeps 32 bits of NumPy's integers, so these are converted first.
            with contextlib.suppress(jax.errors.TracerArrayConversionError):
                array = _as_floating(module, np.asarray(array))
        array = _as_floating(module, jnp.asarray(array))
    except (TypeError, ValueError):
        raise TypeError(
            f"{owner}: input_data must be an array; got {describe(input_data)}."
        ) from None
    channels = module.blueprint.channels
    if channels and array.ndim > 2 and array.shape[-len(channels) :] == channels:
        array = array.reshape(*array.shape[: -len(channels)], n_in)
    shape = array.shape
    expected = f"expected (T, {n_in}) or (B, T, {n_in})"
    if channels:
        axes = ", ".join(map(str, channels))
        expected += f", or the same as (T, {axes}) or (B, T, {axes})"
    if array.dtype.name not in FLOATS:
        remedy = ""
        if jnp.issubdtype(array.dtype, jnp.complexfloating):
            remedy = ": take its real part or its magnitude"
        elif jnp.issubdtype(array.dtype, jnp.floating):
            remedy = ": convert it with `input_data.astype(float)`"
        raise TypeError(
            f"{owner}: input_data must hold numbers, or spikes as booleans; got {describe(array)}"
            f"{remedy}."
        )
    if array.ndim not in (2, 3):
        remedy = ""
        if array.ndim == 1:
            axis = "input_data[None]" if shape[0] == n_in and n_in > 1 else "input_data[:, None]"
            remedy = f": add the missing axis, perhaps with `{axis}`"
        raise ValueError(
            f"{owner}: input_data has {array.ndim} axes, shape {shape}; {expected}{remedy}."
        )
    if n_in and shape[-1] not in (n_in, 1):
        swapped = shape[-2] == n_in
        remedy = (
            ": the last two axes look swapped, try `input_data.swapaxes(-1, -2)`" if swapped else ""
        )
        raise ValueError(
            f"{owner}: input_data has {shape[-1]} channels (shape {shape}); {expected}{remedy}."
        )
    if array.ndim == 3 and shape[0] == 0:
        raise ValueError(
            f"{owner}: input_data is an empty batch (shape {shape}); give at least one element."
        )
    # As in Rockpool, a single channel drives every neuron.
    return jnp.broadcast_to(array, (*shape[:-1], n_in or shape[-1]))


def _as_floating(module: Any, array: Any) -> Any:
    """Booleans and integers in the floating-point type of a module; other arrays as they are."""
    if array.dtype != bool and not jnp.issubdtype(array.dtype, jnp.integer):
        return array
    return array.astype(run_dtype(module))


_CALLED_BY_OPTAX = (
    " If this came from optax: a tree of labels or a mask is a module too, modules are callable, "
    "and optax calls what is callable. Then hand over the function itself, as "
    "`optax.multi_transform(transforms, eqpool.family_labels)` or `optax.masked(optimiser, "
    "lambda params: mask)`."
)


def run_batch(
    module: Any,
    input_data: Array,
    record: bool,
    run_one: Callable[[Any, Array, bool], Any],
    over: MeshAxis | None,
) -> tuple[Array, NestedDict, NestedDict]:
    """One run for each batch element; states without a batch axis are the start of all.

    With `over`, each device along an axis of a mesh runs its share of them by itself.
    """
    size = input_data.shape[0]

    def split(site: Site, leaf: Array) -> Array:
        is_shared_key = is_random(site) and not has_batch_axis(site, leaf)
        return split_raw(leaf, size) if is_shared_key else leaf

    def run(batched: Any, shared: Any, input_data: Array) -> Any:
        return jax.vmap(lambda own, one: run_one(eqx.combine(own, shared), one, record))(
            batched, input_data
        )

    module = map_leaves(split, module)
    batched, shared = eqx.partition(module, map_leaves(has_batch_axis, module))
    if over is not None:
        split_up = PartitionSpec(over.axis)
        # Not `check_vma`: with it the gradient of what is shared would be summed over
        # devices in every step, where it is used, and not once, here.
        run = jax.shard_map(
            run,
            mesh=over.mesh,
            in_specs=(split_up, PartitionSpec(), split_up),
            out_specs=split_up,
            axis_names={over.axis},
            check_vma=False,
        )
        batched, input_data = placed((batched, input_data), over.mesh, split_up)
        shared = placed(shared, over.mesh, PartitionSpec())
    return run(batched, shared, input_data)


def run_checked(module: Any, input_data: Array, record: bool) -> Any:
    """`module.run`, which a user may have written, with its result checked."""
    # By `vmap` or a new state it has become another object, which stands in the same place.
    with running(current_place(module), module):
        output, state, recorded = module.run(input_data, record)
        _check_result(module, input_data, output, state)
    return output, state, recorded


def _check_result(module: Any, input_data: Array, output: Any, state: Any) -> None:
    expected = (input_data.shape[0], module.size_out or input_data.shape[1])
    if getattr(output, "shape", None) != expected:
        raise ValueError(
            f"{module.full_name}: the output for input of shape {input_data.shape} must have shape "
            f"(T, N_out) = {expected}; got {describe(output)}."
        )
    names = [name for name, field in fields(module).items() if isinstance(field, State)]
    names += [name for name, _ in submodules(module)]
    if set(state) != set(names):
        raise ValueError(
            f"{module.full_name}: the new state must hold {listing(names)}; `run` returned "
            f"{listing(state)}."
        )


def is_random(site: Site) -> bool:
    """Whether a leaf is a key."""
    return isinstance(site.field, State) and site.field.family == RANDOM
