"""Everything of an `AdExLIF` that does not change over time, without units."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ... import physics
from ..._types import PerNeuron


TOP = 40.0
"""Nats above `V_T` where every spike has happened: infinity is e^-40 of a time constant away, and
e^40 is well inside the range of float32."""


class Interval(NamedTuple):
    """What stands at the start of a step: synaptic currents, A, and who is not refractory."""

    isyn: Float[Array, " N"]
    active: Bool[Array, " N"]


class Coefficients(eqx.Module):
    """Computed once for each run, outside the scan.

    Potentials are in nats, `u = (V - V_T)/Delta_T`, or as `y` of
    [`eqpool.physics.adex_coordinate`][]; `unit` is the current that both equations are in.
    """

    dt: Float[Array, ""]
    tau_m: PerNeuron
    tau_w: PerNeuron
    tau_syn: Float[Array, " N"]
    syn_decay: Float[Array, " N"]
    t_ref: PerNeuron
    V_T: PerNeuron
    Delta_T: PerNeuron
    V_reset: PerNeuron
    unit: PerNeuron
    gain: PerNeuron
    rest: PerNeuron
    coupling: PerNeuron
    u_peak: PerNeuron
    u_reset: PerNeuron
    y_peak: PerNeuron
    y_reset: PerNeuron
    drive: PerNeuron
    jump: PerNeuron
    Iscale: PerNeuron

    def input(self, t: Any, at: Interval) -> Float[Array, " N"]:
        """Synaptic and constant current `t` after the start of a step, in units of `unit`."""
        return self.drive + self.gain * at.isyn * physics.dpi_decay(t, self.tau_syn)

    def scaled(self, vmem: Float[Array, " N"], iadapt: Float[Array, " N"]) -> Float[Array, "2 N"]:
        """Potential (V) and adaptation (A) as solvers integrate them."""
        u = (vmem - self.V_T) / self.Delta_T
        # Beyond the peak in nats, so that a run may start there.
        y = physics.adex_coordinate(jnp.minimum(u, self.u_peak))
        return jnp.stack([y + jnp.maximum(u - self.u_peak, 0.0), self.gain * iadapt])

    def potential(self, y: Float[Array, " N"]) -> Float[Array, " N"]:
        """V from `y`; `V_peak` above it."""
        return self.V_T + self.Delta_T * physics.adex_distance(jnp.minimum(y, self.y_peak))


def coefficients(mod: Any) -> Coefficients:
    """The coefficients of an `AdExLIF`."""
    unit = mod.g_L * mod.Delta_T
    tau_syn = jnp.broadcast_to(mod.tau_syn, mod.vmem.shape)
    u_peak = jnp.minimum((mod.V_peak - mod.V_T) / mod.Delta_T, TOP)
    u_reset = (mod.V_reset - mod.V_T) / mod.Delta_T
    return Coefficients(
        dt=mod.dt,
        tau_m=mod.C / mod.g_L,
        tau_w=mod.tau_w,
        tau_syn=tau_syn,
        syn_decay=physics.dpi_decay(mod.dt, tau_syn),
        t_ref=mod.t_ref,
        V_T=mod.V_T,
        Delta_T=mod.Delta_T,
        V_reset=mod.V_reset,
        unit=unit,
        gain=1.0 / unit,
        rest=(mod.E_L - mod.V_T) / mod.Delta_T,
        coupling=mod.a / mod.g_L,
        u_peak=u_peak,
        u_reset=u_reset,
        y_peak=physics.adex_coordinate(u_peak),
        y_reset=physics.adex_coordinate(u_reset),
        drive=mod.Idc / unit,
        jump=mod.b,
        Iscale=mod.Iscale,
    )
