"""Between quantities an experimenter thinks in (s, ratios) and bias currents."""

import dataclasses
import warnings
from collections.abc import Collection, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ... import physics
from ..._attribute import AbstractAttribute, Constant
from ..._errors import describe, is_concrete, listing, suggestion
from . import defaults


_PULSES = {
    "t_ref": ("Iref", "C_ref"),
    "t_pulse": ("Ipulse", "C_pulse"),
    "t_pulse_ahp": ("Ipulse_ahp", "C_pulse_ahp"),
}
_CIRCUITS = ("mem", "ahp", "syn", *defaults.SYNAPSES)
_TAUS = {f"tau_{circuit}": circuit for circuit in _CIRCUITS}
_GAINS = {f"r_gain_{circuit}": circuit for circuit in _CIRCUITS}

# Gains last: they multiply the leak current that a time constant has set.
DEFAULTS = (
    {"t_ref": defaults.T_REF, "t_pulse": defaults.T_PULSE, "t_pulse_ahp": defaults.T_PULSE_AHP}
    | {name: defaults.TAU[circuit] for name, circuit in _TAUS.items()}
    | {name: defaults.R_GAIN[circuit] for name, circuit in _GAINS.items()}
)
QUANTITIES = tuple(DEFAULTS)


def quantity(name: str, doc: str) -> Any:
    """A property of `DynapSim` that computes a quantity from its currents and capacitances."""

    def value(mod: Any) -> Array:
        if getattr(mod, _current(name)) is None:
            present = mod.synapses if len(mod.synapses) > 1 else ("syn",)
            raise AttributeError(
                f"{mod.full_name} with synapses={mod.synapses} has no {name!r}; it has "
                f"{listing(name.rpartition('_')[0] + '_' + synapse for synapse in present)}."
            )
        return _value(mod, name)

    return property(value, doc=doc)


def take(arguments: dict[str, Any]) -> dict[str, Any]:
    """Takes the quantities out of the arguments of `from_specification`."""
    for name in arguments:
        if name.startswith(("tau_", "r_gain_", "t_")) and name not in QUANTITIES:
            raise TypeError(
                f"DynapSim: there is no quantity {name!r}.{suggestion(name, QUANTITIES)} There "
                f"are {listing(QUANTITIES)}."
            )
    return {name: arguments.pop(name) for name in QUANTITIES if name in arguments}


def currents(base: Any, quantities: Mapping[str, Any], explicit: Collection[str]) -> dict[str, Any]:
    """Bias currents by name, as arguments of the constructor, from quantities.

    **Arguments:**

    - `base`: a module with everything but these quantities.
    - `quantities`: some of `QUANTITIES`; the rest have their defaults.
    - `explicit`: arguments of the constructor that were given beside them.

    **Raises:** `ValueError` for what no circuit can do.
    """
    for name in quantities:
        if _current(name) in explicit:
            raise ValueError(f"DynapSim: {_current(name)} is given twice, by itself and by {name}.")
    wanted = _with_defaults(base, _for_each_synapse(base, quantities), explicit)
    found, values = {}, {}
    for name in (name for name in QUANTITIES if name in wanted):
        given = wanted[name]
        value = given.data if isinstance(given, (AbstractAttribute, Constant)) else given
        try:
            value = jnp.asarray(value, jnp.result_type(float))
        except (TypeError, ValueError):
            raise TypeError(
                f"DynapSim: {name} must be a number or an array; got {describe(value)}."
            ) from None
        _check(name, value, lambda x: (x > 0) & np.isfinite(x), "(0, inf)")
        values[name] = value
        found[_current(name)] = current = _from_quantity(base, name, value, found)
        _check_current(base, name, value, current)
    t_ref = values.get("t_ref", _value(base, "t_ref"))
    for name in ("t_pulse", "t_pulse_ahp"):
        width, limit = jnp.broadcast_arrays(values.get(name, _value(base, name)), t_ref)
        if is_concrete(width) and is_concrete(limit):
            _check(
                name, width, lambda x, limit=limit: x <= np.asarray(limit) * (1 + 1e-6),
                f"(0, t_ref] with t_ref = {float(jnp.min(limit)):.3g} s: a pulse must end within "
                "the refractory period",
            )  # fmt: skip
    return {
        current: _wrapped(wanted[name], found[current])
        for name in values
        for current in (_current(name),)
    }


def _for_each_synapse(base: Any, quantities: Mapping[str, Any]) -> dict[str, Any]:
    wanted = dict(quantities)
    if len(base.synapses) > 1:
        for kind in ("tau", "r_gain"):
            if (value := wanted.pop(f"{kind}_syn", None)) is not None:
                wanted = {f"{kind}_{name}": value for name in base.synapses} | wanted
    for name in wanted:
        if getattr(base, _current(name)) is None:
            raise ValueError(
                f"DynapSim: {name} is of a synapse that is not in synapses={base.synapses}; with "
                "one synapse type its quantities end in `_syn`."
            )
    return wanted


def _with_defaults(
    base: Any, wanted: Mapping[str, Any], explicit: Collection[str]
) -> dict[str, Any]:
    given = set(explicit)
    for kind in ("Itau", "Igain"):
        if f"{kind}_syn" in given:  # stands for every type
            given |= {f"{kind}_{synapse}" for synapse in base.synapses}
    found = {
        name: value
        for name, value in DEFAULTS.items()
        if getattr(base, _current(name)) is not None and _current(name) not in given
    }
    return found | dict(wanted)


def _current(name: str) -> str:
    if name in _PULSES:
        return _PULSES[name][0]
    return f"Itau_{_TAUS[name]}" if name in _TAUS else f"Igain_{_GAINS[name]}"


def _value(mod: Any, name: str) -> Array:
    if name in _PULSES:
        current, capacitance = _PULSES[name]
        return physics.pulse_width(getattr(mod, current), getattr(mod, capacitance), mod.Vth)
    if name in _TAUS:
        circuit = _TAUS[name]
        Itau = jnp.maximum(getattr(mod, f"Itau_{circuit}"), mod.Io)
        return physics.time_constant(Itau, getattr(mod, f"C_{circuit}"), _kappa(mod), mod.Ut)
    circuit = _GAINS[name]
    Itau, Igain = (
        jnp.maximum(getattr(mod, f"{kind}_{circuit}"), mod.Io) for kind in ("Itau", "Igain")
    )
    return Igain / Itau


def _from_quantity(mod: Any, name: str, value: Array, found: Mapping[str, Array]) -> Array:
    if name in _PULSES:
        return physics.pulse_current(value, getattr(mod, _PULSES[name][1]), mod.Vth)
    if name in _TAUS:
        return physics.leak_current(value, getattr(mod, f"C_{_TAUS[name]}"), _kappa(mod), mod.Ut)
    Itau = f"Itau_{_GAINS[name]}"
    return value * (found[Itau] if Itau in found else getattr(mod, Itau))


def _kappa(mod: Any) -> Array:
    return physics.slope_factor(mod.kappa_n, mod.kappa_p)


def _check(name: str, value: Array, permitted: Any, interval: str) -> None:
    if not is_concrete(value):
        return
    bad = np.flatnonzero(~permitted(np.asarray(value)))
    if bad.size:
        raise ValueError(
            f"DynapSim: {name} = {np.ravel(value)[bad[0]]:.3g}{_unit(name)} (element {bad[0]}) is "
            f"impossible; it must be in {interval}."
        )


def _check_current(mod: Any, name: str, value: Array, current: Array) -> None:
    """The same in terms of the current that a quantity needs."""
    if not (is_concrete(current) and is_concrete(mod.Io)):
        return
    # A current falls as a time rises, and rises with a gain: the limits swap.
    is_time = name not in _GAINS
    quantities, needed, dark = (np.ravel(x) for x in np.broadcast_arrays(value, current, mod.Io))
    for bad, limit, what in (
        (needed < dark * (1 - 1e-6), dark, "below the dark current Io"),
        (
            needed > defaults.I_MAX * (1 + 1e-6),
            0 * dark + defaults.I_MAX,
            "above what the chip can do",
        ),
    ):
        if not bad.any():
            continue
        i = int(np.flatnonzero(bad)[0])
        at_limit = quantities[i] * (needed[i] / limit[i] if is_time else limit[i] / needed[i])
        at_most = is_time == (limit is dark)
        message = (
            f"DynapSim: {name} = {quantities[i]:.3g}{_unit(name)} (element {i}) needs "
            f"{_current(name)} = {needed[i]:.3g} A, {what}, {limit[i]:.3g} A; {name} must be "
            f"{'at most' if at_most else 'at least'} {at_limit:.4g}{_unit(name)} here."
        )
        if limit is dark:
            raise ValueError(message)
        warnings.warn(message, UserWarning, stacklevel=4)


def _unit(name: str) -> str:
    return "" if name in _GAINS else " s"


def _wrapped(given: Any, current: Array) -> Any:
    if isinstance(given, Constant):
        return Constant(current)
    if isinstance(given, AbstractAttribute):
        return dataclasses.replace(given, data=current)
    return current
