"""Runs of a `DynapSim` from event to event: with a raster, or with times."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...._events import Events
from ...._types import NestedDict
from ..coefficients import coefficients
from .flow import Neurons
from .loop import Progress, SPIKES_FULL
from .problem import Problem, upcoming
from .solve import solve


def exact_events(mod: Any, events: Events, duration: Float[Array, ""]) -> tuple[Events, NestedDict]:
    """Output spikes and new state."""
    found, problem = _run(mod, events, events.valid, duration[None], False)
    return _spikes(mod, found), _state(mod, problem, found.now)


def exact_raster(
    mod: Any, input_data: Float[Array, "T KN"], record: bool
) -> tuple[Array, NestedDict, NestedDict]:
    """Output raster, new state and record; input arrives at the start of each step."""
    steps = len(input_data)
    input_data = input_data.astype(mod.imem.dtype)
    grid = mod.dt * jnp.arange(steps + 1, dtype=mod.dt.dtype)
    events = Events.padded(
        grid[:-1],
        jnp.arange(steps, dtype=jnp.int32),
        jnp.ones(steps, grid.dtype),
        jnp.array(steps, jnp.int32),
        steps,
    ).through(input_data)
    marks = grid[1:] if record and steps else grid[-1:]
    found, problem = _run(mod, events, jnp.any(input_data != 0.0, axis=1), marks, record)
    spikes = _spikes(mod, found)
    # A spike belongs to the step at whose end a solver on the grid would find it.
    step = jnp.searchsorted(grid[1:], spikes.times, side="left").astype(jnp.int32)
    step = jnp.where(spikes.valid, jnp.minimum(step, steps - 1), steps)
    raster = jnp.zeros((steps, mod.size_out), grid.dtype)
    raster = raster.at[step, spikes.channels].add(1.0, mode="drop")
    recorded = {}
    if record:
        assert found.path is not None
        at_marks = jax.tree.map(lambda x: x[found.mark_steps[:steps] + 1], found.path)
        recorded = jax.vmap(lambda now: _currents(problem, now))(at_marks) | {"spikes": raster}
    return raster, _state(mod, problem, found.now), recorded


def _run(
    mod: Any, events: Events, takes_part: Array, marks: Float[Array, " G"], keep_path: bool
) -> tuple[Progress, Problem]:
    c = coefficients(mod, as_rockpool=False)
    problem = Problem(c, mod.solver, events, upcoming(takes_part), marks, mod.w_rec)
    isyn = [getattr(mod, f"i{name}") for name in mod.synapses]
    isyn = jnp.stack(isyn) if len(isyn) > 1 else isyn[0]
    # Spikes of the step before, on a grid, arrive now.
    iahp = jnp.maximum(mod.iahp, mod.Io) + c.ahp_jump * mod.spikes
    if mod.w_rec is not None:
        arriving = jnp.tensordot(mod.spikes, mod.w_rec, 1).T
        isyn = isyn + c.syn_charge * jnp.maximum(c.syn_gain * arriving, 0.0)
    y = jnp.log(jnp.maximum(mod.imem, mod.Io) / mod.Io)
    start = Neurons(jnp.zeros_like(mod.dt), y, isyn, iahp, mod.timer_ref)
    found = solve(problem, start, keep_path=keep_path)
    return _checked(mod, found), problem


def _spikes(mod: Any, found: Progress) -> Events:
    ones = jnp.ones_like(found.times)
    return Events.padded(found.times, found.neurons, ones, found.spikes, mod.size_out)


def _currents(problem: Problem, now: Neurons) -> NestedDict:
    c = problem.c
    isyn = {f"i{name}": current for name, current in c.by_name(now.isyn).items()}
    return isyn | {"iahp": now.iahp, "imem": c.Io * jnp.exp(now.y), "vmem": c.Ut / c.kappa * now.y}


def _state(mod: Any, problem: Problem, now: Neurons) -> NestedDict:
    return _currents(problem, now) | {
        # Every spike has arrived; nothing is left for the next run to deliver.
        "spikes": jnp.zeros_like(mod.spikes),
        "timer_ref": jnp.maximum(now.ready - now.t, 0.0),
        "rng_key": mod.rng_key,
    }


def _checked(mod: Any, found: Progress) -> Progress:
    # The message is made when it is needed, from the bits of the time, so that it can name it.
    reached = jax.lax.bitcast_convert_type(found.now.t.astype(jnp.float32), jnp.int32)
    failed = found.status > 0
    solver = mod.solver
    for status, bound in ((SPIKES_FULL, "max_spikes"), (None, "max_steps")):
        is_this = failed & ((found.status == SPIKES_FULL) == (status is not None))
        index = jnp.where(is_this, reached, 0)
        message = _BoundReached(mod.full_name, bound, getattr(solver, bound))
        found = eqx.branched_error_if(found, is_this, index, message)  # pyright: ignore
    return found


@dataclasses.dataclass(frozen=True)
class _BoundReached:
    """Messages by the bits of the time that was reached, as a float32."""

    owner: str
    bound: str
    value: int

    def __getitem__(self, bits: int) -> str:
        time = float(np.asarray(bits, np.int32).view(np.float32))
        what = "spikes" if self.bound == "max_spikes" else "steps of the solver"
        return (
            f"{self.owner}: EventDriven has done its {self.bound} = {self.value} {what} at "
            f"t = {time:.6g} s, before the end of the run. Raise {self.bound}, or run for "
            "a shorter time."
        )

    def __len__(self) -> int:
        return 2**31
