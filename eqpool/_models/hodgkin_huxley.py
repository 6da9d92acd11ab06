"""`HodgkinHuxley`: the giant axon of the squid."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._attribute import Interval, NON_NEGATIVE, POSITIVE
from .._neuron import AbstractNeuron, parameter, state, time_constant
from .._types import NestedDict, PerNeuron


GATE = Interval(0.0, 1.0)


class HodgkinHuxley(AbstractNeuron):
    r"""Hodgkin and Huxley's giant axon of the squid, of a membrane of 1 cm²; potentials in mV.

    $$ C \dot V = -g_{Na} m^3 h\,(V - E_{Na}) - g_K n^4 (V - E_K) - g_L (V - E_L) + I_{syn} + I_{dc}
    $$

    $$ \dot x = \alpha_x(V)\,(1 - x) - \beta_x(V)\,x \quad \text{for } x = m, h, n, \qquad
       \tau_{syn} \dot I_{syn} = -I_{syn} $$

    with the rates (1/ms) of 1952 at 6.3 °C, and the potential turned round and shifted so that the
    axon rests at -65 mV. A spike is an upward crossing of `V_th`; nothing is reset. A unit of input
    adds 1 µA/cm² to $I_{syn}$, and a spike adds `w_rec` to that of other neurons. Input is
    `(T, N)`; the output is the number of spikes in each step, `(T, N)`, at most one.

    Steps must be short: `dt` is 25 µs by default, and a spike is over after a millisecond. The
    distance that a surrogate takes is that from `V_th` in units of 10 mV.

    With `record=True` the record holds `vmem`, `m`, `h`, `n`, `isyn` and `spikes` after each step.

    !!! example

        ```python
        mod = eqpool.HodgkinHuxley(2, Idc=10.0, solver=diffrax.Heun())
        spikes, state, record = mod(jnp.zeros((2000, 2)), record=True)
        ```

    ??? cite

        Hodgkin and Huxley 1952,
        [doi:10.1113/jphysiol.1952.sp004764](https://doi.org/10.1113/jphysiol.1952.sp004764).
    """

    integrated: ClassVar[Any] = ("vmem", "m", "h", "n")
    decaying: ClassVar[Any] = {"isyn": "tau_syn"}
    spiking: ClassVar[Any] = ("vmem", "V_th", 10.0)
    resets: ClassVar[bool] = False

    C: PerNeuron = parameter(1.0, "capacitances", "µF/cm²", "Membrane capacitance.", POSITIVE)
    g_Na: PerNeuron = parameter(120.0, "conductances", "mS/cm²", "Of sodium.", NON_NEGATIVE)
    g_K: PerNeuron = parameter(36.0, "conductances", "mS/cm²", "Of potassium.", NON_NEGATIVE)
    g_L: PerNeuron = parameter(0.3, "conductances", "mS/cm²", "Of the leak.", NON_NEGATIVE)
    E_Na: PerNeuron = parameter(50.0, "potentials", "mV", "Reversal potential of sodium.")
    E_K: PerNeuron = parameter(-77.0, "potentials", "mV", "Reversal potential of potassium.")
    E_L: PerNeuron = parameter(-54.387, "potentials", "mV", "Reversal potential of the leak.")
    Idc: PerNeuron = parameter(0.0, "currents", "µA/cm²", "Constant input.")
    V_th: PerNeuron = parameter(0.0, "thresholds", "mV", "What a spike crosses.")
    tau_syn: PerNeuron = time_constant(5e-3, "Time constant of the synapses.")
    vmem: Float[Array, " N"] = state(-65.0, "mV", "Membrane potential.")
    m: Float[Array, " N"] = state(0.053, "", "Activation of sodium.", GATE)
    h: Float[Array, " N"] = state(0.596, "", "What is not inactivated of it.", GATE)
    n: Float[Array, " N"] = state(0.318, "", "Activation of potassium.", GATE)
    isyn: Float[Array, " N"] = state(0.0, "µA/cm²", "Synaptic current.")

    def __init__(
        self, shape: int | tuple[int, ...], C: Any = None, g_Na: Any = None, g_K: Any = None,
        g_L: Any = None, E_Na: Any = None, E_K: Any = None, E_L: Any = None, Idc: Any = None,
        V_th: Any = None, tau_syn: Any = None, dt: Any = 2.5e-5, **arguments: Any,
    ):  # fmt: skip
        given = dict(
            C=C, g_Na=g_Na, g_K=g_K, g_L=g_L, E_Na=E_Na, E_K=E_K, E_L=E_L, Idc=Idc, V_th=V_th,
            tau_syn=tau_syn, dt=dt,
        )  # fmt: skip
        super().__init__(shape, **given, **arguments)

    __init__.__doc__ = AbstractNeuron.__init__.__doc__

    def starting(self) -> dict[str, Array]:
        return {x: a / (a + b) for x, (a, b) in _rates(self.vmem).items()}

    def derivative(self, y: dict[str, Array], at: NestedDict) -> dict[str, Array]:
        v, m, h, n = (y[name] for name in self.integrated)
        sodium = self.g_Na * m**3 * h * (v - self.E_Na)
        potassium = self.g_K * n**4 * (v - self.E_K)
        leak = self.g_L * (v - self.E_L)
        slope = (at["isyn"] + self.Idc - sodium - potassium - leak) / self.C
        gates = {x: 1e3 * (a * (1.0 - y[x]) - b * y[x]) for x, (a, b) in _rates(v).items()}
        return {"vmem": 1e3 * slope} | gates

    def arrive(self, s: dict[str, Array], spikes_in: Array) -> dict[str, Array]:
        return s | {"isyn": s["isyn"] + spikes_in}

    def fire(self, s: dict[str, Array], spikes: Array) -> dict[str, Array]:
        return s

    def first_step(self) -> Array:
        return jnp.full_like(self.dt, 1e-5)


def _rates(v: Array) -> dict[str, tuple[Array, Array]]:
    """How fast each gate opens and closes, 1/ms."""
    v = jnp.clip(v, -300.0, 300.0)  # where a step may look, exponentials stay finite
    return {
        "m": (_ramp((v + 40.0) / 10.0), 4.0 * jnp.exp(-(v + 65.0) / 18.0)),
        "h": (0.07 * jnp.exp(-(v + 65.0) / 20.0), 1.0 / (1.0 + jnp.exp(-(v + 35.0) / 10.0))),
        "n": (0.1 * _ramp((v + 55.0) / 10.0), 0.125 * jnp.exp(-(v + 65.0) / 80.0)),
    }


def _ramp(x: Array) -> Array:
    """x/(1 - e^-x), which is 1 at 0."""
    near = jnp.abs(x) < 1e-3
    away = jnp.where(near, 1.0, x)
    return jnp.where(near, 1.0 + x / 2.0 + x**2 / 12.0, away / -jnp.expm1(-away))
