"""`AdExLIF`: the adaptive exponential integrate-and-fire neuron."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import physics
from .._attribute import NON_NEGATIVE, Parameter, POSITIVE, USUAL_SLOW_TIME, USUAL_TIME
from .._neuron import AbstractNeuron, parameter, scale, state, time_constant
from .._types import NestedDict, PerNeuron
from ..graph import AdExNeurons
from .exponential import AbstractExponential, STEEP, TOP, up_to


class AdExLIF(AbstractExponential, AbstractNeuron):
    r"""Adaptive exponential integrate-and-fire neurons, in SI units.

    $$ C \dot V = -g_L (V - E_L) + g_L \Delta_T e^{(V - V_T)/\Delta_T} - w + I_{syn} + I_{dc} $$

    $$ \tau_w \dot w = a (V - E_L) - w, \qquad \tau_{syn} \dot I_{syn} = -I_{syn} $$

    Where $V$ reaches $V_{peak}$ there is a spike: $V \leftarrow V_{reset}$, where it stays for
    $t_{ref}$, and $w \leftarrow w + b$. A unit of input adds `Iscale` to $I_{syn}$ at the start of
    its step, and a spike adds as much times `w_rec` to that of other neurons: at the start of
    the next step, or at once with [`eqpool.EventDriven`][]. Input is `(T, N)`; the output is the
    number of spikes in each step, `(T, N)`, at most one.

    Every solver integrates $y = \ln\sigma((V - V_T)/\Delta_T)$, which is the distance from
    $V_T$ in units of $\Delta_T$ below threshold and stays finite above, and $w$ in units of
    $g_L \Delta_T$. So a spike needs no small steps, and tolerances mean the same everywhere. The
    distance that a surrogate takes is $y - y_{peak}$.

    With `record=True` the record holds, after each step, `vmem`, `iadapt`, `isyn` and `spikes`,
    all `(T, N)`.

    !!! example

        ```python
        mod = eqpool.AdExLIF((5, 5), Idc=8e-10, has_rec=True, rng_key=0)
        spikes, state, record = mod(jnp.ones((1000, 5)), record=True)
        mod = mod.set_attributes(state)  # goes on from here
        ```

    ??? cite

        Brette and Gerstner 2005,
        [doi:10.1152/jn.00686.2005](https://doi.org/10.1152/jn.00686.2005), whose values are the
        defaults; Naud, Marcille, Clopath and Gerstner 2008,
        [doi:10.1007/s00422-008-0264-7](https://doi.org/10.1007/s00422-008-0264-7), for others
        and what they do.
    """

    integrated: ClassVar[Any] = ("vmem", "iadapt")
    decaying: ClassVar[Any] = {"isyn": "tau_syn"}
    spiking: ClassVar[Any] = ("vmem", "V_peak", "Delta_T")
    node: ClassVar[Any] = AdExNeurons

    C: PerNeuron = parameter(281e-12, "capacitances", "F", "Membrane capacitance.", POSITIVE)
    g_L: PerNeuron = parameter(30e-9, "conductances", "S", "Leak conductance.", POSITIVE)
    a: PerNeuron = parameter(4e-9, "conductances", "S", "Adaptation below threshold.")
    b: PerNeuron = parameter(80.5e-12, "currents", "A", "What a spike adds to the adaptation.")
    Idc: PerNeuron = parameter(0.0, "currents", "A", "Constant input.")
    E_L: PerNeuron = parameter(-70.6e-3, "potentials", "V", "Resting potential.")
    V_reset: PerNeuron = parameter(-70.6e-3, "potentials", "V", "Potential after a spike.")
    Delta_T: PerNeuron = parameter(
        2e-3, "potentials", "V", "Slope factor: how sharply a spike begins.", POSITIVE
    )
    V_T: PerNeuron = parameter(-50.4e-3, "thresholds", "V", "Where a spike begins.")
    V_peak: PerNeuron = parameter(20e-3, "thresholds", "V", "Where it ends with the reset.")
    tau_w: PerNeuron = time_constant(144e-3, "Time constant of the adaptation.", USUAL_SLOW_TIME)
    tau_syn: PerNeuron = time_constant(5e-3, "Time constant of the synapses.")
    t_ref: PerNeuron = parameter(0.0, "delays", "s", "Refractory period.", NON_NEGATIVE, USUAL_TIME)
    Iscale: PerNeuron = scale(1e-10, "A", "Synaptic current of one unit of input.")
    vmem: Float[Array, " N"] = state(
        -70.6e-3, "V", "Membrane potential, after the reset. Starts at `E_L`."
    )
    iadapt: Float[Array, " N"] = state(0.0, "A", "Adaptation current, $w$.")
    isyn: Float[Array, " N"] = state(0.0, "A", "Synaptic current.")

    def __init__(
        self, shape: int | tuple[int, ...], C: Any = None, g_L: Any = None, E_L: Any = None,
        V_T: Any = None, Delta_T: Any = None, V_peak: Any = None, V_reset: Any = None,
        a: Any = None, b: Any = None, tau_w: Any = None, tau_syn: Any = None, t_ref: Any = None,
        Idc: Any = None, Iscale: Any = None, **arguments: Any,
    ):  # fmt: skip
        t_ref = Parameter() if t_ref is None else t_ref  # always there, as declared
        given = dict(
            C=C, g_L=g_L, E_L=E_L, V_T=V_T, Delta_T=Delta_T, V_peak=V_peak, V_reset=V_reset, a=a,
            b=b, tau_w=tau_w, tau_syn=tau_syn, t_ref=t_ref, Idc=Idc, Iscale=Iscale,
        )  # fmt: skip
        AbstractNeuron.__init__(self, shape, **given, **arguments)

    __init__.__doc__ = AbstractNeuron.__init__.__doc__

    def constants(self) -> NestedDict:
        return super().constants() | dict(coupling=self.a / self.g_L, u_reset=self.nats("V_reset"))

    def derivative(self, y: dict[str, Array], at: NestedDict) -> dict[str, Array]:
        slopes = self.exact_slopes if at["exact"] else self.slopes
        return slopes(y, at, self.drive(at))

    def slopes(self, y: dict[str, Array], at: NestedDict, drive: Array) -> dict[str, Array]:
        """On a grid. Beyond `V_peak` the membrane is about to be reset: its slope stays what it is
        there, and the adaptation sees the reset."""
        # Not a minimum, whose derivative costs more.
        below, w = y["vmem"] < at["y_peak"], y["iadapt"]
        membrane = jnp.where(below, y["vmem"], at["y_peak"])
        u = jnp.where(below, physics.adex_distance(membrane), at["u_reset"])
        return {
            "vmem": physics.adex_membrane(membrane, w, drive, at["rest"], at["tau_m"]),
            "iadapt": physics.adex_adaptation(u, w, at["rest"], at["coupling"], self.tau_w),
        }

    def exact_slopes(self, y: dict[str, Array], at: NestedDict, drive: Array) -> dict[str, Array]:
        """Between events; not up to `V_peak`, but on: smooth, where a step may look.

        The adaptation is without what the upstroke of a spike has added to it: towards the spike
        its slope goes to infinity, slowly, but too fast for the derivative of a step.
        """
        rest, coupling, tau_m = at["rest"], at["coupling"], at["tau_m"]
        membrane, steep = up_to(TOP, y["vmem"]), up_to(STEEP, y["vmem"])
        w = y["iadapt"] + self._upstroke(membrane, at)
        moving = physics.adex_smooth_adaptation(membrane, w, drive, rest, coupling, self.tau_w)
        if at["active"] is not None:
            u = physics.adex_distance(membrane)
            still = physics.adex_adaptation(u, w, rest, coupling, self.tau_w)
            moving = jnp.where(at["active"], moving, still)
        slope = physics.adex_membrane(steep, w, drive, rest, tau_m)
        return {"vmem": slope, "iadapt": moving}

    def fire(self, s: dict[str, Array], spikes: Array) -> dict[str, Array]:
        return super().fire(s, spikes) | {"iadapt": s["iadapt"] + self.b * spikes}

    def coordinates(self, s: dict[str, Array], at: NestedDict) -> dict[str, Array]:
        y, w = super().coordinates(s, at), s["iadapt"] / at["unit"]
        return y | {"iadapt": w - self._upstroke(y["vmem"], at) if at["exact"] else w}

    def from_coordinates(self, y: dict[str, Array], at: NestedDict) -> dict[str, Array]:
        w = y["iadapt"] + self._upstroke(y["vmem"], at) if at["exact"] else y["iadapt"]
        return super().from_coordinates(y, at) | {"iadapt": at["unit"] * w}

    def _upstroke(self, y: Array, at: NestedDict) -> Array:
        """What it has added to the adaptation."""
        share = at["coupling"] * at["tau_m"] / self.tau_w
        return share * physics.adex_upstroke(up_to(TOP, y))
