"""What the arguments of `DynapSim` mean, and those of a neuron that is made like a `LIFJax`."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from ... import physics
from ..._errors import describe, listing, suggestion
from ..._module import normalise_shape
from ..._types import Shape
from ...graph import DynapseNeurons, LIFNeurons
from . import fields as defaults
from .fields import SYNAPSES


C_SYN = 25e-12
"""What Rockpool takes for every synapse when it converts: of AMPA, whose capacitance is 24.5 pF,
the time constant comes out 2 % short."""

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


def absent_fields(synapses: tuple[str, ...]) -> list[str]:
    """Fields that a `DynapSim` with these synapses does not have."""
    present = synapses if len(synapses) > 1 else ("syn",)
    others = [name for name in ("syn", *SYNAPSES) if name not in present]
    absent = [f"{quantity}_{name}" for quantity in _BY_SYNAPSE for name in others]
    return absent + [f"i{name}" for name in SYNAPSES if name not in synapses]


def from_lif(lif: LIFNeurons) -> DynapseNeurons:
    """The neuron of the chip with the same time constants, as Rockpool converts it.

    Thresholds and biases are scaled by `Iscale`; gains, refractory period and pulse widths are the
    chip's defaults; there is no adaptation, and no NMDA gate.
    """
    if lif.size_in != lif.size_out:
        raise ValueError(
            f"DynapSim.from_graph: {lif} has {lif.size_in // lif.size_out} synapses on each "
            "neuron; only neurons with one synapse can be converted."
        )
    n = lif.size_out

    def each(value: Any, default: float) -> Any:
        value = jnp.asarray(default if value is None else value, jnp.result_type(float))
        return jnp.broadcast_to(value.reshape(-1), (n,))

    def leak(tau: Any, C: float) -> Any:
        kappa = (defaults.KAPPA_N + defaults.KAPPA_P) / 2
        return physics.leak_current(each(tau, 20e-3), *map(jnp.asarray, (C, kappa, defaults.UT)))

    Itau_mem, Itau_syn = leak(lif.tau_mem, defaults.C["mem"]), leak(lif.tau_syn, C_SYN)
    # What Rockpool sets to zero, and then raises to Io: nothing comes in where Iw_ahp is 0.
    off, dark = each(None, 0.0), each(None, defaults.Io)
    return DynapseNeurons(
        (n,), Itau_mem=Itau_mem, Itau_syn=Itau_syn, Itau_ahp=dark, Igain_ahp=dark,
        Igain_mem=defaults.R_GAIN["mem"] * Itau_mem, Igain_syn=defaults.R_GAIN["syn"] * Itau_syn,
        Ispkthr=defaults.ISCALE * each(lif.threshold, 1.0), Iw_ahp=off, If_nmda=off,
        Idc=defaults.ISCALE * each(lif.bias, 0.0), Iscale=defaults.ISCALE, dt=lif.dt,
    )  # fmt: skip
