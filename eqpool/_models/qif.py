"""`QIF`: the quadratic integrate-and-fire neuron, and with it the theta neuron."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._neuron import AbstractNeuron, parameter, state, time_constant
from .._types import NestedDict, PerNeuron


class QIF(AbstractNeuron):
    r"""Quadratic integrate-and-fire neurons, the normal form of a neuron at its first spike.

    $$ \tau_{mem} \dot V = V^2 + I_{syn} + I_{dc}, \qquad \tau_{syn} \dot I_{syn} = -I_{syn} $$

    without units but for time. Where $V$ reaches $V_{peak}$ there is a spike:
    $V \leftarrow V_{reset}$. A unit of input adds 1 to $I_{syn}$, and a spike adds `w_rec` to that
    of other neurons. Input is `(T, N)`; the output is the number of spikes in each step, `(T, N)`,
    at most one.

    Every solver integrates the phase $\varphi = \arctan V$ of the theta neuron, whose
    $\theta = 2\varphi$ goes round the circle where $V$ goes to infinity and comes back from below:

    $$ \tau_{mem} \dot\varphi = \sin^2\varphi + (I_{syn} + I_{dc}) \cos^2\varphi $$

    The distance that a surrogate takes is $\varphi - \arctan V_{peak}$. With a constant
    $I = I_{dc} > 0$ the period is $\tau_{mem}/\sqrt I\,(\arctan(V_{peak}/\sqrt I) -
    \arctan(V_{reset}/\sqrt I))$, which is $\pi \tau_{mem}/\sqrt I$ from infinity to infinity.

    With `record=True` the record holds `vmem`, `isyn` and `spikes` after each step.

    !!! example

        ```python
        mod = eqpool.QIF((5, 5), Idc=0.2, has_rec=True, rng_key=0)
        spikes, state, record = mod(jnp.ones((1000, 5)), record=True)
        ```

    ??? cite

        Ermentrout and Kopell 1986, [doi:10.1137/0146017](https://doi.org/10.1137/0146017); Latham,
        Richmond, Nelson and Nirenberg 2000,
        [doi:10.1152/jn.2000.83.2.808](https://doi.org/10.1152/jn.2000.83.2.808).
    """

    integrated: ClassVar[Any] = ("vmem",)
    decaying: ClassVar[Any] = {"isyn": "tau_syn"}
    spiking: ClassVar[Any] = ("vmem", "V_peak")

    tau_mem: PerNeuron = time_constant(10e-3, "Time constant of the membrane.")
    tau_syn: PerNeuron = time_constant(5e-3, "Time constant of the synapses.")
    Idc: PerNeuron = parameter(0.0, "currents", "", "Constant input; spikes by itself above 0.")
    V_peak: PerNeuron = parameter(100.0, "thresholds", "", "Where a spike is.")
    V_reset: PerNeuron = parameter(-100.0, "potentials", "", "Potential after a spike.")
    vmem: Float[Array, " N"] = state(-1.0, "", "Membrane potential after the reset.")
    isyn: Float[Array, " N"] = state(0.0, "", "Synaptic current.")

    def __init__(
        self, shape: int | tuple[int, ...], tau_mem: Any = None, tau_syn: Any = None,
        Idc: Any = None, V_peak: Any = None, V_reset: Any = None, **arguments: Any,
    ):  # fmt: skip
        given = dict(tau_mem=tau_mem, tau_syn=tau_syn, Idc=Idc, V_peak=V_peak, V_reset=V_reset)
        super().__init__(shape, **given, **arguments)

    __init__.__doc__ = AbstractNeuron.__init__.__doc__

    def derivative(self, y: dict[str, Array], at: NestedDict) -> dict[str, Array]:
        cosine = jnp.cos(y["vmem"]) ** 2
        drive = self.Idc + at["isyn"]
        return {"vmem": ((1.0 - cosine) + drive * cosine) / self.tau_mem}

    def arrive(self, s: dict[str, Array], spikes_in: Array) -> dict[str, Array]:
        return s | {"isyn": s["isyn"] + spikes_in}

    def fire(self, s: dict[str, Array], spikes: Array) -> dict[str, Array]:
        return s | {"vmem": jnp.where(spikes > 0.0, self.V_reset, s["vmem"])}

    def distance(self, y: dict[str, Array], at: NestedDict) -> Array:
        return y["vmem"] - jnp.arctan(self.V_peak)

    def coordinates(self, s: dict[str, Array], at: NestedDict) -> dict[str, Array]:
        return {"vmem": jnp.arctan(s["vmem"])}

    def from_coordinates(self, y: dict[str, Array], at: NestedDict) -> dict[str, Array]:
        # Beyond the peak it is about to be reset.
        return {"vmem": jnp.tan(jnp.minimum(y["vmem"], jnp.arctan(self.V_peak)))}

    def first_step(self) -> Array:
        return 0.1 * jnp.min(self.tau_mem)
