"""A neuron over its time grid, by any solver."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import physics
from .._module import with_dtype
from .._scan import scan_steps
from .._solver import RockpoolEuler
from .._types import NestedDict
from .equations import decay_factors, Equations, Start, states_of
from .noise import add_noise
from .recurrent import (
    AbstractGrid,
    AbstractKernel,
    arriving,
    as_weights,
    run_recurrent,
    Weights,
)


def run_steps(
    mod: Any, input_data: Float[Array, "T N_in"], record: bool
) -> tuple[Array, NestedDict, NestedDict]:
    """Spikes, new state and record of an `AbstractNeuron` over its time grid."""
    noise, key = None, {}
    if mod.noise_std is not None:
        silence = jnp.zeros((input_data.shape[0], mod.size_out), input_data.dtype)
        noise, rng_key = add_noise(silence, mod.noise_std, mod.dt, mod.rng_key)
        key = {"rng_key": rng_key}
    cast = eqx.tree_at(
        lambda m: m.surrogate,
        mod,
        with_dtype(mod.surrogate, input_data.dtype),
        is_leaf=lambda x: x is None,
    )
    grid = Grid(Equations(cast), decay_factors(mod, mod.dt), noise, record)
    weights, start = as_weights(mod.w_rec), states_of(mod)
    end, spikes, recorded = run_recurrent(grid, weights, start, input_data, mod.solver.forward_mode)
    return spikes, end | key, recorded


class Grid(AbstractGrid):
    """What all steps share."""

    equations: Equations
    decay: NestedDict
    noise: Float[Array, "T N"] | None
    record: bool = eqx.field(static=True)

    def advance(
        self, s: NestedDict, spikes_in: Array, irec: Array | None, noise: Array | None
    ) -> NestedDict:
        """One step: what arrives, the equations over the interval, spikes at its end."""
        mod, before = self.equations.mod, s
        dt = mod.dt
        active, steps = None, jnp.zeros(())
        if mod.t_ref is not None:
            steps = physics.steps_left(s["timer_ref"], dt)
            active = steps <= 0.0
        own = None
        if isinstance(mod.solver, RockpoolEuler):
            own = mod.rockpool_step(s, (spikes_in, irec), noise)
        if own is None:
            s = mod.arrive(s, spikes_in if irec is None else spikes_in + irec)
            s, u = self._integrated(s, active, noise)
        else:
            membrane, (s, u) = mod.spiking[0], own
            if active is not None and mod.resets:
                s = s | {membrane: jnp.where(active, s[membrane], before[membrane])}
        spikes = mod.count(u, s)
        if active is not None:
            spikes = jnp.where(active, spikes, 0.0)
        if not mod.resets:
            spikes = jnp.where(self._distance(before) <= 0.0, spikes, 0.0)
        s = mod.fire(s, spikes) | {"spikes": spikes}
        if mod.t_ref is None:
            return s
        timer = physics.refractory_timer(steps * dt, spikes, mod.t_ref, dt)
        return s | {"timer_ref": timer}

    def _integrated(
        self, s: NestedDict, active: Array | None, noise: Array | None
    ) -> tuple[NestedDict, Array]:
        equations, mod = self.equations, self.equations.mod
        others = {name: x for name, x in s.items() if name not in mod.integrated}
        # Held over the step, as input is.
        rate = None if noise is None else noise / mod.dt
        start = Start(others, active, rate)
        y = mod.solver.step(equations, mod.dt, equations.coordinates(s), start)
        # The factors are known, and need not be computed in each step.
        others = others | {name: others[name] * x for name, x in self.decay.items()}
        u = mod.distance(y, equations.moment(others, active))
        return others | equations.from_coordinates(y), u

    def _distance(self, s: NestedDict) -> Array:
        equations = self.equations
        return equations.mod.distance(equations.coordinates(s), equations.moment(s, None))

    def scan(
        self, weights: Weights, start: NestedDict, drive: Float[Array, "T N_in"]
    ) -> tuple[NestedDict, Array, NestedDict]:
        """All steps: the last state, spikes and record."""
        # The backward pass keeps the state before each step and computes the rest again:
        # memory traffic costs more than arithmetic.
        advance = jax.checkpoint(Grid.advance, prevent_cse=False)
        # Weights and noise of all steps are none of a step's.
        one = eqx.tree_at(lambda g: g.noise, self, None, is_leaf=lambda x: x is None)

        def step(s: NestedDict, now: tuple[Array, Array | None]) -> tuple[NestedDict, Any]:
            (spikes_in, noise), irec = now, None
            if weights is not None:
                irec = arriving(s["spikes"], weights, spikes_in.shape)
            s = advance(one, s, spikes_in, irec, noise)
            return s, (s["spikes"], _recorded(s) if self.record else {})

        end, (spikes, recorded) = scan_steps(step, start, (drive, self.noise))
        return end, spikes, recorded

    def emitted(self, start: NestedDict) -> Float[Array, " N"]:
        """Spikes of the step before."""
        return start["spikes"]

    def kernel(self, weights: Weights, drive: Array) -> AbstractKernel | None:
        """None yet."""
        del weights, drive
        return None


def _recorded(s: NestedDict) -> NestedDict:
    return {name: x for name, x in s.items() if name != "timer_ref"}
