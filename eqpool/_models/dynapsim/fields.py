"""Declarations of the fields of `DynapSim`, with the values of Rockpool 3.1 (A, F, V, s).

Bias currents follow from time constants, gain ratios and pulse widths.
"""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from ..._attribute import Interval, NON_NEGATIVE, POSITIVE
from ..._feedback import AbstractFeedback, ExponentialFeedback
from ..._neuron import (
    AbstractNeuron,
    noise_deviation,
    parameter,
    recurrent_weights,
    scale,
    state,
)
from ..._sparse import SparseWeights
from ..._types import PerNeuron


UNIT = 2.0**-41
"""What a current or capacitance of 1 means inside a run, A and F: close to the dark current."""

SYNAPSES = ("ampa", "gaba", "nmda", "shunt")
"""Every synapse type, in the order of input channels and weights."""

TAU = {"mem": 20e-3, "ahp": 50e-3} | dict.fromkeys(("syn", *SYNAPSES), 10e-3)
R_GAIN = {"mem": 4.0, "ahp": 1.0} | dict.fromkeys(("syn", *SYNAPSES), 100.0)
T_REF, T_PULSE, T_PULSE_AHP = 1e-3, 10e-6, 1e-6

Io = 5e-13
I_MAX = 2.25e-6
"""Dark current, and the largest nominal current of the chip's bias generators, A."""

KAPPA_N, KAPPA_P, UT, VTH = 0.75, 0.66, 25e-3, 0.7
_UT_KAPPA = UT / ((KAPPA_N + KAPPA_P) / 2)

C_PULSE, C_REF = 0.5e-12, 1.5e-12
C = {"mem": 3e-12, "ahp": 40e-12} | dict.fromkeys(("syn", *SYNAPSES), 24.5e-12)
C |= {"gaba": 25e-12, "nmda": 25e-12}
ITAU = {name: _UT_KAPPA * C[name] / TAU[name] for name in C}
IGAIN = {name: R_GAIN[name] * ITAU[name] for name in C}
ISPKTHR, ISCALE = 0.1e-6, 10e-9


def current(value: float, doc: str, off: bool = False) -> Any:
    """A bias current; `off`: whether it may be zero."""
    bounds, limits = NON_NEGATIVE if off else POSITIVE, Interval(0.0 if off else Io, I_MAX)
    return parameter(value, "currents", "A", doc, bounds, trained=False, operating_range=limits)


def capacitance(value: float, doc: str) -> Any:
    """A capacitance."""
    return parameter(value, "capacitances", "F", doc, POSITIVE, trained=False)


def transistor(value: float, unit: str, doc: str) -> Any:
    """A property of the transistors."""
    return parameter(value, "transistor", unit, doc, POSITIVE, trained=False)


def state_current(doc: str) -> Any:
    """A current that starts at `Io`."""
    return state(Io, "A", f"{doc} Starts at `Io`.", NON_NEGATIVE)


class AbstractParts(AbstractNeuron):
    """What a `DynapSim` is made of."""

    feedback: AbstractFeedback = ExponentialFeedback()
    synapses: tuple[str, ...] = eqx.field(static=True, default=())
    w_rec: Float[Array, "N N *K"] | SparseWeights | None = recurrent_weights(
        doc="Recurrent weight from neuron i to neuron j, for each of several synapse types",
        shape=("N", "N", "K"),
    )

    Idc: PerNeuron = current(Io, "Constant input.", off=True)
    If_nmda: PerNeuron = current(Io, "NMDA gate: `imem` at which half passes.", off=True)
    Igain_ahp: PerNeuron = current(IGAIN["ahp"], "Gain current of the adaptation.")
    Igain_mem: PerNeuron = current(IGAIN["mem"], "Gain current of the membrane.")
    Igain_syn: PerNeuron | None = current(IGAIN["syn"], "Gain current of the synapses.")
    Igain_ampa: PerNeuron | None = current(IGAIN["ampa"], "Gain current of the AMPA synapse.")
    Igain_gaba: PerNeuron | None = current(IGAIN["gaba"], "Gain current of the GABA synapse.")
    Igain_nmda: PerNeuron | None = current(IGAIN["nmda"], "Gain current of the NMDA synapse.")
    Igain_shunt: PerNeuron | None = current(IGAIN["shunt"], "Gain current of the SHUNT synapse.")
    Ipulse_ahp: PerNeuron = current(VTH * C_PULSE / T_PULSE_AHP, "Sets the AHP pulse width.")
    Ipulse: PerNeuron = current(VTH * C_PULSE / T_PULSE, "Sets the synapses' pulse width.")
    Iref: PerNeuron = current(VTH * C_REF / T_REF, "Sets the refractory period.")
    Ispkthr: PerNeuron = current(ISPKTHR, "Spiking threshold.")
    Itau_ahp: PerNeuron = current(ITAU["ahp"], "Leak current of the adaptation.")
    Itau_mem: PerNeuron = current(ITAU["mem"], "Leak current: sets the membrane time constant.")
    Itau_syn: PerNeuron | None = current(ITAU["syn"], "Leak current of the synapses.")
    Itau_ampa: PerNeuron | None = current(ITAU["ampa"], "Leak current of the AMPA synapse.")
    Itau_gaba: PerNeuron | None = current(ITAU["gaba"], "Leak current of the GABA synapse.")
    Itau_nmda: PerNeuron | None = current(ITAU["nmda"], "Leak current of the NMDA synapse.")
    Itau_shunt: PerNeuron | None = current(ITAU["shunt"], "Leak current of the SHUNT synapse.")
    Iw_ahp: PerNeuron = current(Io, "Adaptation weight of a spike.", off=True)
    C_ahp: PerNeuron = capacitance(C["ahp"], "Capacitance of the adaptation.")
    C_syn: PerNeuron | None = capacitance(C["syn"], "Capacitance of the synapses.")
    C_ampa: PerNeuron | None = capacitance(C["ampa"], "Capacitance of the AMPA synapse.")
    C_gaba: PerNeuron | None = capacitance(C["gaba"], "Capacitance of the GABA synapse.")
    C_nmda: PerNeuron | None = capacitance(C["nmda"], "Capacitance of the NMDA synapse.")
    C_shunt: PerNeuron | None = capacitance(C["shunt"], "Capacitance of the SHUNT synapse.")
    C_pulse_ahp: PerNeuron = capacitance(C_PULSE, "Of the adaptation's pulse extender.")
    C_pulse: PerNeuron = capacitance(C_PULSE, "Of the synapses' pulse extender.")
    C_ref: PerNeuron = capacitance(C_REF, "Capacitance of the refractory circuit.")
    C_mem: PerNeuron = capacitance(C["mem"], "Membrane capacitance.")
    Io: PerNeuron = transistor(Io, "A", "Dark current.")
    kappa_n: PerNeuron = transistor(KAPPA_N, "", "Subthreshold slope factor, n-FET.")
    kappa_p: PerNeuron = transistor(KAPPA_P, "", "Subthreshold slope factor, p-FET.")
    Ut: PerNeuron = transistor(UT, "V", "Thermal voltage.")
    Vth: PerNeuron = transistor(VTH, "V", "Switching voltage of a transistor.")
    Iscale: PerNeuron = scale(ISCALE, "A", "Weight current of one unit of input.")
    noise_std: PerNeuron | None = noise_deviation(
        "White noise on the membrane: of variance `noise_std**2` per second; if given.",
        "A s^-1/2",
    )

    iahp: Float[Array, " N"] = state_current("Adaptation current.")
    iampa: Float[Array, " N"] | None = state_current("AMPA synapse current.")
    igaba: Float[Array, " N"] | None = state_current("GABA synapse current.")
    inmda: Float[Array, " N"] | None = state_current("NMDA synapse current.")
    ishunt: Float[Array, " N"] | None = state_current("SHUNT synapse current.")
    imem: Float[Array, " N"] = state_current("Membrane current, after the reset.")
    vmem: Float[Array, " N"] = state(
        0.0, "V", "Membrane potential: before the reset with `RockpoolEuler`, else after it."
    )
