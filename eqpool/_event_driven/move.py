"""A move: one step of the solver up to its end, and the same as a differentiable function."""

from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .._solver import EventDriven
from .base import AbstractFlow, Neurons


STEP, ARRIVAL, READY, GRID, SPIKE = range(5)
"""What ends a move: nothing but the size of a step, or an event."""


class Move(NamedTuple):
    """How one step of the solver went: all that its derivative does not look at.

    **Attributes:**

    - `length`: its duration, s.
    - `kind`: one of `STEP`, `ARRIVAL`, `READY`, `GRID`, `SPIKE`.
    - `which`: the event that arrived, the neuron that became ready or fired, or the grid point.
    """

    length: Float[Array, ""]
    kind: Int[Array, ""]
    which: Int[Array, ""]


def attempt(
    flow: AbstractFlow, solver: EventDriven, now: Neurons, length: Float[Array, ""]
) -> tuple[Float[Array, "*R N"], Float[Array, "*R N"], Any]:
    """One step of the solver: `y` after it, its error (infinite if it failed), dense output."""
    method = solver.method(length.dtype)
    terms: Any = diffrax.ODETerm(flow)
    start, zero = flow.start(now), jnp.zeros_like(length)
    state = method.init(terms, zero, length, now.y, start)
    y, error, dense, _, result = method.step(
        terms, zero, length, now.y, start, state, made_jump=False
    )
    good = (result == diffrax.RESULTS.successful) & jnp.all(jnp.isfinite(y))
    error = jnp.where(good & jnp.isfinite(error), error, jnp.inf)
    return jnp.where(good, y, now.y), error, dense


def replay(
    flow: AbstractFlow,
    solver: EventDriven,
    now: Neurons,
    move: Move,
    due: Float[Array, ""],
    arriving: Float[Array, "..."],
) -> Neurons:
    """The neurons after a move that is known, as a differentiable function.

    Its end depends on the neurons only where an event says so: at a spike, the time moves by
    minus the change of the membrane over its slope there, and everything else moves with it.

    **Arguments:**

    - `now`: the neurons before the move.
    - `move`: how it went.
    - `due`: when the input arrives or the grid point is, if that ends the move, s.
    - `arriving`: spikes that arrive at its end.
    """
    hold = jax.lax.stop_gradient

    def moved(x: Array) -> Array:
        return x - hold(x)

    is_spike, start = move.kind == SPIKE, flow.start(now)
    fired = is_spike & (jnp.arange(now.ready.size, dtype=jnp.int32) == move.which)
    # What starts above threshold fires at once, whatever its membrane does.
    above = flow.distance(jnp.zeros_like(now.t), now.y, start)
    at_once = hold(jnp.any(fired & (above > _OVERDUE)))
    # Its length, and not the difference of two times, which has lost digits.
    later = jnp.select(
        [(move.kind == ARRIVAL) | (move.kind == GRID), move.kind == READY, is_spike & ~at_once],
        [moved(due), moved(now.ready[move.which]), jnp.zeros_like(now.t)],
        moved(now.t),
    )
    elapsed = hold(move.length) + later - moved(now.t)
    y, _, _ = attempt(flow, solver, now, elapsed)
    slope = hold(flow(elapsed, y, start))
    rise = jnp.where(fired, hold(climb(flow, elapsed, y, slope, start)), 1.0)
    early = jnp.where(fired & ~at_once, flow.distance(elapsed, y, start) / rise, 0.0)
    shift = jnp.sum(hold(early) - early)
    elapsed = elapsed + shift
    return flow.land(now, y + slope * shift, now.t + elapsed, elapsed, fired, arriving)


def climb(
    flow: AbstractFlow, t: Any, y: Float[Array, "*R N"], slope: Float[Array, "*R N"], start: Any
) -> Float[Array, " N"]:
    """How fast each neuron comes closer to its threshold, where `y` has this slope."""
    one = jnp.ones_like(t)
    return jax.jvp(lambda t, y: flow.distance(t, y, start), (t, y), (one, slope))[1]


_OVERDUE = 1e-3
"""Above threshold at the start of a step, so much that rounding does not explain it."""
