"""The run from event to event: steps that end at the next event."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .base import Neurons
from .move import ARRIVAL, attempt, GRID, Move, READY, SPIKE, STEP
from .problem import Problem
from .search import first_end, look_inside


RUNNING, SPIKES_FULL, STEPS_FULL = range(3)


class Progress(NamedTuple):
    """The state of the loop, and after it what it found.

    **Attributes:**

    - `now`: the neurons.
    - `arrival`, `mark`: the next input event and the next grid point.
    - `times`, `neurons`: of the spikes so far, which are `spikes` in number.
    - `steps`, `attempts`: steps taken, and tried.
    - `lost`: rounding error of the time, s; steps may be shorter than the last digit of it.
    - `length`, `control`: what the controller proposes, and its state.
    - `status`: `RUNNING`, or which bound was reached.
    - `spike_steps`, `mark_steps`: the step at whose end each spike or grid point is.
    - `moves`, `path`: every step, and the neurons before the first and after each; `None` unless
      asked for.
    - `meter`: the state of the progress meter.
    """

    now: Neurons
    arrival: Int[Array, ""]
    mark: Int[Array, ""]
    times: Float[Array, " S"]
    neurons: Int[Array, " S"]
    spikes: Int[Array, ""]
    steps: Int[Array, ""]
    attempts: Int[Array, ""]
    lost: Float[Array, ""]
    length: Float[Array, ""]
    control: Any
    status: Int[Array, ""]
    spike_steps: Int[Array, " S"]
    mark_steps: Int[Array, " G"]
    moves: Move | None
    path: Neurons | None
    meter: Any


def begin(problem: Problem, start: Neurons, meter: Any, keep_path: bool) -> Progress:
    """Before the first step."""
    solver = problem.solver
    spikes, steps = solver.max_spikes, solver.max_steps
    zero = jnp.zeros((), jnp.int32)
    controller = solver.controller(start.y.dtype)
    one = jnp.ones((), start.y.dtype)
    _, control = controller.init(None, 0 * one, one, start.y, one, None, None, 5)  # pyright: ignore
    control = jax.tree.map(jnp.asarray, control)
    moves = path = None
    if keep_path:
        moves = Move(jnp.zeros((steps,), start.y.dtype), *(jnp.zeros((2, steps), jnp.int32)))
        path = jax.tree.map(lambda x: jnp.zeros((steps + 1, *x.shape), x.dtype), start)
        path = jax.tree.map(lambda xs, x: xs.at[0].set(x), path, start)
    return Progress(
        now=start,
        arrival=problem.upcoming[0],
        mark=zero,
        times=jnp.full((spikes,), jnp.inf, start.y.dtype),
        neurons=jnp.zeros((spikes,), jnp.int32),
        spikes=zero,
        steps=zero,
        attempts=zero,
        lost=0 * one,
        length=problem.flow.first_step(),  # the controller takes over from there
        control=control,
        status=zero,
        spike_steps=jnp.zeros((spikes,), jnp.int32),
        mark_steps=jnp.zeros((len(problem.marks),), jnp.int32),
        moves=moves,
        path=path,
        meter=meter,
    )


def advance(problem: Problem, p: Progress) -> Progress:
    """Tries one step, up to the next event at most."""
    end = _attempt(problem, p)
    arriving = problem.arriving(end.kind, end.which)
    fired = (end.kind == SPIKE) & (jnp.arange(p.now.ready.size, dtype=jnp.int32) == end.which)
    after = problem.flow.land(p.now, end.y, end.t, end.elapsed, fired, arriving)

    spiked, marked, arrived = (end.kind == kind for kind in (SPIKE, GRID, ARRIVAL))
    full = end.taken & spiked & (p.spikes == len(p.times))
    taken = end.taken & ~full
    attempts = p.attempts + 1
    exhausted = (attempts >= problem.solver.max_steps) & (problem.marks[-1] > end.t)
    status = jnp.where(full, SPIKES_FULL, jnp.where(exhausted, STEPS_FULL, RUNNING))

    def write(values: Array, place: Array, value: Array, here: Any = True) -> Array:
        return values.at[jnp.where(taken & here, place, len(values))].set(value, mode="drop")

    def count(here: Array) -> Array:
        return (taken & here).astype(jnp.int32)

    moves, path = p.moves, p.path
    if moves is not None and path is not None:
        move = Move(end.elapsed, end.kind, end.which)
        moves = jax.tree.map(lambda xs, x: write(xs, p.steps, x), moves, move)
        path = jax.tree.map(lambda xs, x: write(xs, p.steps + 1, x), path, after)
    now = jax.tree.map(lambda new, old: jnp.where(taken, new, old), after, p.now)
    return Progress(
        now=now,
        arrival=jnp.where(taken & arrived, problem.upcoming[p.arrival + 1], p.arrival),
        mark=p.mark + count(marked),
        times=write(p.times, p.spikes, end.t, spiked),
        neurons=write(p.neurons, p.spikes, end.which, spiked),
        spikes=p.spikes + count(spiked),
        steps=p.steps + taken.astype(jnp.int32),
        attempts=attempts,
        lost=jnp.where(taken, end.lost, p.lost),
        length=end.proposed,
        control=end.control,
        status=status.astype(jnp.int32),
        spike_steps=write(p.spike_steps, p.spikes, p.steps, spiked),
        mark_steps=write(p.mark_steps, p.mark, p.steps, marked),
        moves=moves,
        path=path,
        meter=problem.solver.progress_meter.step(p.meter, now.t / problem.marks[-1]),
    )


class _End(NamedTuple):
    """Where a step ended, and why; what the controller makes of it."""

    taken: Array
    t: Array
    lost: Array
    elapsed: Array
    y: Array
    kind: Array
    which: Array
    proposed: Array
    control: Any


def _attempt(problem: Problem, p: Progress) -> _End:
    flow, solver, now = problem.flow, problem.solver, p.now
    above = flow.distance(jnp.zeros_like(now.t), now.y, flow.start(now))
    overdue = jnp.any(above >= 0.0)
    stop, stop_kind, stop_index = _next_stop(problem, p)
    tried = jnp.minimum(p.length, flow.longest_step(now))
    left = jnp.maximum(stop - now.t - p.lost, 0.0)
    lands = tried >= left
    length = jnp.where(overdue, 0.0, jnp.where(lands, left, tried))

    y, error, dense = attempt(flow, solver, now, length)
    method, controller = solver.method(length.dtype), solver.controller(length.dtype)
    accepted, _, proposed, _, control, _ = controller.adapt_step_size(
        jnp.zeros_like(length), length, now.y, y, None, error, method.error_order(None), p.control
    )
    proposed = proposed - jnp.where(accepted, length, 0.0)
    inside = look_inside(method, dense, y, length)
    # A shorter step has to tell apart what this one does not.
    hides = flow.hides(now, inside, controller.atol)
    proposed = jnp.where(hides, 0.5 * length, proposed)
    taken = jnp.logical_and(accepted, ~hides)

    inside, searched = (jnp.where(taken, x, y) for x, y in ((inside, now.y[None]), (length, 0.0)))
    early, crossed, elapsed, neuron, y = first_end(flow, solver, now, inside, dense, searched)
    elapsed = jnp.where(taken, elapsed, length)
    # A step that has been cut short says nothing against longer ones.
    cut = taken & (early | lands | overdue | (tried < p.length))
    proposed = jnp.where(cut, jnp.maximum(proposed, p.length), proposed)

    lands, spiked = lands & ~early & ~overdue, crossed | overdue
    neuron = jnp.where(overdue, jnp.argmax(above).astype(jnp.int32), neuron)
    total = p.lost + elapsed
    t = jnp.where(lands, stop, now.t + total)
    return _End(
        taken=taken,
        t=t,
        lost=jnp.where(lands, 0.0, total - (t - now.t)),
        elapsed=elapsed,
        y=y,
        kind=jnp.where(lands, stop_kind, jnp.where(spiked, SPIKE, STEP)).astype(jnp.int32),
        which=jnp.where(spiked, neuron, stop_index),
        proposed=proposed,
        control=control,
    )


def _next_stop(problem: Problem, p: Progress) -> tuple[Array, Array, Array]:
    """Time, kind and index of the next event that is known beforehand."""
    now, times = p.now, problem.events.times
    waiting = jnp.where(now.ready > now.t, now.ready, jnp.inf)
    first = jnp.argmin(waiting).astype(jnp.int32)
    ends = [waiting[first], problem.marks[p.mark]]
    kinds, indices = [READY, GRID], [first, p.mark]
    if len(times):
        # In front: of events at the same time, an arrival comes before the end of the run, but
        # after a grid point inside it: what arrives there belongs to the next step.
        arrival = jnp.minimum(p.arrival, len(times) - 1)
        inside = jnp.where(p.mark < len(problem.marks) - 1, problem.marks[p.mark], jnp.inf)
        ends = [inside, jnp.where(p.arrival < len(times), times[arrival], jnp.inf), *ends]
        kinds, indices = [GRID, ARRIVAL, *kinds], [p.mark, arrival, *indices]
    which = jnp.argmin(jnp.stack(ends))
    return jnp.stack(ends)[which], jnp.asarray(kinds, jnp.int32)[which], jnp.stack(indices)[which]
