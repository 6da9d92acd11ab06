"""`AbstractExponential`: the membrane and the synapses that `EIF` and `AdExLIF` share."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import physics
from .._errors import is_concrete
from .._types import AbstractVar, NestedDict, PerNeuron


TOP = 40.0
"""Nats above `V_T` where every spike has happened: infinity is e^-40 of a time constant away, and
e^40 is well inside the range of float32."""

STEEP = 14.0
"""Nats above `V_T` from where a membrane goes to infinity at a pace that no longer changes: the
time left is 1e-6 of a time constant, and known to 1e-5 of itself."""


class AbstractExponential(eqx.Module):
    r"""An exponential membrane with a synapse, for an [`eqpool.AbstractNeuron`][].

    Solvers integrate $y = \ln\sigma((V - V_T)/\Delta_T)$. Fields and slopes are the neuron's own.
    """

    C: AbstractVar[PerNeuron]
    g_L: AbstractVar[PerNeuron]
    E_L: AbstractVar[PerNeuron]
    V_reset: AbstractVar[PerNeuron]
    Delta_T: AbstractVar[PerNeuron]
    V_T: AbstractVar[PerNeuron]
    V_peak: AbstractVar[PerNeuron]
    Idc: AbstractVar[PerNeuron]
    Iscale: AbstractVar[PerNeuron]

    def __check_init__(self) -> None:
        _check_order(self, "V_T", "the spike begins at V_T and ends at V_peak")
        _check_order(self, "V_reset", "a neuron reset to V_peak would spike again at once")

    def starting(self) -> dict[str, Array]:
        return {"vmem": self.E_L}

    def constants(self) -> NestedDict:
        peak = jnp.minimum(self.nats("V_peak"), TOP)
        return dict(
            u_peak=peak,
            y_peak=physics.adex_coordinate(peak),
            unit=self.g_L * self.Delta_T,
            tau_m=self.C / self.g_L,
            rest=self.nats("E_L"),
        )

    def nats(self, name: str) -> Array:
        """A potential in nats above `V_T`."""
        return (getattr(self, name) - self.V_T) / self.Delta_T

    def drive(self, at: NestedDict) -> Array:
        """All currents but the leak and the spike's own, in units of `g_L * Delta_T`."""
        return (self.Idc + at["isyn"]) / at["unit"]

    def arrive(self, s: dict[str, Array], spikes_in: Array) -> dict[str, Array]:
        return s | {"isyn": s["isyn"] + self.Iscale * spikes_in}

    def fire(self, s: dict[str, Array], spikes: Array) -> dict[str, Array]:
        return s | {"vmem": jnp.where(spikes > 0.0, self.V_reset, s["vmem"])}

    def distance(self, y: dict[str, Array], at: NestedDict) -> Array:
        return y["vmem"] - at["y_peak"]

    def coordinates(self, s: dict[str, Array], at: NestedDict) -> dict[str, Array]:
        """Beyond the peak in nats, so that a run may start there."""
        u = (s["vmem"] - self.V_T) / self.Delta_T
        below = u < at["u_peak"]  # not a minimum, whose derivative costs more
        y = physics.adex_coordinate(jnp.where(below, u, at["u_peak"]))
        return {"vmem": jnp.where(below, y, y + u - at["u_peak"])}

    def from_coordinates(self, y: dict[str, Array], at: NestedDict) -> dict[str, Array]:
        """Up to the peak."""
        below = jnp.where(y["vmem"] < at["y_peak"], y["vmem"], at["y_peak"])
        return {"vmem": self.V_T + self.Delta_T * physics.adex_distance(below)}

    def first_step(self) -> Array:
        return 0.1 * jnp.min(self.C / self.g_L)

    def longest_step(self, y: dict[str, Array], at: NestedDict) -> Array:
        """Half of the way to a spike, up to where there is little left of it.

        The derivative of the field goes to infinity there, slowly, and a step that is small
        enough for its value need not be so for its derivative.
        """
        left = jnp.exp(-physics.adex_distance(up_to(STEEP, y["vmem"])))
        left = left if at["active"] is None else jnp.where(at["active"], left, jnp.inf)
        return 0.5 * jnp.min(self.C / self.g_L * left)


def up_to(u: float, y: Float[Array, " N"]) -> Float[Array, " N"]:
    """A coordinate, no higher than that of so many nats."""
    return jnp.minimum(y, physics.adex_coordinate(jnp.asarray(u, y.dtype)))


def _check_order(mod: Any, name: str, why: str) -> None:
    """Raises `ValueError` unless `V_peak` is above the named potential; where values are known."""
    low, high = getattr(mod, name), mod.V_peak
    if not (is_concrete(low) and is_concrete(high)):
        return
    lows, highs = np.broadcast_arrays(np.ravel(low), np.ravel(high))
    bad = np.flatnonzero(~(lows < highs))
    if bad.size:
        i = int(bad[0])
        raise ValueError(
            f"{type(mod).__name__}.V_peak: must be above {name}, since {why}; got V_peak = "
            f"{highs[i]:g} V and {name} = {lows[i]:g} V (element {i})."
        )
