"""Everything of a `DynapSim` that does not change over time."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ... import physics
from ..._module import with_dtype
from ..._types import PerNeuron
from .feedback import AbstractFeedback
from .units import UNIT


class Coefficients(eqx.Module):
    """Computed once for each run, outside the scan; currents and capacitances in `UNIT`.

    The axis `K` runs over the synapse types; with a single type there is none.
    """

    dt: Float[Array, ""]
    feedback: AbstractFeedback
    synapses: tuple[str, ...] = eqx.field(static=True)

    Io_syn: Float[Array, "*K N"]
    tau_syn: Float[Array, "*K N"]
    syn_decay: Float[Array, "*K N"]
    syn_charge: Float[Array, "*K N"]
    syn_gain: Float[Array, "*K N"]

    tau_ahp: PerNeuron
    ahp_decay: PerNeuron
    ahp_jump: PerNeuron

    t_ref: PerNeuron
    Ispkthr: PerNeuron
    Io: PerNeuron
    Idc: PerNeuron
    If_nmda: PerNeuron
    Itau_mem: PerNeuron
    Igain_mem: PerNeuron
    C_mem: PerNeuron
    kappa: PerNeuron
    Ut: PerNeuron

    def slope(
        self, Imem: Array, Vmem: Array, Isyn: Array, Iahp: Array, active: Array
    ) -> Float[Array, " N"]:
        """dImem/dt, `UNIT`/s, from the currents of this moment."""
        Iexc, Ishunt, Ileak = self.currents(Imem, Isyn, Iahp)
        Iin = physics.membrane_input(Iexc, Ishunt, self.Idc, Ileak, active, self.Io)
        return self.membrane(Imem, Vmem, Iin, Ileak, Iahp)

    def membrane(
        self, Imem: Array, Vmem: Array, Iin: Array, Ileak: Array, Iahp: Array
    ) -> Float[Array, " N"]:
        """dImem/dt, `UNIT`/s, from input and leak."""
        Ia = self.feedback(Imem * UNIT, Vmem, self.Io * UNIT, self.kappa, self.Ut) / UNIT
        return physics.membrane_derivative(
            Imem, Iin, Ileak, Iahp, Ia, self.Itau_mem, self.Igain_mem, self.C_mem, self.kappa,
            self.Ut,
        )  # fmt: skip

    def currents(
        self, Imem: Array, Isyn: Array, Iahp: Array
    ) -> tuple[Float[Array, " N"], Float[Array, " N"] | float, Float[Array, " N"]]:
        """Excitatory, shunting and leak current."""
        syn = self.by_name(Isyn)
        Iexc = syn.get("ampa", jnp.zeros_like(Imem))
        if "nmda" in syn:
            Iexc = Iexc + physics.nmda_gate(syn["nmda"], self.If_nmda, Imem)
        Ileak = physics.leak(self.Itau_mem, Iahp, syn.get("gaba", 0.0))
        return Iexc, syn.get("shunt", 0.0), Ileak

    def by_name(self, Isyn: Float[Array, "*K N"]) -> dict[str, Array]:
        """The currents of the synapse types by name."""
        if len(self.synapses) == 1:
            return {self.synapses[0]: Isyn}
        return dict(zip(self.synapses, Isyn, strict=True))

    def potential(self, Imem: PerNeuron) -> PerNeuron:
        """Vmem, V."""
        return physics.membrane_potential(Imem, self.Io, self.kappa, self.Ut)

    def above_threshold(self, Vmem: Array) -> Float[Array, " N"]:
        """`ln(Imem/Ispkthr)` from Vmem, which spares a logarithm."""
        return self.kappa / self.Ut * (Vmem - self.potential(self.Ispkthr))


def coefficients(mod: Any, as_rockpool: bool) -> Coefficients:
    """The coefficients of a `DynapSim` (`InUnits`), with Rockpool's rounding of charges if asked
    for.
    """
    kappa = physics.slope_factor(mod.kappa_n, mod.kappa_p)
    Itau_mem, Igain_mem = jnp.maximum(mod.Itau_mem, mod.Io), jnp.maximum(mod.Igain_mem, mod.Io)
    Itau_ahp, Igain_ahp = jnp.maximum(mod.Itau_ahp, mod.Io), jnp.maximum(mod.Igain_ahp, mod.Io)
    C_syn = by_synapse(mod, "C")
    Io, ut_syn, kappa_syn = (jnp.broadcast_to(x, C_syn.shape) for x in (mod.Io, mod.Ut, kappa))
    Itau_syn, Igain_syn = (jnp.maximum(by_synapse(mod, name), Io) for name in ("Itau", "Igain"))
    tau_ahp = physics.time_constant(Itau_ahp, mod.C_ahp, kappa, mod.Ut)
    tau_syn = physics.time_constant(Itau_syn, C_syn, kappa_syn, ut_syn)
    t_pulse = jnp.broadcast_to(physics.pulse_width(mod.Ipulse, mod.C_pulse, mod.Vth), C_syn.shape)
    t_pulse_ahp = physics.pulse_width(mod.Ipulse_ahp, mod.C_pulse_ahp, mod.Vth)
    charge = _rounded_charge if as_rockpool else physics.dpi_charge
    return Coefficients(
        dt=mod.dt,
        feedback=with_dtype(mod.feedback, mod.dt.dtype),
        synapses=mod.synapses,
        Io_syn=Io,
        tau_syn=tau_syn,
        syn_decay=physics.dpi_decay(mod.dt, tau_syn),
        syn_charge=charge(t_pulse, tau_syn),
        syn_gain=physics.dpi_steady_state(
            jnp.broadcast_to(mod.Iscale, C_syn.shape), Igain_syn, Itau_syn
        ),
        tau_ahp=tau_ahp,
        ahp_decay=physics.dpi_decay(mod.dt, tau_ahp),
        ahp_jump=charge(t_pulse_ahp, tau_ahp)
        * physics.dpi_steady_state(mod.Iw_ahp, Igain_ahp, Itau_ahp),
        t_ref=physics.pulse_width(mod.Iref, mod.C_ref, mod.Vth),
        Ispkthr=mod.Ispkthr,
        Io=mod.Io,
        Idc=mod.Idc,
        If_nmda=mod.If_nmda,
        Itau_mem=Itau_mem,
        Igain_mem=Igain_mem,
        C_mem=mod.C_mem,
        kappa=kappa,
        Ut=mod.Ut,
    )


def _rounded_charge(t_pulse: Array, tau: Array) -> Array:
    # Not `expm1`: Rockpool's numbers hold its rounding.
    return 1.0 - physics.dpi_decay(t_pulse, tau)


def by_synapse(mod: Any, quantity: str) -> Float[Array, "*K N"]:
    """`Itau`, `Igain` or `C` of every synapse type, as one array."""
    if len(mod.synapses) == 1:
        return jnp.broadcast_to(getattr(mod, f"{quantity}_syn"), (mod.size_out,))
    values = [getattr(mod, f"{quantity}_{name}") for name in mod.synapses]
    return jnp.stack([jnp.broadcast_to(value, (mod.size_out,)) for value in values])
