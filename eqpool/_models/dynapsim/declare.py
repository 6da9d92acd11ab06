"""Declarations of the fields of `DynapSim`, one line each."""

from typing import Any

from ..._attribute import field, Full, Interval, NON_NEGATIVE, POSITIVE, SimulationParameter, State
from . import defaults


def current(value: float, doc: str, off: bool = False) -> Any:
    """A bias current; `off`: whether it may be zero."""
    low = 0.0 if off else defaults.Io
    return field(
        SimulationParameter(
            family="currents",
            shape=[("N",), ()],
            init_func=Full(value),
            unit="A",
            bounds=NON_NEGATIVE if off else POSITIVE,
            operating_range=Interval(low, defaults.I_MAX),
            doc=doc,
        )
    )


def synapse_current(role: str, name: str) -> Any:
    """`Itau_<name>` or `Igain_<name>`."""
    values, what = {
        "Itau": (defaults.ITAU_SYN, "Leak current: sets the time constant"),
        "Igain": (defaults.IGAIN_SYN, "Gain current"),
    }[role]
    return current(values[name], f"{what} of {_synapse(name)}.")


def capacitance(value: float, doc: str) -> Any:
    """A capacitance."""
    return _positive(value, "capacitances", "F", doc)


def synapse_capacitance(name: str) -> Any:
    """`C_<name>`."""
    return capacitance(defaults.C_SYN[name], f"Capacitance of {_synapse(name)}.")


def transistor(value: float, unit: str, doc: str) -> Any:
    """A property of the transistors."""
    return _positive(value, "transistor", unit, doc)


def _positive(value: float, family: str, unit: str, doc: str) -> Any:
    return field(
        SimulationParameter(
            family=family,
            shape=[("N",), ()],
            init_func=Full(value),
            unit=unit,
            bounds=POSITIVE,
            doc=doc,
        )
    )


def state(value: float, unit: str, doc: str) -> Any:
    """A state of each neuron."""
    return field(
        State(
            family="states",
            shape=("N",),
            init_func=Full(value),
            unit=unit,
            bounds=NON_NEGATIVE,
            doc=doc,
        )
    )


def state_current(doc: str) -> Any:
    """A current that starts at `Io`."""
    return state(defaults.Io, "A", f"{doc} Starts at `Io`.")


def _synapse(name: str) -> str:
    return "the synapses" if name == "syn" else f"the {name.upper()} synapse"
