"""What the arguments of `DynapSim` mean: shape, synapse types, values to start from."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from ..._errors import describe, listing, suggestion
from ..._module import normalise_shape
from ..._types import Shape
from .defaults import SYNAPSES
from .mismatch import mismatch


_BY_SYNAPSE = ("Igain", "Itau", "C")


def check_synapses(synapses: Sequence[str]) -> tuple[str, ...]:
    """Synapse types in their order, each at most once."""
    if isinstance(synapses, str) or not isinstance(synapses, Sequence):
        raise TypeError(
            f"DynapSim: synapses must be a tuple of names, as ('ampa',); got {describe(synapses)}."
        )
    for name in synapses:
        if name not in SYNAPSES:
            raise ValueError(
                f"DynapSim: there is no synapse {name!r}.{suggestion(str(name), SYNAPSES)} Give "
                f"some of {listing(SYNAPSES)}."
            )
    ordered = tuple(name for name in SYNAPSES if name in synapses)
    if not ordered or ordered != tuple(synapses):
        raise ValueError(
            f"DynapSim: synapses must be some of {listing(SYNAPSES)}, in this order, each once; "
            f"got {tuple(synapses)}."
        )
    return ordered


def layer_shape(shape: Any, synapses: tuple[str, ...]) -> Shape:
    """`(N,)` or `(N, N)` with one synapse type, `(K*N, N)` with several."""
    shape = normalise_shape(shape, "DynapSim")
    n, k = shape[-1], len(synapses)
    if shape[0] not in (n, k * n):
        several = f" or (K*N, N) = ({k * n}, {n}) with K = {k} synapse types" if k > 1 else ""
        raise ValueError(
            f"DynapSim: shape must be N, (N, N){several}; got {shape}. Put an `eqpool.Linear` in "
            "front to change the number of channels."
        )
    return (k * n, n) if k > 1 else shape


def synapse_arguments(
    synapses: tuple[str, ...], for_all: Mapping[str, Any], by_synapse: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments by field name: those of one type take precedence over those of all."""
    names = synapses if len(synapses) > 1 else ("syn",)
    found = {f"{quantity}_{name}": for_all[quantity] for quantity in _BY_SYNAPSE for name in names}
    for name, value in by_synapse.items():
        if name not in found or len(synapses) == 1:
            one = "" if len(synapses) > 1 else " With one synapse type these end in `_syn`."
            raise TypeError(
                f"DynapSim has no argument {name!r} with synapses={synapses}.{one}"
                f"{suggestion(name, found)} Of the synapses there are {listing(found)}."
            )
        found[name] = value
    return found


def absent_fields(synapses: tuple[str, ...], has_rec: bool) -> tuple[str, ...]:
    """Fields that a `DynapSim` with these synapses does not have."""
    present = synapses if len(synapses) > 1 else ("syn",)
    absent = [f"i{name}" for name in SYNAPSES if name not in synapses]
    absent += [
        f"{quantity}_{name}"
        for quantity in _BY_SYNAPSE
        for name in ("syn", *SYNAPSES)
        if name not in present
    ]
    return tuple(absent) if has_rec else ("w_rec", *absent)


def start_values(mod: Any, percent_mismatch: float | None) -> dict[str, Array]:
    """What differs from the plain defaults: currents start at `Io`; mismatch is drawn."""
    n = mod.size_out
    names = ["iahp", "imem", *(f"i{name}" for name in mod.synapses)]
    changed = {name: jnp.array(jnp.broadcast_to(mod.Io, (n,))) for name in names}
    if percent_mismatch is not None:
        drawn = mismatch(mod, mod.rng_key, percent_mismatch)
        changed |= {
            name: value
            for name, value in vars(drawn).items()
            if name not in changed and value is not vars(mod)[name] and isinstance(value, Array)
        }
    return changed
