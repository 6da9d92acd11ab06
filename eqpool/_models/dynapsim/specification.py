"""Between quantities an experimenter thinks in (s, ratios) and bias currents."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ... import physics
from ..._attribute import AbstractAttribute, Constant
from ..._errors import describe, is_concrete, listing, suggestion, warn
from ..._types import PerNeuron
from . import fields as defaults
from .fields import AbstractParts


class _Quantity(NamedTuple):
    """A quantity of a circuit, the bias current that sets it, and what it depends on besides."""

    kind: str
    current: str
    other: str
    default: float


_PULSE, _TIME, _GAIN = "pulse", "time", "gain"

# Gains last: they multiply the leak current that a time constant has set.
QUANTITIES = (
    {
        "t_ref": _Quantity(_PULSE, "Iref", "C_ref", defaults.T_REF),
        "t_pulse": _Quantity(_PULSE, "Ipulse", "C_pulse", defaults.T_PULSE),
        "t_pulse_ahp": _Quantity(_PULSE, "Ipulse_ahp", "C_pulse_ahp", defaults.T_PULSE_AHP),
    }
    | {f"tau_{x}": _Quantity(_TIME, f"Itau_{x}", f"C_{x}", defaults.TAU[x]) for x in defaults.C}
    | {
        f"r_gain_{x}": _Quantity(_GAIN, f"Igain_{x}", f"Itau_{x}", defaults.R_GAIN[x])
        for x in defaults.C
    }
)


def quantity(name: str, doc: str) -> Any:
    """A property of `DynapSim` that computes a quantity from its currents and capacitances."""

    def value(mod: Any) -> Array:
        if getattr(mod, QUANTITIES[name].current) is None:
            present = mod.synapses if len(mod.synapses) > 1 else ("syn",)
            raise AttributeError(
                f"{mod.full_name} with synapses={mod.synapses} has no {name!r}; it has "
                f"{listing(name.rpartition('_')[0] + '_' + synapse for synapse in present)}."
            )
        return _value(mod, name)

    return property(value, doc=doc)


_N = TypeVar("_N", bound=AbstractParts)


class AbstractSpecified(AbstractParts):
    """What a `DynapSim` has of time constants, gain ratios and pulse widths."""

    @classmethod
    def from_specification(cls: type[_N], shape: int | tuple[int, ...], **quantities: Any) -> _N:
        """A module from time constants, gain ratios, pulse widths and refractory period.

        **Arguments:**

        - `shape`: as of the constructor.
        - `tau_mem`, `tau_ahp`, `tau_syn`: time constants, s; `tau_ampa`, `tau_gaba`, `tau_nmda`,
            `tau_shunt` of one synapse type. Each, as all below, a scalar, `(N,)`, or a
            [`eqpool.Parameter`][] of such, which makes the bias current behind it trainable.
        - `r_gain_mem`, `r_gain_ahp`, `r_gain_syn`, `r_gain_ampa`, …: gain ratios `Igain/Itau`.
        - `t_ref`: refractory period, s.
        - `t_pulse`, `t_pulse_ahp`: pulse widths of synapses and adaptation, s.
        - anything else: as of the constructor.

        Defaults are those of the chip: 20 ms and gain 4 for the membrane, 50 ms and gain 1 for
        the adaptation, 10 ms and gain 100 for synapses, `t_ref` 1 ms, `t_pulse` 10 us,
        `t_pulse_ahp` 1 us. A current given as an argument of the constructor takes the place
        of the default of its quantity.

        **Raises:** `ValueError` for a quantity that is not positive and finite, that needs a
        current below `Io`, or a pulse width above the refractory period; and for a quantity
        given beside the current that it sets. A quantity that needs a current above what
        the chip can do gets a `UserWarning`.

        !!! example

            ```python
            mod = eqpool.DynapSim.from_specification(5, tau_mem=50e-3, r_gain_mem=2.0, t_ref=2e-3)
            mod.tau_mem, mod.r_gain_mem, mod.t_ref
            ```
        """
        wanted = take(quantities)
        plain: dict[str, Any] = quantities | dict(percent_mismatch=None, rng_key=0)
        make: Any = cls
        return make(shape, **quantities, **currents(make(shape, **plain), wanted, quantities))

    tau_mem: ClassVar[PerNeuron] = quantity("tau_mem", "Time constant of the membrane, s.")
    tau_ahp: ClassVar[PerNeuron] = quantity("tau_ahp", "Time constant of the adaptation, s.")
    tau_syn: ClassVar[PerNeuron] = quantity("tau_syn", "Time constant of the synapses, s.")
    tau_ampa: ClassVar[PerNeuron] = quantity("tau_ampa", "Time constant of the AMPA synapse, s.")
    tau_gaba: ClassVar[PerNeuron] = quantity("tau_gaba", "Time constant of the GABA synapse, s.")
    tau_nmda: ClassVar[PerNeuron] = quantity("tau_nmda", "Time constant of the NMDA synapse, s.")
    tau_shunt: ClassVar[PerNeuron] = quantity("tau_shunt", "Time constant of the SHUNT synapse, s.")
    r_gain_mem: ClassVar[PerNeuron] = quantity("r_gain_mem", "Gain ratio of the membrane.")
    r_gain_ahp: ClassVar[PerNeuron] = quantity("r_gain_ahp", "Gain ratio of the adaptation.")
    r_gain_syn: ClassVar[PerNeuron] = quantity("r_gain_syn", "Gain ratio of the synapses.")
    r_gain_ampa: ClassVar[PerNeuron] = quantity("r_gain_ampa", "Gain ratio of the AMPA synapse.")
    r_gain_gaba: ClassVar[PerNeuron] = quantity("r_gain_gaba", "Gain ratio of the GABA synapse.")
    r_gain_nmda: ClassVar[PerNeuron] = quantity("r_gain_nmda", "Gain ratio of the NMDA synapse.")
    r_gain_shunt: ClassVar[PerNeuron] = quantity("r_gain_shunt", "Gain ratio of the SHUNT synapse.")
    t_ref: ClassVar[PerNeuron] = quantity("t_ref", "Refractory period, s.")
    t_pulse: ClassVar[PerNeuron] = quantity("t_pulse", "Pulse width of the synapses, s.")
    t_pulse_ahp: ClassVar[PerNeuron] = quantity("t_pulse_ahp", "Pulse width of the adaptation, s.")


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
    """Bias currents by name from quantities, the rest of which have their defaults.

    `base` is a module with everything but them, `explicit` what was given beside them.
    """
    for name in quantities:
        if (current := QUANTITIES[name].current) in explicit:
            raise ValueError(f"DynapSim: {current} is given twice, by itself and by {name}.")
    wanted = _with_defaults(base, _for_each_synapse(base, quantities), explicit)
    found, values = {}, {}
    for name in (name for name in QUANTITIES if name in wanted):
        value = wanted[name]
        while isinstance(value, (AbstractAttribute, Constant)):
            value = value.data
        try:
            value = jnp.asarray(value, jnp.result_type(float))
        except (TypeError, ValueError):
            raise TypeError(
                f"DynapSim: {name} must be a number or an array; got {describe(value)}."
            ) from None
        _check(name, value, lambda x: (x > 0) & np.isfinite(x), "(0, inf)")
        values[name] = value
        found[QUANTITIES[name].current] = current = _current_for(base, name, value, found)
        _check_current(base, name, value, current)
    t_ref = values.get("t_ref", base.t_ref)
    for name in ("t_pulse", "t_pulse_ahp"):
        width, limit = jnp.broadcast_arrays(values.get(name, _value(base, name)), t_ref)
        if is_concrete(width) and is_concrete(limit):
            _check(
                name, width, lambda x, limit=limit: x <= np.asarray(limit) * (1 + 1e-6),
                f"(0, t_ref] with t_ref = {float(jnp.min(limit)):.3g} s: a pulse must end within "
                "the refractory period",
            )  # fmt: skip
    by_current = {QUANTITIES[name].current: wanted[name] for name in values}
    return {name: _wrapped(given, found[name]) for name, given in by_current.items()}


def _for_each_synapse(base: Any, quantities: Mapping[str, Any]) -> dict[str, Any]:
    wanted = dict(quantities)
    if len(base.synapses) > 1:
        for kind in ("tau", "r_gain"):
            if (value := wanted.pop(f"{kind}_syn", None)) is not None:
                wanted = {f"{kind}_{name}": value for name in base.synapses} | wanted
    for name in wanted:
        if getattr(base, QUANTITIES[name].current) is None:
            raise ValueError(
                f"DynapSim: {name} is of a synapse that is not in synapses={base.synapses}; with "
                "one synapse type its quantities end in `_syn`."
            )
    return wanted


def _with_defaults(base: Any, wanted: dict[str, Any], explicit: Collection[str]) -> dict[str, Any]:
    # One of `_syn` stands for every type.
    kinds = [name.removesuffix("_syn") for name in explicit if name.endswith("_syn")]
    given = {f"{kind}_{synapse}" for kind in kinds for synapse in base.synapses} | {*explicit}
    missing = [
        name
        for name, of in QUANTITIES.items()
        if getattr(base, of.current) is not None and of.current not in given
    ]
    return {name: QUANTITIES[name].default for name in missing} | wanted


def _value(mod: Any, name: str) -> Array:
    kind, current, other, _ = QUANTITIES[name]
    I, rest = getattr(mod, current), getattr(mod, other)
    if kind == _PULSE:
        return physics.pulse_width(I, rest, mod.Vth)
    I = jnp.maximum(I, mod.Io)
    if kind == _GAIN:
        return I / jnp.maximum(rest, mod.Io)
    return physics.time_constant(I, rest, physics.slope_factor(mod.kappa_n, mod.kappa_p), mod.Ut)


def _current_for(mod: Any, name: str, value: Array, found: Mapping[str, Array]) -> Array:
    kind, _, other, _ = QUANTITIES[name]
    rest = found[other] if other in found else getattr(mod, other)
    if kind == _PULSE:
        return physics.pulse_current(value, rest, mod.Vth)
    if kind == _GAIN:
        return value * rest
    return physics.leak_current(value, rest, physics.slope_factor(mod.kappa_n, mod.kappa_p), mod.Ut)


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
    is_time = QUANTITIES[name].kind != _GAIN
    quantities, needed, dark = (np.ravel(x) for x in np.broadcast_arrays(value, current, mod.Io))
    most = np.full_like(dark, defaults.I_MAX)
    for bad, limit, what in (
        (needed < dark * (1 - 1e-6), dark, "below the dark current Io"),
        (needed > most * (1 + 1e-6), most, "above what the chip can do"),
    ):
        if not bad.any():
            continue
        i = int(np.flatnonzero(bad)[0])
        at_limit = quantities[i] * (needed[i] / limit[i] if is_time else limit[i] / needed[i])
        at_most = is_time == (limit is dark)
        message = (
            f"DynapSim: {name} = {quantities[i]:.3g}{_unit(name)} (element {i}) needs "
            f"{QUANTITIES[name].current} = {needed[i]:.3g} A, {what}, {limit[i]:.3g} A; {name} "
            f"must be {'at most' if at_most else 'at least'} {at_limit:.4g}{_unit(name)} here."
        )
        if limit is dark:
            raise ValueError(message)
        warn(message)


def _unit(name: str) -> str:
    return "" if QUANTITIES[name].kind == _GAIN else " s"


def _wrapped(given: Any, current: Array) -> Any:
    if isinstance(given, Constant):
        return Constant(current)
    if isinstance(given, AbstractAttribute):
        return dataclasses.replace(given, data=_wrapped(given.data, current))
    return current
