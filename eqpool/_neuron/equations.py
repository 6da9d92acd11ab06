"""The equations of a neuron between two moments, as every solver takes them."""

import copy
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .._attribute import fields, State
from .._types import NestedDict
from ..physics import dpi_decay


class Start(NamedTuple):
    """What stands at the start of a step.

    **Attributes:**

    - `others`: all states but the integrated ones, by name.
    - `active`: which neurons are not refractory; `None` without a refractory period.
    - `noise`: what noise adds to the membrane, per second; `None` without noise.
    - `armed`: which neurons are below threshold; `None` where a spike resets.
    - `y`: the integrated states, for `EventDriven`.
    - `sides`: on which side of each kink the neurons are, by name; for `EventDriven`.
    """

    others: NestedDict
    active: Bool[Array, " N"] | None = None
    noise: Float[Array, " N"] | None = None
    armed: Bool[Array, " N"] | None = None
    y: NestedDict | None = None
    sides: NestedDict | None = None


class Equations(eqx.Module):
    """A model's vector field as diffrax takes it: a module, so that adjoints see what is in it."""

    bare: Any
    constants: NestedDict
    exact: bool = eqx.field(static=True)

    def __init__(self, mod: Any, exact: bool = False):
        """**Arguments:**

        - `mod`: an `AbstractNeuron`, in the units of a run.
        - `exact`: whether for `EventDriven`.
        """
        self.bare, self.constants, self.exact = without_weights(mod), mod.constants(), exact

    @property
    def mod(self) -> Any:
        """The model, whose `constants` are not computed again."""
        mod = copy.copy(self.bare)
        object.__setattr__(mod, "constants", lambda: self.constants)
        return mod

    def __call__(self, t: Any, y: NestedDict, start: Start) -> NestedDict:
        mod, membrane = self.mod, self.bare.spiking[0]
        slope = mod.derivative(y, self.at(t, start))
        if start.noise is not None:
            slope = slope | self._noisy(y, slope, start.noise)
        if start.active is not None and mod.resets and mod.holds:
            slope = slope | {membrane: jnp.where(start.active, slope[membrane], 0.0)}
        return slope

    def beginning(
        self, y: NestedDict, others: NestedDict, active: Array | None, armed: Array | None = None
    ) -> Start:
        """The start of a step, on a grid or between events."""
        if not self.exact:
            return Start(others, active)
        start = Start(others, active, None, armed, y)
        return start._replace(sides=self.sides(jnp.zeros_like(self.bare.dt), y, start))

    def sides(self, t: Any, y: NestedDict, start: Start, rounding: float = 0.0) -> NestedDict:
        """On which side of each kink the neurons are; rounding favours where they were."""
        found = {}
        for name, (x, size) in self.mod.kinks(y, self.at(t, start)).items():
            margin = 0.0
            if start.sides is not None:
                margin = jnp.where(start.sides[name], rounding, -rounding) * size
            found[name] = x > -margin
        return found

    def at(self, t: Any, start: Start) -> NestedDict:
        """All but the integrated states `t` after the start."""
        at = self.moment(self.later(start.others, t), start.active)
        return at | {"start": start.y, "sides": start.sides} if self.exact else at

    def moment(self, others: NestedDict, active: Array | None) -> NestedDict:
        """What a model's methods take as `at`, of states at that moment."""
        return others | self.constants | {"active": active, "exact": self.exact}

    def constant(self, name: str) -> Array:
        """A parameter, or what `constants` computes under its name."""
        found = self.constants.get(name)
        return getattr(self.bare, name) if found is None else found

    def coordinates(self, s: NestedDict) -> NestedDict:
        """The integrated states as solvers take them."""
        return self.mod.coordinates(s, self.constants | {"exact": self.exact})

    def from_coordinates(self, y: NestedDict) -> NestedDict:
        """The inverse of `coordinates`."""
        return self.mod.from_coordinates(y, self.constants | {"exact": self.exact})

    def later(self, others: NestedDict, t: Any) -> NestedDict:
        """States that decay, decayed."""
        factors = decay_factors(self.bare, t, self.constants)
        return others | {name: others[name] * x for name, x in factors.items()}

    def _noisy(self, y: NestedDict, slope: NestedDict, noise: Array) -> NestedDict:
        """The membrane's slope with noise in the unit of its state, whatever its coordinate."""
        membrane, s = self.mod.spiking[0], self.from_coordinates(y)
        kick = {name: noise if name == membrane else jnp.zeros_like(x) for name, x in s.items()}
        _, added = jax.jvp(self.coordinates, (s,), (kick,))
        return {membrane: slope[membrane] + added[membrane]}


def decay_factors(mod: Any, t: Any, constants: NestedDict | None = None) -> NestedDict:
    """What is left of each decaying state after a time `t`, s, by name."""
    known, present = constants or {}, states_of(mod)
    return {
        name: dpi_decay(t, known[tau] if tau in known else getattr(mod, tau))
        for name, tau in mod.decaying.items()
        if name in present
    }


def names_of_states(mod: Any) -> list[str]:
    """The states that a step may change, all but the key."""
    return [n for n, f in fields(mod).items() if isinstance(f, State) and n != "rng_key"]


def states_of(mod: Any) -> NestedDict:
    """Their values."""
    return {name: getattr(mod, name) for name in names_of_states(mod)}


def on_floors(mod: Any, s: NestedDict) -> NestedDict:
    """States of which none is below its floor."""
    return s | {n: jnp.maximum(s[n], getattr(mod, low)) for n, low in mod.floors.items()}


def in_units(mod: Any) -> Any:
    """A model in the units of a run."""
    scaled = {
        name: getattr(mod, name) / mod.units[field.unit]
        for name, field in fields(mod).items()
        if field.unit in mod.units
    }
    if not scaled:
        return mod
    return eqx.tree_at(lambda m: [getattr(m, name) for name in scaled], mod, [*scaled.values()])


def in_si(mod: Any, named: NestedDict) -> NestedDict:
    """States or records of a run, by name, as the model declares them."""
    units, declared = mod.units, fields(mod)
    return {
        name: x * units[declared[name].unit] if declared[name].unit in units else x
        for name, x in named.items()
    }


def without_weights(mod: Any) -> Any:
    """A model that carries neither its weights nor its initial values into a scan."""
    bare = eqx.tree_at(lambda m: m.blueprint.initial, mod, {})
    if mod.w_rec is None:
        return bare
    return eqx.tree_at(lambda m: m.w_rec, bare, None)
