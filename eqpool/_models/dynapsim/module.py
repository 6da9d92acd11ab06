"""`DynapSim`: the DYNAP-SE2 silicon neuron."""

from collections.abc import Callable, Sequence
from typing import Any

import diffrax
import equinox as eqx
from jaxtyping import Array, Float

from ..._attribute import (
    Blueprint,
    field,
    Full,
    Interval,
    kaiming,
    Parameter,
    POSITIVE,
    SimulationParameter,
    State,
)
from ..._events import Events
from ..._module import initialise, RANDOM
from ..._neuron.fields import time_step
from ..._random import as_key, random_key
from ..._solver import AbstractStepper, as_stepper, EventDriven, RockpoolEuler
from ..._sparse import SparseWeights
from ..._surrogate import AbstractSurrogate, as_surrogate
from ..._types import Key, NestedDict, PerNeuron
from ...graph import LinearWeights, Wiring
from . import defaults
from .configure import absent_fields, check_synapses, layer_shape, start_values, synapse_arguments
from .declare import (
    capacitance,
    current,
    state,
    state_current,
    synapse_capacitance,
    synapse_current,
    transistor,
)
from .feedback import AbstractFeedback, as_feedback
from .graph import arguments_of, as_node
from .simulate import simulate, simulate_events
from .specification import AbstractSpecified


class DynapSim(AbstractSpecified):
    r"""DYNAP-SE2 silicon neurons: adaptive exponential integrate and fire, in currents.

    Each neuron has a membrane current $I_{mem}$ with positive feedback, an adaptation current
    $I_{ahp}$, and a current for each synapse type. A step of the time grid takes, in this order:

    - **synapses**: input and recurrent spikes charge each synapse, which decays with $\tau_{syn}$;
    - **adaptation**: the neuron's own spikes charge it, it decays with $\tau_{ahp}$;
    - **membrane**: [`eqpool.physics.membrane_derivative`][] is integrated by the solver;
    - **spikes**: $\lceil\ln(I_{mem}/I_{spkthr})\rceil$ of them, after which $I_{mem}$ is reset to
      $I_o$ and no input enters for `t_ref`.

    Input counts weighted spikes; `Iscale` turns it into amperes. With the default four synapse
    types it is `(T, N, 4)`, or the same as `(T, 4*N)`; with `synapses=("ampa",)`, the model of
    Rockpool 3, it is `(T, N)`. Channels are in the order AMPA, GABA, NMDA, SHUNT. The output is
    the number of spikes in each step, `(T, N)`. (Of a single neuron, `(X, 1, 4)` is X time steps,
    not a batch of X; a batch of single steps is `(X, 1, 1, 4)`.)

    With [`eqpool.RockpoolEuler`][], the default solver, the numbers are Rockpool's. With any
    other the discretisation converges to the differential equation as `dt` falls.

    With `record=True` the record holds every current, `spikes` and `vmem` after each step.

    !!! example

        ```python
        mod = eqpool.DynapSim((5, 5), has_rec=True, synapses=("ampa",), rng_key=0)
        spikes, state, record = mod(40 * jnp.ones((100, 5)), record=True)
        mod = mod.set_attributes(state)  # goes on from here
        ```

    ??? cite

        Richter et al. 2024, [doi:10.1088/2634-4386/ad1cd7](https://doi.org/10.1088/2634-4386/ad1cd7);
        Chicca et al. 2014, [doi:10.1109/JPROC.2014.2313954](https://doi.org/10.1109/JPROC.2014.2313954).
        The discretisation and the names are Rockpool's,
        [doi:10.5281/zenodo.3773845](https://doi.org/10.5281/zenodo.3773845).
    """

    blueprint: Blueprint
    solver: AbstractStepper | EventDriven
    feedback: AbstractFeedback
    surrogate: AbstractSurrogate
    synapses: tuple[str, ...] = eqx.field(static=True)
    w_rec: Float[Array, "N N *K"] | SparseWeights | None = field(
        Parameter(
            family="weights",
            shape=("N", "N", "K"),
            permit_reshape=False,
            init_func=kaiming,
            sparse=True,
            doc="Recurrent weight from neuron i to neuron j, for each synapse type if there are "
            "several; only with `has_rec=True`.",
        )
    )

    Idc: PerNeuron = current(defaults.Io, "Constant input.", off=True)
    If_nmda: PerNeuron = current(defaults.Io, "NMDA gate: `imem` at which half passes.", off=True)
    Igain_ahp: PerNeuron = current(defaults.IGAIN_AHP, "Gain current of the adaptation.")
    Igain_mem: PerNeuron = current(defaults.IGAIN_MEM, "Gain current of the membrane.")
    Igain_syn: PerNeuron | None = synapse_current("Igain", "syn")
    Igain_ampa: PerNeuron | None = synapse_current("Igain", "ampa")
    Igain_gaba: PerNeuron | None = synapse_current("Igain", "gaba")
    Igain_nmda: PerNeuron | None = synapse_current("Igain", "nmda")
    Igain_shunt: PerNeuron | None = synapse_current("Igain", "shunt")
    Ipulse_ahp: PerNeuron = current(defaults.IPULSE_AHP, "Sets the pulse width of the adaptation.")
    Ipulse: PerNeuron = current(defaults.IPULSE, "Sets the pulse width of the synapses.")
    Iref: PerNeuron = current(defaults.IREF, "Sets the refractory period.")
    Ispkthr: PerNeuron = current(defaults.ISPKTHR, "Spiking threshold.")
    Itau_ahp: PerNeuron = current(defaults.ITAU_AHP, "Leak current of the adaptation.")
    Itau_mem: PerNeuron = current(
        defaults.ITAU_MEM, "Leak current: sets the membrane time constant."
    )
    Itau_syn: PerNeuron | None = synapse_current("Itau", "syn")
    Itau_ampa: PerNeuron | None = synapse_current("Itau", "ampa")
    Itau_gaba: PerNeuron | None = synapse_current("Itau", "gaba")
    Itau_nmda: PerNeuron | None = synapse_current("Itau", "nmda")
    Itau_shunt: PerNeuron | None = synapse_current("Itau", "shunt")
    Iw_ahp: PerNeuron = current(defaults.Io, "Adaptation weight of a spike.", off=True)
    C_ahp: PerNeuron = capacitance(defaults.C_AHP, "Capacitance of the adaptation.")
    C_syn: PerNeuron | None = synapse_capacitance("syn")
    C_ampa: PerNeuron | None = synapse_capacitance("ampa")
    C_gaba: PerNeuron | None = synapse_capacitance("gaba")
    C_nmda: PerNeuron | None = synapse_capacitance("nmda")
    C_shunt: PerNeuron | None = synapse_capacitance("shunt")
    C_pulse_ahp: PerNeuron = capacitance(defaults.C_PULSE, "Of the adaptation's pulse extender.")
    C_pulse: PerNeuron = capacitance(defaults.C_PULSE, "Of the synapses' pulse extender.")
    C_ref: PerNeuron = capacitance(defaults.C_REF, "Capacitance of the refractory circuit.")
    C_mem: PerNeuron = capacitance(defaults.C_MEM, "Membrane capacitance.")
    Io: PerNeuron = transistor(defaults.Io, "A", "Dark current.")
    kappa_n: PerNeuron = transistor(defaults.KAPPA_N, "", "Subthreshold slope factor, n-FET.")
    kappa_p: PerNeuron = transistor(defaults.KAPPA_P, "", "Subthreshold slope factor, p-FET.")
    Ut: PerNeuron = transistor(defaults.UT, "V", "Thermal voltage.")
    Vth: PerNeuron = transistor(defaults.VTH, "V", "Switching voltage of a transistor.")
    Iscale: PerNeuron = field(
        SimulationParameter(
            defaults.ISCALE,
            family="scales",
            shape=[(), ("N",)],
            unit="A",
            bounds=POSITIVE,
            doc="Weight current of one unit of input.",
        )
    )
    dt: Float[Array, ""] = time_step()

    iahp: Float[Array, " N"] = state_current("Adaptation current.")
    iampa: Float[Array, " N"] | None = state_current("AMPA synapse current.")
    igaba: Float[Array, " N"] | None = state_current("GABA synapse current.")
    inmda: Float[Array, " N"] | None = state_current("NMDA synapse current.")
    ishunt: Float[Array, " N"] | None = state_current("SHUNT synapse current.")
    imem: Float[Array, " N"] = state_current("Membrane current, after the reset.")
    spikes: Float[Array, " N"] = state(0.0, "", "Spikes of the last step.")
    timer_ref: Float[Array, " N"] = state(0.0, "s", "What is left of the refractory period.")
    vmem: Float[Array, " N"] = field(
        State(
            family="states",
            shape=("N",),
            init_func=Full(0.0),
            unit="V",
            bounds=Interval(),
            doc="Membrane potential: before the reset with `RockpoolEuler`, else after it.",
        )
    )
    rng_key: Key = field(
        State(
            family=RANDOM,
            shape=(2,),
            init_func=random_key,
            cast_fn=as_key,
            doc="A key; no step draws from it.",
        )
    )

    def __init__(
        self,
        shape: int | tuple[int, ...],
        Idc: Any = None,
        If_nmda: Any = None,
        Igain_ahp: Any = None,
        Igain_mem: Any = None,
        Igain_syn: Any = None,
        Ipulse_ahp: Any = None,
        Ipulse: Any = None,
        Iref: Any = None,
        Ispkthr: Any = None,
        Itau_ahp: Any = None,
        Itau_mem: Any = None,
        Itau_syn: Any = None,
        Iw_ahp: Any = None,
        C_ahp: Any = None,
        C_syn: Any = None,
        C_pulse_ahp: Any = None,
        C_pulse: Any = None,
        C_ref: Any = None,
        C_mem: Any = None,
        Io: Any = None,
        kappa_n: Any = None,
        kappa_p: Any = None,
        Ut: Any = None,
        Vth: Any = None,
        Iscale: Any = None,
        w_rec: Any = None,
        has_rec: bool = False,
        weight_init_func: Callable[..., Any] = kaiming,
        dt: Any = 1e-3,
        percent_mismatch: float | None = None,
        rng_key: Any = None,
        spiking_input: bool = False,
        spiking_output: bool = True,
        *,
        synapses: Sequence[str] = defaults.SYNAPSES,
        solver: AbstractStepper | EventDriven | diffrax.AbstractSolver[Any] | None = None,
        feedback: AbstractFeedback | None = None,
        surrogate: AbstractSurrogate | Callable[[Array], Array] | None = None,
        name: str = "",
        **by_synapse: Any,
    ):
        """**Arguments:**

        - `shape`: `N` or `(N, N)`; with `K > 1` synapse types also `(K*N, N)`.
        - `Idc` … `Vth`: currents (A), capacitances (F) and transistor properties, scalar or
            `(N,)`; meaning, unit and default as in the table of fields. Each also takes an
            [`eqpool.Parameter`][], which makes it trainable in this instance.
        - `Igain_syn`, `Itau_syn`, `C_syn`: of every synapse type present.
        - `Iscale`: weight current of one unit of input, A. Default 1e-8.
        - `w_rec`: recurrent weights `[pre, post, synapse]`: `(N, N, K)`, or `(N, N)` with one
            synapse type; an array or a sparse matrix, see [`eqpool.SparseWeights`][]. A sparse one
            of several types may also be `(N, N*K)`. Default: drawn by `weight_init_func`.
        - `has_rec`: whether there are recurrent weights. Default `False`.
        - `weight_init_func`: `f(shape)` or `f(shape, key)`. Default: [`eqpool.kaiming`][].
        - `dt`: time step, s. Default 1e-3.
        - `percent_mismatch`: device mismatch as a fraction: every current, capacitance and
            transistor property of every neuron is multiplied once, here, by
            `1 + percent_mismatch/3 * N(0, 1)`. Default: none. See [`eqpool.mismatch`][].
        - `rng_key`: key or seed of weights and mismatch. Default: a fresh seed.
        - `spiking_input`, `spiking_output`: what other tools are told. Default `False`, `True`.
        - `synapses`: the synapse types present, of `"ampa"`, `"gaba"`, `"nmda"`, `"shunt"`.
            Default: all four, in this order.
        - `solver`: `eqpool.RockpoolEuler()` (default), `eqpool.ForwardEuler()`, a diffrax solver,
            an [`eqpool.Diffrax`][] with substeps or a controller, or [`eqpool.EventDriven`][].
        - `feedback`: `eqpool.ExponentialFeedback()` (default) or [`eqpool.SigmoidFeedback`][].
        - `surrogate`: `eqpool.PiecewiseLinear()` (default), another
            [`eqpool.AbstractSurrogate`][], or a function of the distance from threshold in nats.
        - `name`: a name for messages. Default: none.
        - `**by_synapse`: `Igain_<type>`, `Itau_<type>`, `C_<type>` of one synapse type, where
            several are present.

        **Raises:** `ValueError` for a shape that fits neither `N` nor the synapses, for values of
        another shape, not finite or outside their bounds, for `w_rec` without `has_rec`, for
        unknown synapses, and for a `percent_mismatch` outside [0, 1]; `TypeError` for arguments
        of another kind. Currents that the chip cannot provide get a `UserWarning`.
        """
        self.synapses = check_synapses(synapses)
        events = isinstance(solver, EventDriven)
        self.solver = solver if events else as_stepper(solver, RockpoolEuler())
        self.feedback = as_feedback(feedback)
        self.surrogate = as_surrogate(surrogate)
        if w_rec is not None and not has_rec:
            raise ValueError("DynapSim: w_rec was given, but has_rec is False; pass has_rec=True.")
        shape = layer_shape(shape, self.synapses)
        arguments = dict(
            Idc=Idc, If_nmda=If_nmda, Igain_ahp=Igain_ahp, Igain_mem=Igain_mem,
            Ipulse_ahp=Ipulse_ahp, Ipulse=Ipulse, Iref=Iref, Ispkthr=Ispkthr, Itau_ahp=Itau_ahp,
            Itau_mem=Itau_mem, Iw_ahp=Iw_ahp, C_ahp=C_ahp, C_pulse_ahp=C_pulse_ahp,
            C_pulse=C_pulse, C_ref=C_ref, C_mem=C_mem, Io=Io, kappa_n=kappa_n, kappa_p=kappa_p,
            Ut=Ut, Vth=Vth, Iscale=Iscale, dt=dt,
        )  # fmt: skip
        for_all = dict(Igain=Igain_syn, Itau=Itau_syn, C=C_syn)
        weights = Parameter(init_func=weight_init_func) if w_rec is None else w_rec
        initialise(
            self,
            shape,
            arguments
            | synapse_arguments(self.synapses, for_all, by_synapse)
            | ({"w_rec": weights} if has_rec else {}),
            name=name,
            rng_key=rng_key,
            absent=absent_fields(self.synapses, has_rec),
            sizes={"K": len(self.synapses) if len(self.synapses) > 1 else None},
            channels=(shape[-1], len(self.synapses)) if len(self.synapses) > 1 else None,
            spiking_input=spiking_input,
            spiking_output=spiking_output,
        )
        changed = start_values(self, percent_mismatch)
        for field_name, value in changed.items():
            setattr(self, field_name, value)
        self.blueprint = self.blueprint.starting_from(changed)

    def run(
        self, input_data: Float[Array, "T KN"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """A scan over the time grid."""
        return simulate(self, input_data, record)

    def run_events(
        self, events: Events, duration: Float[Array, ""] | None, num_steps: int | None
    ) -> tuple[Events, NestedDict]:
        """Exact with `EventDriven`, else over the time grid."""
        return simulate_events(self, events, duration, num_steps)

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """Neurons, and weights back to them."""
        neurons = wiring.add(name, as_node(self), sources)
        wiring.add_recurrent(f"{name}.w_rec", self.w_rec, neurons)
        return neurons

    @classmethod
    def from_graph(cls, se: Any, weights: LinearWeights | None = None) -> "DynapSim":
        """A module from neurons of a graph, with or without recurrent weights.

        **Arguments:**

        - `se`: [`eqpool.graph.DynapseNeurons`][]; or [`eqpool.graph.LIFNeurons`][], whose time
            constants become bias currents, as in Rockpool; or a graph of one of them.
        - `weights`: recurrent [`eqpool.graph.LinearWeights`][], without biases. Default: those of
            the graph, if any.

        **Raises:** `TypeError` for other nodes; `ValueError` for recurrent biases, for LIF neurons
        with several synapses, and for values that the chip's neuron cannot have.
        """
        return cls(**arguments_of(se, weights))
