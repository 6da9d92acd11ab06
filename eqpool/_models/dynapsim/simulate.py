"""A run of `DynapSim` over its time grid."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._event_driven import exact_events, exact_raster
from ..._events import Events
from ..._module import run_on_grid
from ..._scan import scan_steps
from ..._solver import AbstractStepper, EventDriven, has_forward_mode, RockpoolEuler
from ..._surrogate import AbstractSurrogate
from ..._types import NestedDict
from .coefficients import Coefficients, coefficients
from .flow import beginning, LogMembrane
from .step import Carry, consistent_step, rockpool_step


def simulate(
    mod: Any, input_data: Float[Array, "T KN"], record: bool
) -> tuple[Array, NestedDict, NestedDict]:
    """Spikes, new state and record of a `DynapSim`."""
    if isinstance(mod.solver, EventDriven):
        c = coefficients(mod, as_rockpool=False)
        start = beginning(mod, c)
        spikes, state, recorded = exact_raster(mod, LogMembrane(c), start, input_data, record)
        return spikes, state | {"rng_key": mod.rng_key}, recorded
    n, k = mod.size_out, len(mod.synapses)
    drive, weights = input_data.astype(mod.imem.dtype), mod.w_rec
    isyn = [getattr(mod, f"i{name}") for name in mod.synapses]
    if k == 1:
        isyn = isyn[0]
    else:
        # Synapse types in front, once, so that each is contiguous inside the scan.
        drive = drive.reshape(-1, n, k).swapaxes(1, 2)
        weights = None if weights is None else weights.swapaxes(1, 2)
        isyn = jnp.stack(isyn)
    start = Carry(isyn, mod.iahp, mod.imem, mod.vmem, mod.spikes, mod.timer_ref)
    grid = Grid(
        coefficients(mod, isinstance(mod.solver, RockpoolEuler)), mod.solver, mod.surrogate, record
    )
    # The rule below linearises, which is forward mode.
    scan = _scan if has_forward_mode(mod.solver) else Grid.scan
    end, spikes, recorded = scan(grid, weights, start, drive)
    state = grid.named(end) | {"timer_ref": end.timer_ref, "rng_key": mod.rng_key}
    return spikes, state, recorded


def simulate_events(
    mod: Any, events: Events, duration: Float[Array, ""] | None, num_steps: int | None
) -> tuple[Events, NestedDict]:
    """Output events and new state of a `DynapSim`."""
    if isinstance(mod.solver, EventDriven):
        c = coefficients(mod, as_rockpool=False)
        time = mod.dt * num_steps if duration is None else duration
        spikes, state = exact_events(mod, LogMembrane(c), beginning(mod, c), events, time)
        return spikes, state | {"rng_key": mod.rng_key}
    return run_on_grid(mod, events, num_steps)


class Grid(eqx.Module):
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
        self, weights: Array | None, start: Carry, drive: Float[Array, "T *K N"]
    ) -> tuple[Carry, Array, NestedDict]:
        """All steps: the last state, spikes and record."""
        # The backward pass keeps the state before each step and computes the rest again:
        # memory traffic costs more than arithmetic.
        advance = jax.checkpoint(Grid.advance, prevent_cse=False)

        def step(carry: Carry, spikes_in: Array) -> tuple[Carry, tuple[Array, NestedDict]]:
            if weights is not None:
                arriving = carry.spikes @ weights.reshape(weights.shape[0], -1)
                spikes_in = spikes_in + arriving.reshape(spikes_in.shape)
            carry = advance(self, carry, spikes_in)
            return carry, (carry.spikes, self.named(carry) if self.record else {})

        end, (spikes, recorded) = scan_steps(step, start, drive)
        return end, spikes, recorded


@eqx.filter_custom_jvp
def _scan(grid: Grid, weights: Array | None, start: Carry, drive: Array) -> Any:
    return grid.scan(weights, start, drive)


@_scan.def_jvp
def _scan_jvp(primals: Any, tangents: Any) -> Any:
    """Takes the derivative wrt the weights as one matrix product over all steps.

    A change of weights acts like a change of input, by the spikes that arrive over them.
    Differentiated inside the scan, it would update the whole gradient in every step.
    """
    grid, weights, start, drive = primals
    grid_dot, weights_dot, start_dot, drive_dot = tangents
    if weights_dot is None:
        return eqx.filter_jvp(
            lambda grid, start, drive: grid.scan(weights, start, drive),
            (grid, start, drive),
            (grid_dot, start_dot, drive_dot),
        )
    if drive_dot is None:
        drive_dot = jnp.zeros_like(drive)
    dots = (grid_dot, start_dot, drive_dot)
    varies = jax.tree.map(lambda dot: dot is not None, dots, is_leaf=lambda dot: dot is None)
    varied, fixed = eqx.partition((grid, start, drive), varies)

    def scan(varied: Any) -> Any:
        grid, start, drive = eqx.combine(varied, fixed)
        return grid.scan(weights, start, drive)

    (end, spikes, recorded), derivative = jax.linearize(scan, varied)
    arriving = jnp.concatenate([start.spikes[None], spikes[:-1]])
    drive_dot = drive_dot + jnp.tensordot(arriving, weights_dot, 1)
    return (end, spikes, recorded), derivative((grid_dot, start_dot, drive_dot))
