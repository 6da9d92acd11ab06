"""A run of `DynapSim` over its time grid."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._event_driven import exact_events, exact_raster, Neurons
from ..._events import Events
from ..._module import run_on_grid, with_dtype
from ..._neuron.recurrent import (
    AbstractGrid,
    AbstractKernel,
    arriving,
    as_weights,
    run_recurrent,
    Weights,
)
from ..._scan import scan_steps
from ..._solver import AbstractStepper, EventDriven, RockpoolEuler
from ..._surrogate import AbstractSurrogate
from ..._types import NestedDict
from ..in_range import in_range
from .coefficients import Coefficients, coefficients
from .flow import beginning, LogMembrane
from .kernel import Kernel, supported
from .step import Carry, consistent_step, rockpool_step
from .units import InUnits


def simulate(
    mod: Any, input_data: Float[Array, "T KN"], record: bool
) -> tuple[Array, NestedDict, NestedDict]:
    """Spikes, new state and record of a `DynapSim`."""
    scaled = InUnits(mod)
    if isinstance(mod.solver, EventDriven):
        flow, start = _exact(scaled)
        spikes, state, recorded = exact_raster(mod, flow, start, input_data, record)
        state, recorded = scaled.in_amperes(state), scaled.in_amperes(recorded)
        return spikes, state | {"rng_key": mod.rng_key}, recorded
    n, k = mod.size_out, len(mod.synapses)
    drive = input_data
    isyn = [getattr(scaled, f"i{name}") for name in mod.synapses]
    if k == 1:
        isyn = isyn[0]
    else:
        # Synapse types in front, once, so that each is contiguous inside the scan.
        drive = drive.reshape(-1, n, k).swapaxes(1, 2)
        isyn = jnp.stack(isyn)
    c = coefficients(scaled, isinstance(mod.solver, RockpoolEuler))
    # A membrane that is given less than `Io` starts there. Not a maximum, whose slope at a tie
    # would not be that of a longer run.
    imem = jnp.where(scaled.imem < c.Io, c.Io, scaled.imem)
    start = Carry(isyn, scaled.iahp, imem, mod.vmem, mod.spikes, mod.timer_ref)
    grid = Grid(c, mod.solver, with_dtype(mod.surrogate, drive.dtype), record)
    weights, both_modes = as_weights(mod.w_rec), mod.solver.forward_mode
    end, spikes, recorded = run_recurrent(grid, weights, start, drive, both_modes)
    state = scaled.in_amperes(grid.named(end) | {"timer_ref": end.timer_ref})
    return spikes, state | {"rng_key": mod.rng_key}, scaled.in_amperes(recorded)


def simulate_events(
    mod: Any, events: Events, duration: Float[Array, ""] | None, num_steps: int | None
) -> tuple[Events, NestedDict]:
    """Output events and new state of a `DynapSim`."""
    if isinstance(mod.solver, EventDriven):
        scaled = InUnits(mod)
        flow, start = _exact(scaled)
        time = mod.dt * num_steps if duration is None else duration
        spikes, state = exact_events(mod, flow, start, events, time)
        return spikes, scaled.in_amperes(state) | {"rng_key": mod.rng_key}
    return run_on_grid(mod, events, num_steps)


def _exact(scaled: Any) -> tuple[LogMembrane, Neurons]:
    """Neurons that run from event to event, and their start."""
    c = coefficients(scaled, as_rockpool=False)
    return LogMembrane(c), beginning(scaled, c)


class Grid(AbstractGrid):
    """What all steps share."""

    c: Coefficients
    solver: AbstractStepper
    surrogate: AbstractSurrogate
    record: bool = eqx.field(static=True)

    def advance(self, carry: Carry, spikes_in: Float[Array, "*K N"]) -> Carry:
        """One step."""
        as_rockpool = isinstance(self.solver, RockpoolEuler)
        step = rockpool_step if as_rockpool else consistent_step
        return step(self.c, self.solver, self.surrogate, carry, spikes_in)

    def named(self, carry: Carry) -> NestedDict:
        """What a record holds of one step, by the names of the fields."""
        isyn = {f"i{name}": current for name, current in self.c.by_name(carry.isyn).items()}
        return isyn | {
            "iahp": carry.iahp,
            "imem": carry.imem,
            "vmem": carry.vmem,
            "spikes": carry.spikes,
        }

    def scan(
        self, weights: Weights, start: Carry, drive: Float[Array, "T *K N"]
    ) -> tuple[Carry, Array, NestedDict]:
        """All steps: the last state, spikes and record."""
        # The backward pass keeps the state before each step and computes the rest again:
        # memory traffic costs more than arithmetic.
        advance = jax.checkpoint(Grid.advance, prevent_cse=False)

        def step(carry: Carry, spikes_in: Array) -> tuple[Carry, tuple[Array, NestedDict]]:
            spikes_in = in_range(spikes_in)
            if weights is not None:
                spikes_in = spikes_in + arriving(carry.spikes, weights, spikes_in.shape)
            carry = advance(self, carry, spikes_in)
            return carry, (carry.spikes, self.named(carry) if self.record else {})

        end, (spikes, recorded) = scan_steps(step, start, drive)
        return end, spikes, recorded

    def emitted(self, start: Carry) -> Float[Array, " N"]:
        """Spikes of the step before."""
        return start.spikes

    def kernel(self, weights: Weights, drive: Array) -> AbstractKernel | None:
        """On Rockpool's grid, with the feedback and a surrogate that the kernel knows."""
        return Kernel() if supported(self, weights, drive) else None
