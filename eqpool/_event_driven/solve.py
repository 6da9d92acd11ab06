"""A run and its derivative."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from equinox.internal import nondifferentiable, unvmap_any

from .base import Neurons
from .loop import advance, begin, Progress, RUNNING
from .move import replay
from .problem import Problem


@eqx.filter_custom_jvp
def solve(problem: Problem, start: Neurons, meter: Any, *, keep_path: bool) -> Progress:
    """Runs until the last mark, or until a bound is reached.

    **Arguments:**

    - `meter`: the state of the progress meter. Opening and closing it are effects, which stay
        outside of what has a derivative.
    """
    progress = begin(problem, start, meter, keep_path)
    return jax.lax.while_loop(
        lambda p: (p.mark < len(problem.marks)) & (p.status == RUNNING),
        functools.partial(advance, problem),
        progress,
    )


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
    (problem, start, meter), (problem_dot, start_dot, _) = primals, tangents
    found = solve(problem, start, meter, keep_path=True)
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

    # Tangents of the flow are handed on from step to step: JAX before 0.10.1 does not transpose
    # a scan that they enter from outside.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def one(dots: tuple[Any, Neurons], step: Any) -> tuple[tuple[Any, Neurons], Any]:
        flow_dot, dot = dots
        active, before, move, reached, reached_dot = step
        _, after_dot = eqx.filter_jvp(
            lambda flow, now, reached: replay(flow, problem.solver, now, move, *reached),
            (problem.flow, before, reached),
            (flow_dot, dot, reached_dot),
        )
        after_dot = jax.tree.map(lambda new, old: jnp.where(active, new, old), after_dot, dot)
        return (flow_dot, after_dot), wanted(after_dot)

    def chunk(dots: tuple[Any, Neurons], steps: Any) -> tuple[tuple[Any, Neurons], Any]:
        def idle() -> tuple[tuple[Any, Neurons], Any]:
            many = jax.tree.map(lambda x: jnp.zeros((_CHUNK, *x.shape), x.dtype), wanted(dots[1]))
            return dots, many

        # Under `vmap` too, nothing is done for places that no run has used.
        active = unvmap_any(steps[0][0])
        return jax.lax.cond(active, lambda: jax.lax.scan(one, dots, steps), idle)

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
    (_, end_dot), path_dot = jax.lax.scan(chunk, (problem_dot.flow, start_dot), steps)
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
