"""`EIF`: the exponential integrate-and-fire neuron."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import physics
from .._attribute import POSITIVE
from .._neuron import AbstractNeuron, parameter, scale, state, time_constant
from .._types import NestedDict, PerNeuron
from .exponential import AbstractExponential, STEEP, up_to


class EIF(AbstractExponential, AbstractNeuron):
    r"""Exponential integrate-and-fire neurons, in SI units.

    $$ C \dot V = -g_L (V - E_L) + g_L \Delta_T e^{(V - V_T)/\Delta_T} + I_{syn} + I_{dc}, \qquad
       \tau_{syn} \dot I_{syn} = -I_{syn} $$

    Where $V$ reaches $V_{peak}$ there is a spike: $V \leftarrow V_{reset}$. A unit of input adds
    `Iscale` to $I_{syn}$, and a spike adds as much times `w_rec` to that of other neurons. Input is
    `(T, N)`; the output is the number of spikes in each step, `(T, N)`, at most one.

    It is [`eqpool.AdExLIF`][] without adaptation: solvers integrate the same coordinate, and a
    surrogate takes the same distance.

    With `record=True` the record holds `vmem`, `isyn` and `spikes` after each step.

    !!! example

        ```python
        mod = eqpool.EIF((5, 5), Idc=4e-10, t_ref=1.7e-3, has_rec=True, rng_key=0)
        spikes, state, record = mod(jnp.ones((1000, 5)), record=True)
        ```

    ??? cite

        Fourcaud-Trocmé, Hansel, van Vreeswijk and Brunel 2003,
        [doi:10.1523/JNEUROSCI.23-37-11628.2003](https://doi.org/10.1523/JNEUROSCI.23-37-11628.2003),
        whose values are the defaults, for a membrane of 0.02 mm².
    """

    integrated: ClassVar[Any] = ("vmem",)
    decaying: ClassVar[Any] = {"isyn": "tau_syn"}
    spiking: ClassVar[Any] = ("vmem", "V_peak", "Delta_T")

    C: PerNeuron = parameter(200e-12, "capacitances", "F", "Membrane capacitance.", POSITIVE)
    g_L: PerNeuron = parameter(20e-9, "conductances", "S", "Leak conductance.", POSITIVE)
    Idc: PerNeuron = parameter(0.0, "currents", "A", "Constant input.")
    E_L: PerNeuron = parameter(-65e-3, "potentials", "V", "Resting potential.")
    V_reset: PerNeuron = parameter(-68e-3, "potentials", "V", "Potential after a spike.")
    Delta_T: PerNeuron = parameter(3.48e-3, "potentials", "V", "Slope factor.", POSITIVE)
    V_T: PerNeuron = parameter(-59.9e-3, "thresholds", "V", "Where a spike begins.")
    V_peak: PerNeuron = parameter(20e-3, "thresholds", "V", "Where it ends with the reset.")
    tau_syn: PerNeuron = time_constant(5e-3, "Time constant of the synapses.")
    Iscale: PerNeuron = scale(1e-10, "A", "Synaptic current of one unit of input.")
    vmem: Float[Array, " N"] = state(-65e-3, "V", "Potential after the reset. Starts at `E_L`.")
    isyn: Float[Array, " N"] = state(0.0, "A", "Synaptic current.")

    def __init__(
        self, shape: int | tuple[int, ...], C: Any = None, g_L: Any = None, E_L: Any = None,
        V_T: Any = None, Delta_T: Any = None, V_peak: Any = None, V_reset: Any = None,
        tau_syn: Any = None, Idc: Any = None, Iscale: Any = None, **arguments: Any,
    ):  # fmt: skip
        given = dict(
            C=C, g_L=g_L, E_L=E_L, V_T=V_T, Delta_T=Delta_T, V_peak=V_peak, V_reset=V_reset,
            tau_syn=tau_syn, Idc=Idc, Iscale=Iscale,
        )  # fmt: skip
        AbstractNeuron.__init__(self, shape, **given, **arguments)

    __init__.__doc__ = AbstractNeuron.__init__.__doc__

    def derivative(self, y: dict[str, Array], at: NestedDict) -> dict[str, Array]:
        drive = self.drive(at)
        # Beyond the peak its slope no longer changes.
        membrane, none = up_to(STEEP, y["vmem"]), jnp.zeros_like(drive)
        slope = physics.adex_membrane(membrane, none, drive, at["rest"], at["tau_m"])
        return {"vmem": slope}
