"""The run from event to event, and its derivative."""

import functools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from equinox.internal import nondifferentiable, unvmap_any
from jaxtyping import Array, Float, Int

from .flow import (
    ARRIVAL,
    attempt,
    GRID,
    land,
    log_threshold,
    Move,
    Neurons,
    READY,
    replay,
    SPIKE,
    STEP as NO_EVENT,
)
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
    - `length`, `control`: what the controller proposes, and its state.
    - `status`: `RUNNING`, or which bound was reached.
    - `spike_steps`, `mark_steps`: the step at whose end each spike or grid point is.
    - `moves`, `path`: every step, and the neurons before the first and after each; `None` unless
      asked for.
    """

    now: Neurons
    arrival: Int[Array, ""]
    mark: Int[Array, ""]
    times: Float[Array, " S"]
    neurons: Int[Array, " S"]
    spikes: Int[Array, ""]
    steps: Int[Array, ""]
    attempts: Int[Array, ""]
    length: Float[Array, ""]
    control: Any
    status: Int[Array, ""]
    spike_steps: Int[Array, " S"]
    mark_steps: Int[Array, " G"]
    moves: Move | None
    path: Neurons | None


@eqx.filter_custom_jvp
def solve(problem: Problem, start: Neurons, *, keep_path: bool) -> Progress:
    """Runs until the last mark, or until a bound is reached."""
    progress = _begin(problem, start, keep_path)
    return jax.lax.while_loop(
        lambda p: (p.mark < len(problem.marks)) & (p.status == RUNNING),
        functools.partial(_advance, problem),
        progress,
    )


def _begin(problem: Problem, start: Neurons, keep_path: bool) -> Progress:
    c, solver = problem.c, problem.solver
    spikes, steps = solver.max_spikes, solver.max_steps
    zero = jnp.zeros((), jnp.int32)
    # A tenth of the fastest membrane; the controller takes over from there.
    first = 0.1 * jnp.min(c.C_mem * c.Ut / (c.kappa * c.Itau_mem))
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
        start,
        problem.upcoming[0],
        zero,
        jnp.full((spikes,), jnp.inf, start.y.dtype),
        jnp.zeros((spikes,), jnp.int32),
        zero,
        zero,
        zero,
        first,
        control,
        zero,
        jnp.zeros((spikes,), jnp.int32),
        jnp.zeros((len(problem.marks),), jnp.int32),
        moves,
        path,
    )


def _advance(problem: Problem, p: Progress) -> Progress:
    """Tries one step, up to the next event at most."""
    c, solver, now = problem.c, problem.solver, p.now
    threshold = jnp.broadcast_to(log_threshold(c), now.y.shape)

    stop, stop_kind, stop_index = _next_stop(problem, p)
    lands = p.length >= stop - now.t
    overdue = jnp.any(now.y >= threshold)
    length = jnp.where(overdue, 0.0, jnp.where(lands, stop - now.t, p.length))

    y, error, dense = attempt(c, solver, now, length)
    method, controller = solver.method(length.dtype), solver.controller(length.dtype)
    accepted, _, proposed, _, control, _ = controller.adapt_step_size(
        jnp.zeros_like(length), length, now.y, y, None, error, method.error_order(None), p.control
    )
    inside = look_inside(method, dense, y, length)
    # It went below the floor and came up again: a shorter step has to tell the two apart.
    dips = (now.y > 0.0) & jnp.any(inside < -controller.atol, 0) & (inside[-1] > inside[-2])
    dips = jnp.any(dips)
    taken = accepted & ~dips
    proposed = proposed - jnp.where(accepted, length, 0.0)
    proposed = jnp.where(dips, 0.5 * length, proposed)
    early, crossed, elapsed, neuron, y = first_end(
        c, solver, now, jnp.where(taken, inside, now.y[None]), dense, jnp.where(taken, length, 0.0)
    )
    elapsed = jnp.where(taken, elapsed, length)
    # A step that an event has cut short says nothing against longer ones.
    cut = early | lands | overdue
    proposed = jnp.where(taken & cut, jnp.maximum(proposed, p.length), proposed)
    lands, spiked = lands & ~early & ~overdue, crossed | overdue
    neuron = jnp.where(overdue, jnp.argmax(now.y - threshold).astype(jnp.int32), neuron)
    full = spiked & (p.spikes == len(p.times))
    kind = jnp.where(lands, stop_kind, jnp.where(spiked, SPIKE, NO_EVENT)).astype(jnp.int32)
    index = jnp.where(spiked, neuron, stop_index)
    end = jnp.where(lands, stop, now.t + elapsed)
    fired = spiked & (jnp.arange(now.y.size, dtype=jnp.int32) == neuron)
    after = land(c, now, y, end, fired, problem.arriving(kind, index))

    goes_on = taken & ~full
    attempts = p.attempts + 1
    exhausted = (attempts >= solver.max_steps) & (problem.marks[-1] > end)

    def write(values: Array, place: Array, value: Array, here: Array) -> Array:
        return values.at[jnp.where(here & goes_on, place, len(values))].set(value, mode="drop")

    marked, arrived = kind == GRID, kind == ARRIVAL
    moves, path, always = p.moves, p.path, jnp.array(True)
    if moves is not None and path is not None:
        moves = jax.tree.map(
            lambda xs, x: write(xs, p.steps, x, always), moves, Move(elapsed, kind, index)
        )
        path = jax.tree.map(lambda xs, x: write(xs, p.steps + 1, x, always), path, after)
    one = goes_on.astype(jnp.int32)
    return Progress(
        jax.tree.map(lambda new, old: jnp.where(goes_on, new, old), after, now),
        jnp.where(goes_on & arrived, problem.upcoming[p.arrival + 1], p.arrival),
        p.mark + one * marked.astype(jnp.int32),
        write(p.times, p.spikes, end, spiked),
        write(p.neurons, p.spikes, neuron, spiked),
        p.spikes + one * spiked.astype(jnp.int32),
        p.steps + one,
        attempts,
        proposed,
        control,
        jnp.where(full, SPIKES_FULL, jnp.where(exhausted, STEPS_FULL, RUNNING)).astype(jnp.int32),
        write(p.spike_steps, p.spikes, p.steps, spiked),
        write(p.mark_steps, p.mark, p.steps, marked),
        moves,
        path,
    )


def _next_stop(problem: Problem, p: Progress) -> tuple[Array, Array, Array]:
    """Time, kind and index of the next event that is known beforehand."""
    now, times = p.now, problem.events.times
    waiting = jnp.where(now.ready > now.t, now.ready, jnp.inf)
    first = jnp.argmin(waiting).astype(jnp.int32)
    ends = [waiting[first], problem.marks[p.mark]]
    kinds, indices = [READY, GRID], [first, p.mark]
    if len(times):
        # In front: of events at the same time, an arrival comes before the end of the run.
        arrival = jnp.minimum(p.arrival, len(times) - 1)
        ends = [jnp.where(p.arrival < len(times), times[arrival], jnp.inf), *ends]
        kinds, indices = [ARRIVAL, *kinds], [arrival, *indices]
    which = jnp.argmin(jnp.stack(ends))
    return jnp.stack(ends)[which], jnp.asarray(kinds, jnp.int32)[which], jnp.stack(indices)[which]


_FIRST_ORDER = (
    "EventDriven: spike times have first derivatives only; there are none of second order, as in a "
    "Hessian."
)

_CHUNK = 32
"""Steps that are differentiated, or passed over, together."""


@solve.def_jvp
def _solve_jvp(primals: Any, tangents: Any, *, keep_path: bool) -> tuple[Progress, Progress]:
    """Each step is differentiated at the state that the run had there, one after another.

    The state before a step is at hand, so nothing is computed twice in forward mode, and
    reverse mode needs to keep nothing else.
    """
    (problem, start), (problem_dot, start_dot) = primals, tangents
    found = solve(problem, start, keep_path=True)
    # Silently wrong otherwise: a second derivative would also need to know how kinks move.
    moves, path = nondifferentiable((found.moves, found.path), msg=_FIRST_ORDER)
    assert moves is not None and path is not None
    before = jax.tree.map(lambda x: x[:-1], path)

    # What comes from outside, for all steps at once: its derivative is then one scatter.
    def outside(problem: Problem) -> Any:
        return jax.vmap(lambda move: (problem.due(move), problem.arriving(move.kind, move.which)))(
            moves
        )

    reached, reached_dot = eqx.filter_jvp(outside, (problem,), (problem_dot,))

    def wanted(dot: Neurons) -> Any:
        return dot if keep_path else dot.t

    @functools.partial(jax.checkpoint, prevent_cse=False)
    def one(dot: Neurons, step: Any) -> tuple[Neurons, Any]:
        active, before, move, reached, reached_dot = step
        _, after_dot = eqx.filter_jvp(
            lambda c, now, reached: replay(c, problem.solver, now, move, *reached),
            (problem.c, before, reached),
            (problem_dot.c, dot, reached_dot),
        )
        after_dot = jax.tree.map(lambda new, old: jnp.where(active, new, old), after_dot, dot)
        return after_dot, wanted(after_dot)

    def chunk(dot: Neurons, steps: Any) -> tuple[Neurons, Any]:
        def idle() -> tuple[Neurons, Any]:
            many = jax.tree.map(lambda x: jnp.zeros((_CHUNK, *x.shape), x.dtype), wanted(dot))
            return dot, many

        # Under `vmap` too, nothing is done for places that no run has used.
        active = unvmap_any(steps[0][0])
        return jax.lax.cond(active, lambda: jax.lax.scan(one, dot, steps), idle)

    total = len(moves.length)
    spare = -total % _CHUNK
    steps = jnp.arange(total, dtype=jnp.int32) < found.steps, before, moves, reached, reached_dot
    steps = jax.tree.map(
        lambda x: jnp.pad(x, [(0, spare)] + [(0, 0)] * (x.ndim - 1)).reshape(
            -1, _CHUNK, *x.shape[1:]
        ),
        steps,
    )
    start_dot = jax.tree.map(
        lambda dot, x: jnp.zeros_like(x) if dot is None else dot,
        start_dot,
        start,
        is_leaf=lambda x: x is None,
    )
    end_dot, path_dot = jax.lax.scan(chunk, start_dot, steps)
    path_dot = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:total], path_dot)
    taken = jnp.arange(len(found.times), dtype=jnp.int32) < found.spikes
    spike_dots = (path_dot.t if keep_path else path_dot)[found.spike_steps]
    if keep_path:
        path_dot = jax.tree.map(lambda x, xs: jnp.concatenate([x[None], xs]), start_dot, path_dot)
    else:
        found, path_dot = found._replace(moves=None, path=None), None
    return found, jax.tree.map(lambda _: None, found)._replace(
        now=end_dot, times=jnp.where(taken, spike_dots, 0.0), path=path_dot
    )
