"""The silicon neurons between two events, and what an event does to them."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ... import physics
from ..._event_driven import AbstractFlow, Neurons
from ..._sparse import as_factor
from ..._types import NestedDict
from .coefficients import Coefficients


_ROUNDINGS = 16
"""A kink is passed once what changes sign there is beyond zero by this many times the machine
epsilon of what it adds up: more than the rounding of the next step can undo."""


class Start(NamedTuple):
    """What the vector field needs to know of the start of a step."""

    isyn: Float[Array, "*K N"]
    iahp: Float[Array, " N"]
    active: Bool[Array, " N"]
    grounded: Bool[Array, " N"]
    regime: Bool[Array, "R N"]


class LogMembrane(AbstractFlow):
    """d ln(Imem/Io)/dt; the currents that decay are those of synapses and adaptation.

    Logarithmic, so that tolerances mean the same at rest and at threshold.

    It has kinks: where the input leaves its floor `Io`, where the adaptation reaches its own,
    and where a membrane at the floor lifts off. A membrane that falls to the floor is let
    through and put back at the end of the step.
    """

    c: Coefficients

    def arriving(self, from_input: Float[Array, " KN"]) -> Float[Array, "*K N"]:
        # Synapse types in front.
        return from_input.reshape(self.c.tau_syn.shape[::-1]).T

    def sent(self, over_weights: Float[Array, " KN"]) -> Float[Array, "*K N"]:
        return over_weights.reshape(self.c.tau_syn.shape)

    def start(self, now: Neurons) -> Start:
        isyn, iahp = now.currents
        active, grounded = now.ready <= now.t, now.y <= 0.0
        start = Start(isyn, iahp, active, grounded, jnp.ones((3, now.y.size), bool))
        sides = self._sides(
            jnp.zeros_like(now.t), now.y, start, jnp.zeros((3, now.y.size), now.y.dtype)
        )
        return start._replace(regime=sides)

    def __call__(self, t: Any, y: Float[Array, " N"], start: Start) -> Float[Array, " N"]:
        c, (passes, adapts, lifts) = self.c, start.regime
        # A step may look beyond both ends: above threshold the equation runs to infinity, far
        # below the floor its derivatives leave the range of float32.
        y = jnp.clip(y, -5.0, self.threshold() + 1.0)
        isyn, iahp = self._decayed(t, start)
        imem, iahp = c.Io * jnp.exp(y), jnp.where(adapts, iahp, c.Io)
        excess, Ileak, _ = self._excess(imem, isyn, iahp)
        Iin = jnp.where(passes, excess, 0.0) + c.Io
        slope = c.membrane(imem, c.Ut / c.kappa * y, Iin, Ileak, iahp) / imem
        return jnp.where(start.grounded & ~lifts, 0.0, slope)

    def distance(self, t: Any, y: Float[Array, " N"], start: Start) -> Float[Array, " N"]:
        return y - self.threshold()

    def threshold(self) -> Float[Array, "..."]:
        """Of `y`, nats."""
        return jnp.log(self.c.Ispkthr / self.c.Io)

    def first_step(self) -> Float[Array, ""]:
        """A tenth of the fastest membrane."""
        c = self.c
        return 0.1 * jnp.min(c.C_mem * c.Ut / (c.kappa * c.Itau_mem))

    def longest_step(self, now: Neurons) -> Float[Array, ""]:
        """Any length."""
        return jnp.full_like(now.t, jnp.inf)

    def regime(self, t: Any, y: Float[Array, " N"], start: Start) -> Bool[Array, "R N"]:
        rounding = _ROUNDINGS * jnp.finfo(y.dtype).eps
        return self._sides(t, y, start, jnp.where(start.regime, rounding, -rounding))

    def hides(self, now: Neurons, inside: Float[Array, "P N"], tolerance: Any) -> Bool[Array, ""]:
        """Whether a membrane went below the floor and came up again."""
        dips = (now.y > 0.0) & jnp.any(inside < -tolerance, 0) & (inside[-1] > inside[-2])
        return jnp.any(dips)

    def land(
        self,
        now: Neurons,
        y: Float[Array, " N"],
        t: Float[Array, ""],
        elapsed: Float[Array, ""],
        fired: Bool[Array, " N"],
        arriving: Float[Array, "*K N"],
    ) -> Neurons:
        c, (isyn, iahp) = self.c, now.currents
        isyn = isyn * physics.dpi_decay(elapsed, c.tau_syn)
        iahp = jnp.maximum(iahp * physics.dpi_decay(elapsed, c.tau_ahp), c.Io)
        isyn = isyn + c.syn_charge * jnp.maximum(c.syn_gain * arriving, 0.0)
        return Neurons(
            t,
            jnp.where(fired | (y < 0.0), 0.0, y),
            (isyn, jnp.where(fired, iahp + c.ahp_jump, iahp)),
            jnp.where(fired, t + c.t_ref, now.ready),
        )

    def named(self, now: Neurons) -> NestedDict:
        c, (isyn, iahp) = self.c, now.currents
        found = {f"i{name}": current for name, current in c.by_name(isyn).items()}
        return found | {"iahp": iahp, "imem": c.Io * jnp.exp(now.y), "vmem": c.Ut / c.kappa * now.y}

    def _decayed(self, t: Any, start: Start) -> tuple[Array, Array]:
        c = self.c
        decay = physics.dpi_decay(t, c.tau_ahp)
        return start.isyn * physics.dpi_decay(t, c.tau_syn), start.iahp * decay

    def _sides(
        self, t: Any, y: Float[Array, " N"], start: Start, margin: Float[Array, "3 N"]
    ) -> Bool[Array, "3 N"]:
        """The side of each kink; a positive margin, relative to the sum, favours `True`."""
        c = self.c
        isyn, iahp = self._decayed(t, start)
        passes, adapts, lifts = margin
        adapts, iahp = iahp > (1.0 - adapts) * c.Io, jnp.maximum(iahp, c.Io)
        excess, Ileak, size = self._excess(c.Io * jnp.exp(y), isyn, iahp)
        passes = start.active & (excess > -passes * size)
        floor = jnp.broadcast_to(c.Io, y.shape)
        excess, Ileak, size = self._excess(floor, isyn, iahp)
        Iin = c.Io + jnp.where(start.active, jnp.maximum(excess, 0.0), 0.0) + lifts * size
        slope = c.membrane(floor, jnp.zeros_like(y), Iin, Ileak, iahp)
        return jnp.stack([passes, adapts, start.grounded & (slope > 0.0)])

    def _excess(self, imem: Array, isyn: Array, iahp: Array) -> tuple[Array, Array, Array]:
        """Input above its floor, leak, and the sum of the magnitudes that make up the input."""
        c = self.c
        Iexc, Ishunt, Ileak = c.currents(imem, isyn, iahp)
        excess = Iexc - Ishunt + c.Idc - Ileak - c.Io
        return excess, Ileak, Iexc + Ishunt + jnp.abs(c.Idc) + Ileak + c.Io


def beginning(mod: Any, c: Coefficients) -> Neurons:
    """A `DynapSim` (`InUnits`) at the start of a run."""
    isyn = [getattr(mod, f"i{name}") for name in mod.synapses]
    isyn = jnp.stack(isyn) if len(isyn) > 1 else isyn[0]
    # Spikes of the step before, on a grid, arrive now.
    iahp = jnp.maximum(mod.iahp, mod.Io) + c.ahp_jump * mod.spikes
    if mod.w_rec is not None:
        arriving = (mod.spikes @ as_factor(mod.w_rec)).reshape(isyn.shape)
        isyn = isyn + c.syn_charge * jnp.maximum(c.syn_gain * arriving, 0.0)
    y = jnp.log(jnp.maximum(mod.imem, mod.Io) / mod.Io)
    return Neurons(jnp.zeros_like(mod.dt), y, (isyn, iahp), mod.timer_ref)
