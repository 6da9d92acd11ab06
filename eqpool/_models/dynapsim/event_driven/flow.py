"""The neurons between two events, and what an event does to them."""

from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .... import physics
from ...._solver import EventDriven
from ..coefficients import Coefficients


class Neurons(NamedTuple):
    """A network at one moment.

    **Attributes:**

    - `t`: time since the start of the run, s.
    - `y`: `ln(Imem/Io)`, at least 0.
    - `isyn`, `iahp`: synapse and adaptation currents, A.
    - `ready`: when the refractory period of each neuron ends, s.
    """

    t: Float[Array, ""]
    y: Float[Array, " N"]
    isyn: Float[Array, "*K N"]
    iahp: Float[Array, " N"]
    ready: Float[Array, " N"]


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


class Start(NamedTuple):
    """What the vector field needs to know of the start of a step."""

    isyn: Float[Array, "*K N"]
    iahp: Float[Array, " N"]
    active: Bool[Array, " N"]
    grounded: Bool[Array, " N"]
    regime: Bool[Array, "R N"]


class LogMembrane(eqx.Module):
    """d ln(Imem/Io)/dt, 1/s, as diffrax takes it; `t` counts from the start of a step.

    Logarithmic, so that tolerances mean the same at rest and at threshold.

    It has kinks: where the input leaves its floor `Io`, where the adaptation reaches its own,
    and where a membrane at the floor lifts off. A step over one has a poor derivative, so
    within a step the field stays on the side where it started, and the step ends at the kink.
    A membrane that falls to the floor is let through and put back at the end of the step.
    """

    c: Coefficients

    def start(self, now: Neurons) -> Start:
        """What a step from here has to know."""
        active, grounded = now.ready <= now.t, now.y <= 0.0
        start = Start(now.isyn, now.iahp, active, grounded, jnp.ones((3, now.y.size), bool))
        return start._replace(regime=self.regime(jnp.zeros_like(now.t), now.y, start))

    def __call__(self, t: Any, y: Float[Array, " N"], start: Any) -> Float[Array, " N"]:
        c, (passes, adapts, lifts) = self.c, start.regime
        # A step may look beyond both ends: above threshold the equation runs to infinity, far
        # below the floor its derivatives leave the range of float32.
        y = jnp.clip(y, -5.0, log_threshold(c) + 1.0)
        isyn, iahp = self._decayed(t, start)
        imem, iahp = c.Io * jnp.exp(y), jnp.where(adapts, iahp, c.Io)
        excess, Ileak = self._excess(imem, isyn, iahp)
        Iin = jnp.where(passes, excess, 0.0) + c.Io
        slope = c.membrane(imem, c.Ut / c.kappa * y, Iin, Ileak, iahp) / imem
        return jnp.where(start.grounded & ~lifts, 0.0, slope)

    def regime(self, t: Any, y: Float[Array, " N"], start: Start) -> Bool[Array, "R N"]:
        """On which side of each of its kinks the vector field is."""
        c = self.c
        isyn, iahp = self._decayed(t, start)
        adapts, iahp = iahp > c.Io, jnp.maximum(iahp, c.Io)
        excess, _ = self._excess(c.Io * jnp.exp(y), isyn, iahp)
        floor = jnp.broadcast_to(c.Io, y.shape)
        slope = c.slope(floor, jnp.zeros_like(y), isyn, iahp, start.active)
        return jnp.stack([start.active & (excess > 0.0), adapts, start.grounded & (slope > 0.0)])

    def _decayed(self, t: Any, start: Start) -> tuple[Array, Array]:
        c = self.c
        decay = physics.dpi_decay(t, c.tau_ahp)
        return start.isyn * physics.dpi_decay(t, c.tau_syn), start.iahp * decay

    def _excess(self, imem: Array, isyn: Array, iahp: Array) -> tuple[Array, Array]:
        """Input above its floor, and leak."""
        Iexc, Ishunt, Ileak = self.c.currents(imem, isyn, iahp)
        return Iexc - Ishunt + self.c.Idc - Ileak - self.c.Io, Ileak


def log_threshold(c: Coefficients) -> Float[Array, "..."]:
    """`ln(Ispkthr/Io)`: where a neuron fires."""
    return jnp.log(c.Ispkthr / c.Io)


def attempt(
    c: Coefficients, solver: EventDriven, now: Neurons, length: Float[Array, ""]
) -> tuple[Float[Array, " N"], Float[Array, " N"], Any]:
    """One step of the solver: `y` after it, its error (infinite if it failed), dense output."""
    method, field = solver.method(length.dtype), LogMembrane(c)
    terms: Any = diffrax.ODETerm(field)
    start, zero = field.start(now), jnp.zeros_like(length)
    state = method.init(terms, zero, length, now.y, start)
    y, error, dense, _, result = method.step(
        terms, zero, length, now.y, start, state, made_jump=False
    )
    good = (result == diffrax.RESULTS.successful) & jnp.all(jnp.isfinite(y))
    error = jnp.where(good & jnp.isfinite(error), error, jnp.inf)
    return jnp.where(good, y, now.y), error, dense


def land(
    c: Coefficients,
    now: Neurons,
    y: Float[Array, " N"],
    t: Float[Array, ""],
    fired: Bool[Array, " N"],
    arriving: Float[Array, "*K N"],
) -> Neurons:
    """The neurons at the end `t` of a step, after the event there.

    **Arguments:**

    - `now`: the neurons at the start of the step.
    - `y`: `ln(Imem/Io)` at its end, as the solver has it.
    - `t`: its end, s.
    - `fired`: which neuron spikes then, if any.
    - `arriving`: spikes that arrive then.
    """
    elapsed = t - now.t
    isyn = now.isyn * physics.dpi_decay(elapsed, c.tau_syn)
    iahp = jnp.maximum(now.iahp * physics.dpi_decay(elapsed, c.tau_ahp), c.Io)
    return Neurons(
        t,
        jnp.where(fired | (y < 0.0), 0.0, y),
        isyn + c.syn_charge * jnp.maximum(c.syn_gain * arriving, 0.0),
        jnp.where(fired, iahp + c.ahp_jump, iahp),
        jnp.where(fired, t + c.t_ref, now.ready),
    )


def replay(
    c: Coefficients,
    solver: EventDriven,
    now: Neurons,
    move: Move,
    due: Float[Array, ""],
    arriving: Float[Array, "*K N"],
) -> Neurons:
    """The neurons after a move that is known, as a differentiable function.

    Its end depends on the neurons only where an event says so: at a spike, the time moves by
    minus the change of `y` over its slope there, and everything else moves with it.

    **Arguments:**

    - `now`: the neurons before the move.
    - `move`: how it went.
    - `due`: when the input arrives or the grid point is, if that ends the move, s.
    - `arriving`: spikes that arrive at its end.
    """
    hold = jax.lax.stop_gradient
    is_spike, threshold = move.kind == SPIKE, log_threshold(c)
    fired = is_spike & (jnp.arange(now.y.size, dtype=jnp.int32) == move.which)
    # What starts above threshold fires at once, whatever its membrane does.
    at_once = jnp.any(fired & (now.y > threshold + _OVERDUE))
    at_once = hold(at_once)
    end = jnp.select(
        [(move.kind == ARRIVAL) | (move.kind == GRID), move.kind == READY, is_spike & ~at_once],
        [due, now.ready[move.which], hold(now.t + move.length)],
        now.t + hold(move.length),
    )
    y, _, _ = attempt(c, solver, now, end - now.t)
    field = LogMembrane(c)
    slope = hold(field(end - now.t, y, field.start(now)))
    early = jnp.where(fired & ~at_once, (y - threshold) / jnp.where(fired, slope, 1.0), 0.0)
    shift = jnp.sum(hold(early) - early)
    return land(c, now, y + slope * shift, end + shift, fired, arriving)


_OVERDUE = 1e-3
"""Nats above threshold at the start of a step that rounding does not explain."""
