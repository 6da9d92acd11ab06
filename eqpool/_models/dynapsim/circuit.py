"""The equations of `DynapSim`."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ... import physics
from ..._module import with_dtype
from ..._solver import AbstractStepper
from ..._types import NestedDict
from ...graph import DynapseNeurons
from ..in_range import in_range
from .fields import UNIT
from .specification import AbstractSpecified


States = dict[str, Array]


class AbstractCircuit(AbstractSpecified):
    """What a `DynapSim` does, apart from what it is made of.

    With [`eqpool.RockpoolEuler`][] `rockpool_step` is all of it. Else the membrane is integrated in
    units of `Io`, and for [`eqpool.EventDriven`][] as `ln(Imem/Io)`, so that tolerances mean the
    same at rest and at threshold. There it has kinks: where the input leaves its floor `Io`, where
    the adaptation reaches its own, and where a membrane at the floor lifts off.
    """

    integrated: ClassVar[Any] = ("imem",)
    decaying: ClassVar[Any] = {
        "iampa": "tau_ampa",
        "igaba": "tau_gaba",
        "inmda": "tau_nmda",
        "ishunt": "tau_shunt",
        "iahp": "tau_ahp",
    }
    spiking: ClassVar[Any] = ("imem", "Ispkthr")
    floors: ClassVar[Any] = {"imem": "Io"}
    # Squares of currents of 1e-12 A, and slopes by them, leave the range of float32.
    units: ClassVar[Any] = {"A": UNIT, "F": UNIT, "A s^-1/2": UNIT}
    holds: ClassVar[bool] = False
    node: ClassVar[Any] = DynapseNeurons
    later_fields: ClassVar[Any] = {"noise_std": None}

    def constants(self) -> NestedDict:
        charge, gain, decay, taus = {}, {}, {}, {}
        for name in self.synapses:
            of = name if len(self.synapses) > 1 else "syn"
            taus[f"tau_{name}"] = tau = getattr(self, f"tau_{of}")
            charge[name] = self._charge(self.t_pulse, tau)
            decay[name] = physics.dpi_decay(self.dt, tau)
            biases = self._bias(f"Igain_{of}"), self._bias(f"Itau_{of}")
            gain[name] = physics.dpi_steady_state(self.Iscale, *biases)
        steady = physics.dpi_steady_state(
            self.Iw_ahp, self._bias("Igain_ahp"), self._bias("Itau_ahp")
        )
        return taus | dict(
            charge=charge,
            gain=gain,
            decay=decay,
            tau_ahp=self.tau_ahp,
            ahp_decay=physics.dpi_decay(self.dt, self.tau_ahp),
            ahp_jump=self._charge(self.t_pulse_ahp, self.tau_ahp) * steady,
            kappa=physics.slope_factor(self.kappa_n, self.kappa_p),
            Itau_mem=self._bias("Itau_mem"),
            Igain_mem=self._bias("Igain_mem"),
            t_ref=self.t_ref,
        )

    def _bias(self, name: str) -> Array:
        return jnp.maximum(getattr(self, name), self.Io)

    def _charge(self, t_pulse: Array, tau: Array) -> Array:
        if self._as_rockpool:
            # Not `expm1`: Rockpool's numbers hold its rounding.
            return 1.0 - physics.dpi_decay(t_pulse, tau)
        return physics.dpi_charge(t_pulse, tau)

    @property
    def _as_rockpool(self) -> bool:
        return isinstance(self.solver, AbstractStepper) and self.solver.model_discretisation

    def starting(self) -> States:
        return dict.fromkeys(("iahp", "imem", *(f"i{name}" for name in self.synapses)), self.Io)

    def channels(self, spikes_in: Float[Array, "*T KN"]) -> Float[Array, "..."]:
        k = len(self.synapses)
        if k == 1:
            return spikes_in
        # Synapse types in front, once, so that each is contiguous inside a scan.
        return spikes_in.reshape(*spikes_in.shape[:-1], self.size_out, k).swapaxes(-2, -1)

    def _by_synapse(self, spikes_in: Float[Array, "*K N"]) -> States:
        rows = spikes_in if len(self.synapses) > 1 else [spikes_in]
        return dict(zip(self.synapses, rows, strict=True))

    def arrive(self, s: States, spikes_in: Float[Array, "*K N"]) -> States:
        c = self.constants()
        charged = {
            f"i{name}": s[f"i{name}"] + c["charge"][name] * jnp.maximum(c["gain"][name] * x, 0.0)
            for name, x in self._by_synapse(in_range(spikes_in)).items()
        }
        iahp = jnp.maximum(s["iahp"], self.Io) + c["ahp_jump"] * s["spikes"]
        return s | charged | {"iahp": iahp}

    def rockpool_step(
        self, s: States, arriving: tuple[Array, Array | None], noise: Array | None
    ) -> tuple[States, Array]:
        c, (spikes_in, irec) = self.constants(), arriving
        spikes_in = in_range(spikes_in) if irec is None else in_range(spikes_in) + irec
        s = s | {
            f"i{name}": c["decay"][name] * s[f"i{name}"]
            + c["charge"][name] * jnp.maximum(c["gain"][name] * x, self.Io)
            for name, x in self._by_synapse(spikes_in).items()
        }
        s["iahp"] = jnp.maximum(c["ahp_decay"] * s["iahp"] + c["ahp_jump"] * s["spikes"], self.Io)
        Iexc, Ishunt, Ileak = self._currents(s["imem"], s, s["iahp"])
        active = s["timer_ref"] == 0.0
        Iin = physics.membrane_input(Iexc, Ishunt, self.Idc, Ileak, active, self.Io)
        slope = self._slope(s["imem"], s["vmem"], Iin, Ileak, s["iahp"])
        imem = s["imem"] + self.dt * slope
        imem = jnp.maximum(imem if noise is None else imem + noise, self.Io)
        vmem = self._potential(imem)
        # From the potential, which spares a logarithm.
        u = c["kappa"] / self.Ut * (vmem - self._potential(self.Ispkthr))
        return s | {"imem": imem, "vmem": vmem}, u

    def time_left(self, timer_ref: Array) -> Array:
        return timer_ref if self._as_rockpool else super().time_left(timer_ref)

    def coordinates(self, s: States, at: NestedDict) -> States:
        y = s["imem"] / self.Io
        return {"imem": jnp.log(y) if at["exact"] else y}

    def from_coordinates(self, y: States, at: NestedDict) -> States:
        x = y["imem"]
        x = jnp.exp(jnp.where(x < 0.0, 0.0, x)) if at["exact"] else jnp.maximum(x, 1.0)
        return {"imem": x * self.Io}

    def derivative(self, y: States, at: NestedDict) -> States:
        if at["exact"]:
            return {"imem": self._exact_slope(y["imem"], at)}
        # Beyond threshold it stays what it is there: the neuron is about to be reset, and its own
        # equation runs to infinity in finite time. Below `Io`, where a stage may fall, likewise.
        x, top = y["imem"], self.Ispkthr / self.Io
        x = jnp.where(x < 1.0, 1.0, jnp.where(x > top, top, x))
        imem, iahp = x * self.Io, jnp.maximum(at["iahp"], self.Io)
        Iexc, Ishunt, Ileak = self._currents(imem, at, iahp)
        Iin = physics.membrane_input(Iexc, Ishunt, self.Idc, Ileak, at["active"], self.Io)
        return {"imem": self._slope(imem, self._potential(imem), Iin, Ileak, iahp) / self.Io}

    def _exact_slope(self, x: Float[Array, " N"], at: NestedDict) -> Float[Array, " N"]:
        sides, grounded = at["sides"], at["start"]["imem"] <= 0.0
        # A step may look beyond both ends: above threshold the equation runs to infinity, far
        # below the floor its derivatives leave the range of float32.
        x = jnp.clip(x, -5.0, self._threshold() + 1.0)
        imem, iahp = self.Io * jnp.exp(x), jnp.where(sides["adapts"], at["iahp"], self.Io)
        excess, Ileak, _ = self._excess(imem, at, iahp)
        Iin = jnp.where(sides["passes"], excess, 0.0) + self.Io
        slope = self._slope(imem, self.Ut / at["kappa"] * x, Iin, Ileak, iahp) / imem
        return jnp.where(grounded & ~sides["lifts"], 0.0, slope)

    def kinks(self, y: States, at: NestedDict) -> dict[str, tuple[Array, Array]]:
        iahp, off = jnp.maximum(at["iahp"], self.Io), -jnp.inf
        excess, _, size = self._excess(self.Io * jnp.exp(y["imem"]), at, iahp)
        floor = jnp.broadcast_to(self.Io, iahp.shape)
        at_floor, Ileak, most = self._excess(floor, at, iahp)
        Iin = self.Io + jnp.where(at["active"], jnp.maximum(at_floor, 0.0), 0.0)
        slope, more = (
            self._slope(floor, jnp.zeros_like(floor), x, Ileak, iahp) for x in (Iin, Iin + most)
        )
        grounded = at["start"]["imem"] <= 0.0
        return {
            "passes": (jnp.where(at["active"], excess, off), size),
            "adapts": (at["iahp"] - self.Io, floor),
            "lifts": (jnp.where(grounded, slope, off), more - slope),
        }

    def _currents(self, imem: Array, s: NestedDict, iahp: Array) -> tuple[Array, Any, Array]:
        """Excitatory, shunting and leak current."""
        Iexc = s.get("iampa", jnp.zeros_like(imem))
        if "inmda" in s:
            Iexc = Iexc + physics.nmda_gate(s["inmda"], self.If_nmda, imem)
        Ileak = physics.leak(self.constants()["Itau_mem"], iahp, s.get("igaba", 0.0))
        return Iexc, s.get("ishunt", 0.0), Ileak

    def _excess(self, imem: Array, s: NestedDict, iahp: Array) -> tuple[Array, Array, Array]:
        """Input above its floor, leak, and the sum of the magnitudes that make up the input."""
        Iexc, Ishunt, Ileak = self._currents(imem, s, iahp)
        excess = Iexc - Ishunt + self.Idc - Ileak - self.Io
        return excess, Ileak, Iexc + Ishunt + jnp.abs(self.Idc) + Ileak + self.Io

    def _slope(self, imem: Array, vmem: Array, Iin: Array, Ileak: Array, iahp: Array) -> Array:
        """dImem/dt from input and leak; the feedback speaks of amperes."""
        c, feedback = self.constants(), with_dtype(self.feedback, imem.dtype)
        Ia = feedback(imem * UNIT, vmem, self.Io * UNIT, c["kappa"], self.Ut) / UNIT
        return physics.membrane_derivative(
            imem, Iin, Ileak, iahp, Ia, c["Itau_mem"], c["Igain_mem"], self.C_mem, c["kappa"],
            self.Ut,
        )  # fmt: skip

    def _potential(self, imem: Array) -> Array:
        return physics.membrane_potential(imem, self.Io, self.constants()["kappa"], self.Ut)

    def _threshold(self) -> Array:
        return jnp.log(self.Ispkthr / self.Io)

    def distance(self, y: States, at: NestedDict) -> Array:
        if at["exact"]:
            return y["imem"] - self._threshold()
        return jnp.log(jnp.maximum(y["imem"], 1.0) * self.Io / self.Ispkthr)

    def count(self, u: Array, s: States) -> Array:
        assert self.surrogate is not None
        imem, threshold, Io = (x * UNIT for x in (s["imem"], self.Ispkthr, self.Io))
        return self.surrogate(imem, threshold, Io, u)

    def fire(self, s: States, spikes: Array) -> States:
        assert self.surrogate is not None
        imem = self.surrogate.reset(s["imem"] * UNIT, spikes, self.Io * UNIT) / UNIT
        if self._as_rockpool:
            return s | {"imem": imem}
        iahp = jnp.maximum(s["iahp"], self.Io)
        return s | {"imem": imem, "iahp": iahp, "vmem": self._potential(imem)}

    def first_step(self) -> Array:
        """A tenth of the fastest membrane."""
        c = self.constants()
        return 0.1 * jnp.min(self.C_mem * self.Ut / (c["kappa"] * c["Itau_mem"]))
