"""Runs from event to event: with times, or with a raster."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._events import Events
from .._sparse import as_factor, Factor
from .._types import NestedDict
from .base import AbstractFlow, Neurons
from .loop import Progress, SPIKES_FULL
from .problem import Problem, upcoming
from .solve import solve


def exact_events(
    mod: Any, flow: AbstractFlow, start: Neurons, events: Events, duration: Float[Array, ""]
) -> tuple[Events, NestedDict]:
    """Output spikes and new state.

    The module has a solver, `w_rec`, and states `spikes` and `timer_ref`. `start` are its neurons,
    `flow`, at the start of the run; events are in the order of its channels.
    """
    problem = Problem(
        flow, mod.solver, events, upcoming(events.valid), duration[None], _recurrent(mod)
    )
    found = _solved(mod, problem, start, keep_path=False)
    return _spikes(mod, found), _state(mod, flow, found.now)


def exact_raster(
    mod: Any, flow: AbstractFlow, start: Neurons, input_data: Float[Array, "T KN"], record: bool
) -> tuple[Array, NestedDict, NestedDict]:
    """Output raster, new state and record; input arrives at the start of each step.

    Arguments as of `exact_events`, with input `(T, K*N)`. Input that is not finite is an error at
    run time, since no step would end with it.
    """
    steps = len(input_data)
    input_data = eqx.error_if(
        input_data,
        ~jnp.all(jnp.isfinite(input_data)),
        f"{mod.full_name}: input_data holds NaN or infinity, with which no step would end.",
    )
    grid = mod.dt * jnp.arange(steps + 1, dtype=mod.dt.dtype)
    events = Events.padded(
        grid[:-1],
        jnp.arange(steps, dtype=jnp.int32),
        jnp.ones(steps, grid.dtype),
        jnp.array(steps, jnp.int32),
        steps,
    ).through(input_data)
    marks = grid[1:] if record and steps else grid[-1:]
    places = upcoming(jnp.any(input_data != 0.0, axis=1))
    problem = Problem(flow, mod.solver, events, places, marks, _recurrent(mod))
    found = _solved(mod, problem, start, keep_path=record)
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
        recorded = jax.vmap(flow.named)(at_marks) | {"spikes": raster}
    return raster, _state(mod, flow, found.now), recorded


def _recurrent(mod: Any) -> Array | Factor | None:
    return None if mod.w_rec is None else as_factor(mod.w_rec)


def _spikes(mod: Any, found: Progress) -> Events:
    ones = jnp.ones_like(found.times)
    return Events.padded(found.times, found.neurons, ones, found.spikes, mod.size_out)


def _state(mod: Any, flow: AbstractFlow, now: Neurons) -> NestedDict:
    # Every spike has arrived; nothing is left for the next run to deliver.
    state = flow.named(now) | {"spikes": jnp.zeros_like(mod.spikes)}
    if mod.timer_ref is None:
        return state
    return state | {"timer_ref": jnp.maximum(now.ready - now.t, 0.0)}


def _solved(mod: Any, problem: Problem, start: Neurons, keep_path: bool) -> Progress:
    if jnp.finfo(start.y.dtype).bits < 32:
        raise TypeError(
            f"{mod.full_name}: EventDriven needs float32 or float64 to tell one time from another; "
            f"module and input are {start.y.dtype}. Give the input as float32, or take a solver on "
            "a grid."
        )
    meter = problem.solver.progress_meter
    found = solve(problem, start, meter.init(), keep_path=keep_path)
    meter.close(found.meter)
    return _checked(mod, found)


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
