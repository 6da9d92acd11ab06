"""One step of the time grid, in Rockpool's discretisation and in a consistent one."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ... import physics
from ..._solver import AbstractStepper
from ..._surrogate import AbstractSurrogate
from .coefficients import Coefficients
from .units import UNIT


class Carry(NamedTuple):
    """What a step hands to the next; currents in `UNIT`."""

    isyn: Float[Array, "*K N"]
    iahp: Float[Array, " N"]
    imem: Float[Array, " N"]
    vmem: Float[Array, " N"]
    spikes: Float[Array, " N"]
    timer_ref: Float[Array, " N"]


def rockpool_step(
    c: Coefficients,
    solver: AbstractStepper,
    surrogate: AbstractSurrogate,
    carry: Carry,
    spikes_in: Float[Array, "*K N"],
) -> Carry:
    """As Rockpool steps: see [`eqpool.RockpoolEuler`][] for what belongs to its grid."""
    steady = jnp.maximum(c.syn_gain * spikes_in, c.Io_syn)
    isyn = c.syn_decay * carry.isyn + c.syn_charge * steady
    iahp = jnp.maximum(c.ahp_decay * carry.iahp + c.ahp_jump * carry.spikes, c.Io)
    active = carry.timer_ref == 0.0

    def slope(t: Array, imem: Array, vmem: Array) -> Array:
        return c.slope(imem, vmem, isyn, iahp, active)

    imem = jnp.maximum(solver.step(slope, c.dt, carry.imem, carry.vmem), c.Io)
    vmem = c.potential(imem)
    spikes, imem = _fired(c, surrogate, imem, c.above_threshold(vmem))
    timer_ref = physics.refractory_timer(carry.timer_ref, spikes, c.t_ref, c.dt)
    return Carry(isyn, iahp, imem, vmem, spikes, timer_ref)


def consistent_step(
    c: Coefficients,
    solver: AbstractStepper,
    surrogate: AbstractSurrogate,
    carry: Carry,
    spikes_in: Float[Array, "*K N"],
) -> Carry:
    """The differential equation over one interval, which converges as `dt` falls.

    Spikes arrive at the start of the interval, where they charge synapses and adaptation;
    from there these decay continuously while the solver integrates the membrane. Spikes are
    detected at the end.
    """
    isyn = carry.isyn + c.syn_charge * jnp.maximum(c.syn_gain * spikes_in, 0.0)
    iahp = jnp.maximum(carry.iahp, c.Io) + c.ahp_jump * carry.spikes
    steps = physics.steps_left(carry.timer_ref, c.dt)
    start = Interval(isyn, iahp, steps <= 0.0)
    # In units of Io, so that tolerances of adaptive solvers mean something.
    y = solver.step(MembraneField(c), c.dt, carry.imem / c.Io, start)
    spikes, imem = _fired(c, surrogate, jnp.maximum(y, 1.0) * c.Io)
    return Carry(
        c.syn_decay * isyn,
        jnp.maximum(c.ahp_decay * iahp, c.Io),
        imem,
        c.potential(imem),
        spikes,
        physics.refractory_timer(steps * c.dt, spikes, c.t_ref, c.dt),
    )


def _fired(
    c: Coefficients, surrogate: AbstractSurrogate, imem: Array, u: Array | None = None
) -> tuple[Array, Array]:
    """Spikes, and the membrane current after the reset, by a surrogate that takes amperes."""
    before, after = imem * UNIT, c.Io * UNIT
    spikes = surrogate(before, c.Ispkthr * UNIT, after, u)
    return spikes, surrogate.reset(before, spikes, after) / UNIT


class Interval(NamedTuple):
    """What stands at the start of an interval of the grid."""

    isyn: Float[Array, "*K N"]
    iahp: Float[Array, " N"]
    active: Bool[Array, " N"]


class MembraneField(eqx.Module):
    """d(Imem/Io)/dt in 1/s, as diffrax takes it, with currents that decay over the interval.

    Beyond threshold it stays what it is at the threshold: the neuron is about to be reset,
    and its own equation would run to infinity in finite time. Below `Io`, where a stage may
    fall, it stays what it is at `Io`.
    """

    c: Coefficients

    def __call__(self, t: Array, y: Float[Array, " N"], start: Interval) -> Float[Array, " N"]:
        c = self.c
        top = c.Ispkthr / c.Io
        y = jnp.where(y < 1.0, 1.0, jnp.where(y > top, top, y))
        isyn = start.isyn * physics.dpi_decay(t, c.tau_syn)
        iahp = jnp.maximum(start.iahp * physics.dpi_decay(t, c.tau_ahp), c.Io)
        imem = y * c.Io
        return c.slope(imem, c.potential(imem), isyn, iahp, start.active) / c.Io
