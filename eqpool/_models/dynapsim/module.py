"""`DynapSim`: the DYNAP-SE2 silicon neuron."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import diffrax
import equinox as eqx
from jaxtyping import Array

from ..._attribute import kaiming
from ..._feedback import AbstractFeedback, as_feedback
from ..._module import mismatch
from ..._neuron import build, start_from
from ..._neuron.graph import arguments_of, one_layer
from ..._solver import AbstractStepper, EventDriven, RockpoolEuler
from ..._surrogate import AbstractSurrogate, as_surrogate
from ...graph import LIFNeurons, LinearWeights
from . import fields as defaults
from .arguments import (
    absent_fields,
    check_synapses,
    from_lif,
    layer_shape,
    synapse_arguments,
)
from .circuit import AbstractCircuit


_N = TypeVar("_N", bound="DynapSim")


class DynapSim(AbstractCircuit):
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

    def __init__(
        self, shape: int | tuple[int, ...], Idc: Any = None, If_nmda: Any = None,
        Igain_ahp: Any = None, Igain_mem: Any = None, Igain_syn: Any = None,
        Ipulse_ahp: Any = None, Ipulse: Any = None, Iref: Any = None, Ispkthr: Any = None,
        Itau_ahp: Any = None, Itau_mem: Any = None, Itau_syn: Any = None, Iw_ahp: Any = None,
        C_ahp: Any = None, C_syn: Any = None, C_pulse_ahp: Any = None, C_pulse: Any = None,
        C_ref: Any = None, C_mem: Any = None, Io: Any = None, kappa_n: Any = None,
        kappa_p: Any = None, Ut: Any = None, Vth: Any = None, Iscale: Any = None,
        w_rec: Any = None, has_rec: bool = False, weight_init_func: Callable[..., Any] = kaiming,
        dt: Any = 1e-3, percent_mismatch: float | None = None, rng_key: Any = None,
        spiking_input: bool = False, spiking_output: bool = True, *, noise_std: Any = None,
        synapses: Sequence[str] = defaults.SYNAPSES,
        solver: AbstractStepper | EventDriven | diffrax.AbstractSolver[Any] | None = None,
        feedback: AbstractFeedback | None = None,
        surrogate: AbstractSurrogate | Callable[[Array], Array] | None = None, name: str = "",
        **by_synapse: Any,
    ):  # fmt: skip
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
        - `noise_std`: white noise on the membrane, A s^-1/2, scalar or `(N,)`: drawn once for each
            step and held over it; only on a time grid. Default: none.
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
        self.synapses: tuple[str, ...] = check_synapses(synapses)
        self.feedback: AbstractFeedback = as_feedback(feedback)
        several = len(self.synapses) > 1
        shape = layer_shape(shape, self.synapses)
        arguments = dict(
            Idc=Idc, If_nmda=If_nmda, Igain_ahp=Igain_ahp, Igain_mem=Igain_mem,
            Ipulse_ahp=Ipulse_ahp, Ipulse=Ipulse, Iref=Iref, Ispkthr=Ispkthr, Itau_ahp=Itau_ahp,
            Itau_mem=Itau_mem, Iw_ahp=Iw_ahp, C_ahp=C_ahp, C_pulse_ahp=C_pulse_ahp,
            C_pulse=C_pulse, C_ref=C_ref, C_mem=C_mem, Io=Io, kappa_n=kappa_n, kappa_p=kappa_p,
            Ut=Ut, Vth=Vth, Iscale=Iscale, w_rec=w_rec, noise_std=noise_std, dt=dt,
        )  # fmt: skip
        for_all = dict(Igain=Igain_syn, Itau=Itau_syn, C=C_syn)
        build(
            self, shape, arguments | synapse_arguments(self.synapses, for_all, by_synapse),
            has_rec=has_rec, weight_init_func=weight_init_func, rng_key=rng_key, name=name,
            solver=RockpoolEuler() if solver is None else solver,
            surrogate=as_surrogate(surrogate), spiking_input=spiking_input,
            spiking_output=spiking_output, absent=absent_fields(self.synapses), keeps_key=True,
            sizes={"K": len(self.synapses) if several else None},
            channels=(shape[-1], len(self.synapses)) if several else None,
        )  # fmt: skip
        if percent_mismatch is not None:
            drawn = mismatch(self, self.rng_key, percent_mismatch)
            plain = vars(self)
            varied = {n: x for n, x in vars(drawn).items() if eqx.is_array(x) and x is not plain[n]}
            start_from(self, varied)

    @classmethod
    def from_graph(cls: type[_N], se: Any, weights: LinearWeights | None = None) -> _N:
        """As of [`eqpool.AbstractNeuron`][]; also from [`eqpool.graph.LIFNeurons`][], whose time
        constants become bias currents, as in Rockpool.

        **Raises:** `ValueError` for LIF neurons with several synapses, besides.
        """
        node, weights = one_layer("DynapSim", se, weights)
        node = from_lif(node) if isinstance(node, LIFNeurons) else node
        return cls(**arguments_of(cls, node, weights, " or LIFNeurons"))
