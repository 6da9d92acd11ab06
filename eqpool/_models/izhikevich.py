"""`Izhikevich`: a quadratic membrane with recovery."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._neuron import AbstractNeuron, parameter, state, time_constant
from .._types import NestedDict, PerNeuron


class Izhikevich(AbstractNeuron):
    r"""Izhikevich's simple neuron, with his numbers for cortical cells; potentials in mV.

    $$ \dot v = 0.04\,v^2 + 5\,v + 140 - u + I_{syn} + I_{dc}, \qquad \dot u = a\,(b\,v - u),
       \qquad \tau_{syn} \dot I_{syn} = -I_{syn} $$

    with time in ms in the first two equations, as printed; `dt`, `tau_syn` and `t_ref` are in s as
    everywhere. Where $v$ reaches $v_{peak}$ there is a spike: $v \leftarrow c$,
    $u \leftarrow u + d$. A unit of input adds 1 mV/ms to $I_{syn}$, and a spike adds `w_rec` to
    that of other neurons. Input is `(T, N)`; the output is the number of spikes in each step,
    `(T, N)`, at most one.

    Regular spiking by default; `a=0.1` fast spiking, `c=-55, d=4` intrinsically bursting,
    `c=-50, d=2` chattering.

    With `record=True` the record holds `vmem`, `u`, `isyn` and `spikes` after each step.

    !!! example

        ```python
        mod = eqpool.Izhikevich((5, 5), Idc=10.0, c=-50.0, d=2.0, has_rec=True, rng_key=0)
        spikes, state, record = mod(jnp.ones((1000, 5)), record=True)
        ```

    ??? cite

        Izhikevich 2003, [doi:10.1109/TNN.2003.820440](https://doi.org/10.1109/TNN.2003.820440).
    """

    integrated: ClassVar[Any] = ("vmem", "u")
    decaying: ClassVar[Any] = {"isyn": "tau_syn"}
    spiking: ClassVar[Any] = ("vmem", "v_peak", 10.0)

    a: PerNeuron = parameter(0.02, "rates", "1/ms", "Rate of the recovery.")
    b: PerNeuron = parameter(0.2, "rates", "1/ms", "Sensitivity of the recovery.")
    c: PerNeuron = parameter(-65.0, "potentials", "mV", "Potential after a spike.")
    d: PerNeuron = parameter(8.0, "currents", "mV/ms", "What a spike adds to the recovery.")
    Idc: PerNeuron = parameter(0.0, "currents", "mV/ms", "Constant input.")
    v_peak: PerNeuron = parameter(30.0, "thresholds", "mV", "Where a spike ends.")
    tau_syn: PerNeuron = time_constant(5e-3, "Time constant of the synapses.")
    vmem: Float[Array, " N"] = state(-65.0, "mV", "Potential after the reset. Starts at `c`.")
    u: Float[Array, " N"] = state(-13.0, "mV/ms", "Recovery. Starts at `b*c`.")
    isyn: Float[Array, " N"] = state(0.0, "mV/ms", "Synaptic current.")

    def __init__(
        self, shape: int | tuple[int, ...], a: Any = None, b: Any = None, c: Any = None,
        d: Any = None, Idc: Any = None, v_peak: Any = None, tau_syn: Any = None, **arguments: Any,
    ):  # fmt: skip
        given = dict(a=a, b=b, c=c, d=d, Idc=Idc, v_peak=v_peak, tau_syn=tau_syn)
        super().__init__(shape, **given, **arguments)

    __init__.__doc__ = AbstractNeuron.__init__.__doc__

    def starting(self) -> dict[str, Array]:
        return {"vmem": self.c, "u": self.b * self.c}

    def derivative(self, y: dict[str, Array], at: NestedDict) -> dict[str, Array]:
        # Where a step looks beyond, the square would run away.
        v = jnp.clip(y["vmem"], -500.0, self.v_peak + 5.0)
        dv = (0.04 * v + 5.0) * v + 140.0 - y["u"] + self.Idc + at["isyn"]
        return {"vmem": 1e3 * dv, "u": 1e3 * self.a * (self.b * v - y["u"])}

    def arrive(self, s: dict[str, Array], spikes_in: Array) -> dict[str, Array]:
        return s | {"isyn": s["isyn"] + spikes_in}

    def fire(self, s: dict[str, Array], spikes: Array) -> dict[str, Array]:
        return s | {
            "vmem": jnp.where(spikes > 0.0, self.c, s["vmem"]),
            "u": s["u"] + self.d * spikes,
        }
