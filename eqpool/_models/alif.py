"""`ALIF`: leaky integrate-and-fire neurons with an adaptive threshold."""

from typing import Any, ClassVar

from jaxtyping import Array, Float

from .._attribute import NON_NEGATIVE, POSITIVE, USUAL_SLOW_TIME
from .._neuron import AbstractNeuron, parameter, state, time_constant
from .._types import NestedDict, PerNeuron


class ALIF(AbstractNeuron):
    r"""Leaky integrate-and-fire neurons whose threshold rises with each spike, as in LSNNs.

    $$ \tau_{mem} \dot V = -V + I_{syn} + I_{dc}, \qquad \tau_{syn} \dot I_{syn} = -I_{syn}, \qquad
       \tau_{adapt} \dot a = -a $$

    There is a spike where $V$ reaches $\theta_0 + \beta\,a$; it takes as much from $V$, and adds 1
    to $a$. A unit of input adds 1 to $I_{syn}$, and a spike adds `w_rec` to that of other neurons.
    Input is `(T, N)`; the output is the number of spikes in each step, `(T, N)`, at most one.

    The distance that a surrogate takes is $(V - \theta_0 - \beta a)/\theta_0$.

    With `record=True` the record holds `vmem`, `adaptation`, `isyn` and `spikes` after each step.

    !!! example

        ```python
        mod = eqpool.ALIF((5, 5), Idc=1.5, beta=0.5, has_rec=True, rng_key=0)
        spikes, state, record = mod(jnp.ones((1000, 5)), record=True)
        ```

    ??? cite

        Bellec, Salaj, Subramoney, Legenstein and Maass 2018,
        [doi:10.48550/arXiv.1803.09574](https://doi.org/10.48550/arXiv.1803.09574).
    """

    integrated: ClassVar[Any] = ("vmem",)
    decaying: ClassVar[Any] = {"isyn": "tau_syn", "adaptation": "tau_adapt"}
    spiking: ClassVar[Any] = ("vmem", "threshold", "threshold")

    tau_mem: PerNeuron = time_constant(20e-3, "Time constant of the membrane.")
    tau_syn: PerNeuron = time_constant(5e-3, "Time constant of the synapses.")
    tau_adapt: PerNeuron = time_constant(
        700e-3, "Time constant of the adaptation.", USUAL_SLOW_TIME
    )
    Idc: PerNeuron = parameter(0.0, "currents", "", "Constant input.")
    threshold: PerNeuron = parameter(
        1.0, "thresholds", "", "Threshold of a neuron that has not spiked.", POSITIVE
    )
    beta: PerNeuron = parameter(
        1.8, "adaptations", "", "What a spike adds to the threshold.", NON_NEGATIVE
    )
    vmem: Float[Array, " N"] = state(0.0, "", "Membrane potential after the reset.")
    isyn: Float[Array, " N"] = state(0.0, "", "Synaptic current.")
    adaptation: Float[Array, " N"] = state(0.0, "", "Trace of the neuron's own spikes.")

    def __init__(
        self, shape: int | tuple[int, ...], tau_mem: Any = None, tau_syn: Any = None,
        tau_adapt: Any = None, Idc: Any = None, threshold: Any = None, beta: Any = None,
        **arguments: Any,
    ):  # fmt: skip
        given = dict(
            tau_mem=tau_mem, tau_syn=tau_syn, tau_adapt=tau_adapt, Idc=Idc, threshold=threshold,
            beta=beta,
        )  # fmt: skip
        super().__init__(shape, **given, **arguments)

    __init__.__doc__ = AbstractNeuron.__init__.__doc__

    def derivative(self, y: dict[str, Array], at: NestedDict) -> dict[str, Array]:
        return {"vmem": (at["isyn"] + self.Idc - y["vmem"]) / self.tau_mem}

    def arrive(self, s: dict[str, Array], spikes_in: Array) -> dict[str, Array]:
        return s | {"isyn": s["isyn"] + spikes_in}

    def fire(self, s: dict[str, Array], spikes: Array) -> dict[str, Array]:
        reached = self.threshold + self.beta * s["adaptation"]
        return s | {"vmem": s["vmem"] - spikes * reached, "adaptation": s["adaptation"] + spikes}

    def distance(self, y: dict[str, Array], at: NestedDict) -> Array:
        reached = self.threshold + self.beta * at["adaptation"]
        return (y["vmem"] - reached) / self.threshold

    def first_step(self) -> Array:
        return 0.1 * self.tau_mem.min()
