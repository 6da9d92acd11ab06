"""`AdExLIF` over one interval of the time grid."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ... import physics
from ..._solver import AbstractStepper
from ..._surrogate import AbstractSurrogate
from .coefficients import Coefficients, Interval


class Carry(NamedTuple):
    """What a step hands to the next; V, A, s."""

    vmem: Float[Array, " N"]
    iadapt: Float[Array, " N"]
    isyn: Float[Array, " N"]
    spikes: Float[Array, " N"]
    timer_ref: Float[Array, " N"]


class GridField(eqx.Module):
    """Time derivative of membrane and adaptation, 1/s, as diffrax takes it.

    Beyond `V_peak` the membrane is about to be reset: its field stays what it is there, and the
    adaptation sees the reset.
    """

    c: Coefficients

    def __call__(self, t: Any, y: Float[Array, "2 N"], at: Interval) -> Float[Array, "2 N"]:
        c, w, membrane = self.c, y[1], jnp.minimum(y[0], self.c.y_peak)
        slope = physics.adex_membrane(membrane, w, c.input(t, at), c.rest, c.tau_m)
        u = jnp.where(y[0] < c.y_peak, physics.adex_distance(membrane), c.u_reset)
        adaptation = physics.adex_adaptation(u, w, c.rest, c.coupling, c.tau_w)
        return jnp.stack([jnp.where(at.active, slope, 0.0), adaptation])


def grid_step(
    c: Coefficients,
    solver: AbstractStepper,
    surrogate: AbstractSurrogate,
    carry: Carry,
    arriving: Float[Array, " N"],
) -> Carry:
    """The differential equations over one interval.

    Input arrives at its start and decays continuously from there, while the solver integrates
    membrane and adaptation. Spikes are detected at the end.
    """
    isyn = carry.isyn + c.Iscale * arriving
    steps = physics.steps_left(carry.timer_ref, c.dt)
    start = c.scaled(carry.vmem, carry.iadapt)
    y = solver.step(GridField(c), c.dt, start, Interval(isyn, steps <= 0.0))
    vmem, spikes = c.potential(y[0]), _spikes(c, surrogate, y[0])
    return Carry(
        surrogate.reset(vmem, spikes, c.V_reset),
        # What it changes by, so that it is not rounded to other units and back.
        carry.iadapt + c.unit * (y[1] - start[1]) + c.jump * spikes,
        c.syn_decay * isyn,
        spikes,
        physics.refractory_timer(steps * c.dt, spikes, c.t_ref, c.dt),
    )


def _spikes(c: Coefficients, surrogate: AbstractSurrogate, y: Float[Array, " N"]) -> Array:
    # A surrogate takes a ratio of currents: e to the distance from threshold in nats.
    ratio = jnp.exp(jnp.clip(y - c.y_peak, -_FAR, _FAR))
    reset = jnp.exp(jnp.maximum(c.y_reset - c.y_peak, -_FAR))
    return surrogate(ratio, jnp.ones_like(ratio), jnp.broadcast_to(reset, ratio.shape))


_FAR = 80.0
"""Nats, with e^80 inside the range of float32."""
