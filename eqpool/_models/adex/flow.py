"""`AdExLIF` between two events, and what an event does to it."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ... import physics
from ..._event_driven import AbstractFlow, Neurons
from ..._sparse import as_factor
from ..._types import NestedDict
from .coefficients import Coefficients, Interval, TOP


STEEP = 14.0
"""Nats above `V_T` from where a membrane goes to infinity at a pace that no longer changes: the
time left is 1e-6 of a time constant, and known to 1e-5 of itself."""


class AdExFlow(AbstractFlow):
    """Membrane and adaptation, `(2, N)`; the currents that decay are those of the synapses.

    The adaptation is without what the upstroke of a spike has added to it: towards the spike its
    slope goes to infinity, slowly, but too fast for the derivative of a step.
    """

    c: Coefficients

    @property
    def tau_syn(self) -> Float[Array, " N"]:
        return self.c.tau_syn

    def start(self, now: Neurons) -> Interval:
        return Interval(now.currents, now.ready <= now.t)

    def __call__(self, t: Any, y: Float[Array, "2 N"], start: Interval) -> Float[Array, "2 N"]:
        c = self.c
        # Not up to V_peak, but on: smooth, where a step may look.
        membrane = _up_to(TOP, y[0])
        w, drive = y[1] + self.upstroke(membrane), c.input(t, start)
        slope = physics.adex_membrane(_up_to(STEEP, y[0]), w, drive, c.rest, c.tau_m)
        moving = physics.adex_smooth_adaptation(membrane, w, drive, c.rest, c.coupling, c.tau_w)
        u = physics.adex_distance(membrane)
        still = physics.adex_adaptation(u, w, c.rest, c.coupling, c.tau_w)
        return jnp.stack(
            [jnp.where(start.active, slope, 0.0), jnp.where(start.active, moving, still)]
        )

    def upstroke(self, y: Float[Array, " N"]) -> Float[Array, " N"]:
        """What it has added to the adaptation."""
        c = self.c
        return c.coupling * c.tau_m / c.tau_w * physics.adex_upstroke(_up_to(TOP, y))

    def membrane(self, y: Float[Array, "2 N"]) -> Float[Array, " N"]:
        return y[0]

    def threshold(self) -> Float[Array, "..."]:
        return self.c.y_peak

    def first_step(self) -> Float[Array, ""]:
        """A tenth of the fastest membrane."""
        return 0.1 * jnp.min(self.c.tau_m)

    def longest_step(self, now: Neurons) -> Float[Array, ""]:
        """Half of the way to a spike, up to where there is little left of it.

        The derivative of the field goes to infinity there, slowly, and a step that is small
        enough for its value need not be so for its derivative.
        """
        u = physics.adex_distance(_up_to(STEEP, now.y[0]))
        left = jnp.where(now.ready <= now.t, jnp.exp(-u), jnp.inf)
        return 0.5 * jnp.min(self.c.tau_m * left)

    def regime(self, t: Any, y: Float[Array, "2 N"], start: Interval) -> Bool[Array, "0"]:
        """It has no kinks."""
        return jnp.zeros((0,), bool)

    def hides(self, now: Neurons, inside: Float[Array, "P 2 N"], tolerance: Any) -> Bool[Array, ""]:
        """Nothing."""
        return jnp.zeros((), bool)

    def land(
        self,
        now: Neurons,
        y: Float[Array, "2 N"],
        t: Float[Array, ""],
        elapsed: Float[Array, ""],
        fired: Bool[Array, " N"],
        arriving: Float[Array, " N"],
    ) -> Neurons:
        c, (membrane, rest) = self.c, y
        peak, reset = (jnp.broadcast_to(x, membrane.shape) for x in (c.y_peak, c.y_reset))
        jump = c.gain * c.jump + self.upstroke(peak) - self.upstroke(reset)
        decay = physics.dpi_decay(elapsed, c.tau_syn)
        return Neurons(
            t,
            jnp.stack([jnp.where(fired, reset, membrane), jnp.where(fired, rest + jump, rest)]),
            now.currents * decay + c.Iscale * arriving,
            jnp.where(fired, t + c.t_ref, now.ready),
        )

    def named(self, now: Neurons) -> NestedDict:
        c = self.c
        return {
            "vmem": c.potential(now.y[0]),
            "iadapt": c.unit * (now.y[1] + self.upstroke(now.y[0])),
            "isyn": now.currents,
        }


def _up_to(u: float, y: Float[Array, " N"]) -> Float[Array, " N"]:
    return jnp.minimum(y, physics.adex_coordinate(jnp.asarray(u, y.dtype)))


def beginning(mod: Any, flow: AdExFlow) -> Neurons:
    """An `AdExLIF` at the start of a run."""
    c, isyn = flow.c, mod.isyn
    if mod.w_rec is not None:
        # Spikes of the step before, on a grid, arrive now.
        isyn = isyn + c.Iscale * (mod.spikes @ as_factor(mod.w_rec))
    y, w = c.scaled(mod.vmem, mod.iadapt)
    # Beyond the peak it is what it will be taken for at the spike.
    smooth = w - flow.upstroke(jnp.minimum(y, c.y_peak))
    return Neurons(jnp.zeros_like(mod.dt), jnp.stack([y, smooth]), isyn, mod.timer_ref)
