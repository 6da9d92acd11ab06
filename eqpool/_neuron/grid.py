"""A neuron over its time grid, by any solver."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import physics
from .._module import with_dtype
from .._scan import scan_steps
from .._types import NestedDict
from .equations import decay_factors, Equations, in_si, in_units, Start, states_of
from .kernel import kernel_of
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
    mod, dt = in_units(mod), mod.dt
    noise, key = None, {} if mod.rng_key is None else {"rng_key": mod.rng_key}
    if key and mod.noise_std is not None:
        silence = jnp.zeros((input_data.shape[0], mod.size_out), input_data.dtype)
        noise, key["rng_key"] = add_noise(silence, mod.noise_std, dt, key["rng_key"])
    cast = eqx.tree_at(
        lambda m: m.surrogate,
        mod,
        with_dtype(mod.surrogate, input_data.dtype),
        is_leaf=lambda x: x is None,
    )
    equations = Equations(cast)
    decay = decay_factors(cast, dt, equations.constants)
    grid = Grid(equations, decay, noise, record)
    drive, weights, start = mod.channels(input_data), as_weights(mod.w_rec), states_of(mod)
    for name, low in mod.floors.items():
        # Not a maximum, whose slope at a tie would not be that of a longer run.
        floor, value = getattr(mod, low), start[name]
        start[name] = jnp.where(value < floor, floor, value)
    end, spikes, recorded = run_recurrent(grid, weights, start, drive, mod.solver.forward_mode)
    return spikes, in_si(mod, end) | key, in_si(mod, recorded)


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
        active, left = None, jnp.zeros(())
        if mod.timer_ref is not None:
            left = mod.time_left(s["timer_ref"])
            active = left <= 0.0
        own = None
        if mod.solver.model_discretisation:
            own = mod.rockpool_step(s, (spikes_in, irec), noise)
        if own is None:
            s = mod.arrive(s, spikes_in if irec is None else spikes_in + irec)
            s, u = self._integrated(s, active, noise)
        else:
            membrane, (s, u) = mod.spiking[0], own
            if active is not None and mod.resets and mod.holds:
                s = s | {membrane: jnp.where(active, s[membrane], before[membrane])}
        spikes = mod.count(u, s)
        if active is not None and mod.holds:
            spikes = jnp.where(active, spikes, 0.0)
        if not mod.resets:
            spikes = jnp.where(self._distance(before) <= 0.0, spikes, 0.0)
        s = mod.fire(s, spikes) | {"spikes": spikes}
        if mod.timer_ref is None:
            return s
        t_ref = self.equations.constant("t_ref")
        return s | {"timer_ref": physics.refractory_timer(left, spikes, t_ref, mod.dt)}

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
        self, weights: Weights, start: NestedDict, drive: Float[Array, "T ..."]
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

    def kernel(self, weights: Weights, drive: Array) -> AbstractKernel | str:
        """One that is made of this step, or why none is."""
        return kernel_of(self, weights, drive)


def _recorded(s: NestedDict) -> NestedDict:
    return {name: x for name, x in s.items() if name != "timer_ref"}
