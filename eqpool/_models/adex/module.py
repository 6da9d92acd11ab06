"""`AdExLIF`: the adaptive exponential integrate-and-fire neuron."""

import dataclasses
from collections.abc import Callable
from typing import Any

import diffrax
from jaxtyping import Array, Float

from ..._attribute import (
    Blueprint,
    field,
    kaiming,
    NON_NEGATIVE,
    Parameter,
    POSITIVE,
    SimulationParameter,
    USUAL_SLOW_TIME,
    USUAL_STEP,
    USUAL_TIME,
)
from ..._events import Events
from ..._module import AbstractModule, initialise, square_shape
from ..._solver import AbstractStepper, as_stepper, EventDriven
from ..._sparse import SparseWeights
from ..._surrogate import AbstractSurrogate, as_surrogate, FastSigmoid, PiecewiseLinear
from ..._types import NestedDict, PerNeuron
from ...graph import AdExNeurons, Wiring
from .declare import check_order, property_of, resting, state
from .simulate import simulate, simulate_events


class AdExLIF(AbstractModule):
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
    $g_L \Delta_T$. So a spike needs no small steps, and tolerances mean the same everywhere.

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

    blueprint: Blueprint
    solver: AbstractStepper | EventDriven
    surrogate: AbstractSurrogate
    w_rec: Float[Array, "N N"] | SparseWeights | None = field(
        Parameter(
            family="weights",
            shape=("N", "N"),
            permit_reshape=False,
            init_func=kaiming,
            sparse=True,
            doc="Recurrent weight from neuron i to neuron j; only with `has_rec=True`.",
        )
    )
    C: PerNeuron = property_of(
        281e-12, "capacitances", "F", "Capacitance of the membrane.", POSITIVE
    )
    g_L: PerNeuron = property_of(30e-9, "conductances", "S", "Leak conductance.", POSITIVE)
    a: PerNeuron = property_of(4e-9, "conductances", "S", "Adaptation below threshold.")
    b: PerNeuron = property_of(80.5e-12, "currents", "A", "What a spike adds to the adaptation.")
    Idc: PerNeuron = property_of(0.0, "currents", "A", "Constant input.")
    E_L: PerNeuron = property_of(-70.6e-3, "potentials", "V", "Resting potential.")
    V_reset: PerNeuron = property_of(-70.6e-3, "potentials", "V", "Potential after a spike.")
    Delta_T: PerNeuron = property_of(
        2e-3, "potentials", "V", "Slope factor: how sharply a spike begins.", POSITIVE
    )
    V_T: PerNeuron = property_of(-50.4e-3, "thresholds", "V", "Where a spike begins.")
    V_peak: PerNeuron = property_of(20e-3, "thresholds", "V", "Where it ends with the reset.")
    tau_w: PerNeuron = property_of(
        144e-3, "taus", "s", "Time constant of the adaptation.", POSITIVE, USUAL_SLOW_TIME
    )
    tau_syn: PerNeuron = property_of(
        5e-3, "taus", "s", "Time constant of the synapses.", POSITIVE, USUAL_TIME
    )
    t_ref: PerNeuron = property_of(
        0.0, "delays", "s", "Refractory period.", NON_NEGATIVE, USUAL_TIME
    )
    Iscale: PerNeuron = field(
        SimulationParameter(
            1e-10,
            family="scales",
            shape=[(), ("N",)],
            unit="A",
            bounds=POSITIVE,
            doc="Synaptic current of one unit of input.",
        )
    )
    dt: Float[Array, ""] = field(
        SimulationParameter(
            1e-3,
            family="dt",
            shape=(),
            unit="s",
            bounds=POSITIVE,
            usual=USUAL_STEP,
            doc="Time step.",
        )
    )
    vmem: Float[Array, " N"] = state(
        -70.6e-3, "V", "Membrane potential, after the reset. Starts at `E_L`."
    )
    iadapt: Float[Array, " N"] = state(0.0, "A", "Adaptation current, $w$.")
    isyn: Float[Array, " N"] = state(0.0, "A", "Synaptic current.")
    spikes: Float[Array, " N"] = state(0.0, "", "Spikes of the last step.", NON_NEGATIVE)
    timer_ref: Float[Array, " N"] = state(
        0.0, "s", "What is left of the refractory period.", NON_NEGATIVE
    )

    def __init__(
        self,
        shape: int | tuple[int, ...],
        C: Any = None,
        g_L: Any = None,
        E_L: Any = None,
        V_T: Any = None,
        Delta_T: Any = None,
        V_peak: Any = None,
        V_reset: Any = None,
        a: Any = None,
        b: Any = None,
        tau_w: Any = None,
        tau_syn: Any = None,
        t_ref: Any = None,
        Idc: Any = None,
        Iscale: Any = None,
        w_rec: Any = None,
        has_rec: bool = False,
        weight_init_func: Callable[..., Any] = kaiming,
        dt: Any = 1e-3,
        rng_key: Any = None,
        spiking_input: bool = False,
        spiking_output: bool = True,
        *,
        solver: AbstractStepper | EventDriven | diffrax.AbstractSolver[Any] | None = None,
        surrogate: AbstractSurrogate | Callable[[Array], Array] | None = None,
        name: str = "",
    ):
        r"""**Arguments:**

        - `shape`: `N` or `(N, N)`.
        - `C` … `Idc`: properties of the neurons, scalar or `(N,)`; meaning, unit and default as
            in the table of fields. Each also takes an [`eqpool.Constant`][] or an
            [`eqpool.Parameter`][], which change its role in this instance.
        - `Iscale`: synaptic current of one unit of input, A. Default 1e-10: with the other
            defaults, a postsynaptic potential of 0.9 mV.
        - `w_rec`: recurrent weights `(N, N)`, `w_rec[i, j]` from neuron `i` to neuron `j`; an
            array or a sparse matrix, see [`eqpool.SparseWeights`][]. Default: drawn by
            `weight_init_func`.
        - `has_rec`: whether there are recurrent weights. Default `False`.
        - `weight_init_func`: `f(shape)` or `f(shape, key)`. Default: [`eqpool.kaiming`][].
        - `dt`: time step, s. Default 1e-3.
        - `rng_key`: key or seed of the weights. Default: a fresh seed.
        - `spiking_input`, `spiking_output`: what other tools are told. Default `False`, `True`.
        - `solver`: `eqpool.ForwardEuler()` (default), a diffrax solver such as
            `diffrax.Heun()`, an [`eqpool.Diffrax`][] with substeps or a controller, or
            [`eqpool.EventDriven`][].
        - `surrogate`: an [`eqpool.AbstractSurrogate`][], or a function of the distance from
            threshold in nats; there is one spike at most, whatever its `max_spikes_per_dt`. The
            distance is $y - y_{peak}$: $(V - V_T)/\Delta_T$ below threshold, 0 at $V_{peak}$.
            Default: [`eqpool.FastSigmoid`][].
        - `name`: a name for messages. Default: none.

        **Raises:** `ValueError` for a shape that is not square, for values of another shape, not
        finite or outside their bounds, for a `V_peak` that is not above `V_T` and `V_reset`, for
        `w_rec` without `has_rec`, and for [`eqpool.PiecewiseLinear`][], which is for currents;
        `TypeError` for arguments of another kind.
        """
        shape = square_shape(shape, "AdExLIF")
        if w_rec is not None and not has_rec:
            raise ValueError("AdExLIF: w_rec was given, but has_rec is False; pass has_rec=True.")
        self.solver = solver if isinstance(solver, EventDriven) else as_stepper(solver)
        self.surrogate = _one_spike(FastSigmoid() if surrogate is None else surrogate)
        weights = Parameter(init_func=weight_init_func) if w_rec is None else w_rec
        arguments = dict(
            C=C, g_L=g_L, E_L=E_L, V_T=V_T, Delta_T=Delta_T, V_peak=V_peak, V_reset=V_reset, a=a,
            b=b, tau_w=tau_w, tau_syn=tau_syn, t_ref=t_ref, Idc=Idc, Iscale=Iscale, dt=dt,
        )  # fmt: skip
        initialise(
            self,
            shape,
            arguments | {"w_rec": weights},
            name=name,
            rng_key=rng_key,
            absent=() if has_rec else ("w_rec",),
            spiking_input=spiking_input,
            spiking_output=spiking_output,
        )
        changed = resting(self)
        self.vmem = changed["vmem"]
        self.blueprint = self.blueprint.starting_from(changed)

    def __check_init__(self) -> None:
        check_order(self)

    def run(
        self, input_data: Float[Array, "T N"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """A scan over the time grid, or a run from event to event."""
        return simulate(self, input_data, record)

    def run_events(
        self, events: Events, duration: Float[Array, ""] | None, num_steps: int | None
    ) -> tuple[Events, NestedDict]:
        """Exact with `EventDriven`, else over the time grid."""
        return simulate_events(self, events, duration, num_steps)

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """Neurons, and weights back to them."""
        names = [name for name in AdExNeurons.__dataclass_fields__ if name != "shape"]
        node = AdExNeurons(self.shape, **{name: getattr(self, name) for name in names})
        neurons = wiring.add(name, node, sources)
        wiring.add_recurrent(f"{name}.w_rec", self.w_rec, neurons)
        return neurons


def _one_spike(surrogate: Any) -> AbstractSurrogate:
    surrogate = as_surrogate(surrogate)
    if isinstance(surrogate, PiecewiseLinear):
        raise ValueError(
            "AdExLIF: PiecewiseLinear has a slope per ampere of a membrane current; take one with "
            "a slope per nat, as eqpool.FastSigmoid()."
        )
    if surrogate.max_spikes_per_dt == 1:
        return surrogate
    return dataclasses.replace(surrogate, max_spikes_per_dt=1.0)
