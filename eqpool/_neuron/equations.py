"""The equations of a neuron between two moments, as every solver takes them."""

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
    """

    others: NestedDict
    active: Bool[Array, " N"] | None = None
    noise: Float[Array, " N"] | None = None
    armed: Bool[Array, " N"] | None = None


class Equations(eqx.Module):
    """A model's vector field as diffrax takes it: a module, so that adjoints see what is in it."""

    mod: Any
    constants: NestedDict
    exact: bool = eqx.field(static=True)

    def __init__(self, mod: Any, exact: bool = False):
        """**Arguments:**

        - `mod`: an `AbstractNeuron`.
        - `exact`: whether for `EventDriven`.
        """
        self.mod, self.constants, self.exact = without_weights(mod), mod.constants(), exact

    def __call__(self, t: Any, y: NestedDict, start: Start) -> NestedDict:
        mod, membrane = self.mod, self.mod.spiking[0]
        slope = mod.derivative(y, self.at(t, start))
        if start.noise is not None:
            slope = slope | self._noisy(y, slope, start.noise)
        if start.active is not None and mod.resets:
            slope = slope | {membrane: jnp.where(start.active, slope[membrane], 0.0)}
        return slope

    def at(self, t: Any, start: Start) -> NestedDict:
        """All but the integrated states `t` after the start."""
        return self.moment(self.later(start.others, t), start.active)

    def moment(self, others: NestedDict, active: Array | None) -> NestedDict:
        """What a model's methods take as `at`, of states at that moment."""
        return others | self.constants | {"active": active, "exact": self.exact}

    def coordinates(self, s: NestedDict) -> NestedDict:
        """The integrated states as solvers take them."""
        return self.mod.coordinates(s, self.constants | {"exact": self.exact})

    def from_coordinates(self, y: NestedDict) -> NestedDict:
        """The inverse of `coordinates`."""
        return self.mod.from_coordinates(y, self.constants | {"exact": self.exact})

    def later(self, others: NestedDict, t: Any) -> NestedDict:
        """States that decay, decayed."""
        factors = decay_factors(self.mod, t)
        return others | {name: others[name] * x for name, x in factors.items()}

    def _noisy(self, y: NestedDict, slope: NestedDict, noise: Array) -> NestedDict:
        """The membrane's slope with noise in the unit of its state, whatever its coordinate."""
        membrane, s = self.mod.spiking[0], self.from_coordinates(y)
        kick = {name: noise if name == membrane else jnp.zeros_like(x) for name, x in s.items()}
        _, added = jax.jvp(self.coordinates, (s,), (kick,))
        return {membrane: slope[membrane] + added[membrane]}


def decay_factors(mod: Any, t: Any) -> NestedDict:
    """What is left of each decaying state after a time `t`, s, by name."""
    return {name: dpi_decay(t, getattr(mod, tau)) for name, tau in mod.decaying.items()}


def names_of_states(mod: Any) -> list[str]:
    """The states that a step may change, all but the key."""
    return [n for n, f in fields(mod).items() if isinstance(f, State) and n != "rng_key"]


def states_of(mod: Any) -> NestedDict:
    """Their values."""
    return {name: getattr(mod, name) for name in names_of_states(mod)}


def without_weights(mod: Any) -> Any:
    """A model that carries neither its weights nor its initial values into a scan."""
    bare = eqx.tree_at(lambda m: m.blueprint.initial, mod, {})
    if mod.w_rec is None:
        return bare
    return eqx.tree_at(lambda m: m.w_rec, bare, None)
