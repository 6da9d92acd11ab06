"""`LIFJax`: a layer of leaky integrate-and-fire neurons."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import diffrax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import physics
from .._attribute import Blueprint, field, NON_NEGATIVE, POSITIVE, SimulationParameter, uniform_sqrt
from .._module import normalise_shape
from .._neuron import AbstractNeuron, build, parameter, recurrent_weights, state, time_constant
from .._neuron.recurrent import all_arriving, as_weights
from .._solver import AbstractStepper, EventDriven, RockpoolEuler
from .._sparse import SparseWeights
from .._surrogate import AbstractSurrogate, as_surrogate
from .._types import NestedDict, PerNeuron
from ..graph import LIFNeurons
from .stable_weights import is_drawn, stable_weights


PerSynapse: TypeAlias = Float[Array, ""] | Float[Array, "#N K"]


class LIFJax(AbstractNeuron):
    r"""Leaky integrate-and-fire neurons with exponential synapses and subtractive reset.

    In each step, with $\alpha = e^{-dt/\tau_{mem}}$ and $\beta = e^{-dt/\tau_{syn}}$,

    $$ I_{syn} \leftarrow \beta\,(I_{syn} + S_{in} + S\,W_{rec}), \qquad
       V \leftarrow \alpha V + \sum_k I_{syn,k} + b + \eta $$

    $$ S = \lfloor V/\theta\rfloor \text{ where } V \ge \theta \text{, else } 0, \qquad
       V \leftarrow V - S\,\theta $$

    That is [`eqpool.RockpoolEuler`][], the default solver. Every other one integrates the equation
    that this is a discretisation of, with the same parameters:

    $$ \dot V = -\frac{V}{\tau_{mem}} + \frac{\sum_k I_{syn,k} + b}{dt}, \qquad
       \tau_{syn} \dot I_{syn} = -I_{syn} $$

    Each of the `N` neurons has `K = N_in/N` synapses; input channel `n*K + k` leads to synapse
    `k` of neuron `n`. The output is the number of spikes in each step, `(T, N)`. The noise $\eta$
    is normal with standard deviation `noise_std*sqrt(dt)`. The distance from threshold is
    $(V - \theta)/\theta$.

    With `record=True` the record holds, after each step, `vmem` and `spikes`, `(T, N)`, and `isyn`
    and, on a grid, `irec` (the recurrent input $S\,W_{rec}$ of the step), `(T, N, K)`.

    !!! example

        ```python
        mod = eqpool.LIFJax((10, 5), has_rec=True, tau_mem=10e-3, rng_key=0)
        spikes, state, record = mod(jnp.ones((100, 10)), record=True)
        mod = mod.set_attributes(state)  # goes on from here
        ```

    ??? cite

        Gerstner, Kistler, Naud and Paninski 2014, *Neuronal Dynamics*, section 1.3,
        [doi:10.1017/CBO9781107447615](https://doi.org/10.1017/CBO9781107447615);
        the discretisation and the names are Rockpool's,
        [doi:10.5281/zenodo.3773845](https://doi.org/10.5281/zenodo.3773845).
    """

    integrated: ClassVar[Any] = ("vmem",)
    decaying: ClassVar[Any] = {"isyn": "tau_syn"}
    spiking: ClassVar[Any] = ("vmem", "threshold", "threshold")
    node: ClassVar[Any] = LIFNeurons
    later_fields: ClassVar[Any] = dict(
        solver=RockpoolEuler(), surrogate=None, t_ref=None, timer_ref=None
    )

    blueprint: Blueprint
    w_rec: Float[Array, "N N_in"] | SparseWeights | None = recurrent_weights(
        uniform_sqrt, "Recurrent weight from neuron to synapse", ("N", "N_in")
    )
    tau_mem: PerNeuron = time_constant(20e-3, "Time constant of the membrane.")
    tau_syn: PerSynapse = time_constant(
        20e-3, "Time constants of the synapses.", shape=[("N", "K"), (1, "K"), ()]
    )
    bias: PerNeuron = parameter(0.0, "biases", "", "Added to the membrane in each step.")
    threshold: PerNeuron = parameter(
        1.0, "thresholds", "", "Threshold, and what a spike takes from the membrane.", POSITIVE
    )
    vmem: Float[Array, " N"] = state(0.0, "", "Membrane potential after the reset.")
    isyn: Float[Array, "N K"] = state(0.0, "", "Synaptic currents.", shape=("N", "K"))
    max_spikes_per_dt: Float[Array, ""] = field(
        SimulationParameter(
            2.0**16, "limits", shape=(), bounds=NON_NEGATIVE, doc="The most spikes in one step."
        )
    )

    def __init__(
        self, shape: int | tuple[int, ...], tau_mem: Any = None, tau_syn: Any = None,
        bias: Any = None, w_rec: Any = None, has_rec: bool = False,
        weight_init_func: Callable[..., Any] | None = None, threshold: Any = None,
        noise_std: Any = 0.0, max_spikes_per_dt: Any = 2.0**16, dt: Any = 1e-3, rng_key: Any = None,
        spiking_input: bool = False, spiking_output: bool = True, *, t_ref: Any = None,
        solver: AbstractStepper | EventDriven | diffrax.AbstractSolver[Any] | None = None,
        surrogate: AbstractSurrogate | Callable[[Array], Array] | None = None, name: str = "",
    ):  # fmt: skip
        r"""**Arguments:**

        - `shape`: `N`, or `(N_in, N)` with `N_in = K*N` for `K` synapses on each neuron.
        - `tau_mem`: time constants of the membranes, s, `(N,)` or scalar. Default: 20e-3 each.
        - `tau_syn`: time constants of the synapses, s, `(N, K)`, `(1, K)` for all neurons, or
            scalar. Default: 20e-3 each.
        - `bias`: constant drive, `(N,)` or scalar. Default: 0 each.
        - `w_rec`: recurrent weights `(N, N_in)`, `w_rec[i, n*K + k]` from neuron `i` to synapse
            `k` of neuron `n`; an array or a sparse matrix, see [`eqpool.SparseWeights`][]. Default:
            drawn by `weight_init_func`.
        - `has_rec`: whether there are recurrent weights. Default `False`.
        - `weight_init_func`: `f(shape)` or `f(shape, key)`. Default: uniform in ± half of what
            [`eqpool.uniform_sqrt`][] draws, in units of the weight over which one spike brings on
            one, $\theta (e^{dt/\tau_{syn}} - 1)/\sqrt{K}$. Then activity does not feed on
            itself, and gradients stay finite. (Rockpool draws by [`eqpool.kaiming`][], weights
            that are 100 times as large.)
        - `threshold`: firing thresholds, `(N,)` or scalar. Default: 1 each.
        - `noise_std`: noise on the membrane, s^-1/2, scalar or `(N,)`. Default 0.
        - `max_spikes_per_dt`: the most spikes of a neuron in one step. Default 65536.
        - `dt`: time step, s. Default 1e-3.
        - `rng_key`: key or seed of weights and noise. Default: a fresh seed.
        - `spiking_input`, `spiking_output`: what other tools are told. Default `False`, `True`.
        - `t_ref`: refractory period, s, `(N,)` or scalar. Default: none, and no such parameter.
        - `solver`: `eqpool.RockpoolEuler()` (default), `eqpool.ForwardEuler()`, a diffrax solver,
            an [`eqpool.Diffrax`][], a solver of your own, or [`eqpool.EventDriven`][].
        - `surrogate`: an [`eqpool.AbstractSurrogate`][], or a function of the distance from
            threshold. Default: Rockpool's derivative, [`eqpool.physics.lif_spikes`][].
        - `name`: a name for messages. Default: none.

        Each parameter also takes an [`eqpool.Constant`][] or an [`eqpool.Parameter`][], which
        change its role in this instance.

        **Raises:** `ValueError` for a shape whose `N_in` is no multiple of `N`, for values of
        another shape, not finite or outside their bounds, and for `w_rec` without `has_rec`;
        `TypeError` for arguments of another kind.
        """
        shape = normalise_shape(shape, "LIFJax")
        synapses, rest = divmod(shape[0], shape[-1])
        if rest or not synapses:
            raise ValueError(
                "LIFJax: shape must be N or (K*N, N), the same number of synapses on each neuron; "
                f"got {shape}. Put an `eqpool.Linear` in front to change the number of channels."
            )
        build(
            self,
            shape,
            dict(
                tau_mem=tau_mem, tau_syn=tau_syn, bias=bias, threshold=threshold, w_rec=w_rec,
                noise_std=noise_std, max_spikes_per_dt=max_spikes_per_dt, dt=dt, t_ref=t_ref,
            ),
            has_rec=has_rec,
            weight_init_func=weight_init_func,
            rng_key=rng_key,
            solver=RockpoolEuler() if solver is None else solver,
            surrogate=None if surrogate is None else as_surrogate(surrogate),
            name=name,
            spiking_input=spiking_input,
            spiking_output=spiking_output,
            sizes={"K": synapses},
        )  # fmt: skip
        if has_rec and weight_init_func is None and is_drawn(w_rec):
            weights = stable_weights(self)
            self.w_rec, self.blueprint = weights, self.blueprint.starting_from({"w_rec": weights})

    def derivative(self, y: dict[str, Array], at: NestedDict) -> dict[str, Array]:
        drive = (at["isyn"].sum(1) + self.bias) / self.dt
        return {"vmem": drive - y["vmem"] / self.tau_mem}

    def arrive(self, s: dict[str, Array], spikes_in: Array) -> dict[str, Array]:
        return s | {"isyn": s["isyn"] + spikes_in.reshape(s["isyn"].shape)}

    def fire(self, s: dict[str, Array], spikes: Array) -> dict[str, Array]:
        return s | {"vmem": s["vmem"] - spikes * self.threshold}

    def rockpool_step(
        self, s: dict[str, Array], arriving: tuple[Array, Array | None], noise: Array | None
    ) -> tuple[dict[str, Array], Array]:
        # In Rockpool's order, which counts where spikes are a matter of the last digit.
        for some in arriving:
            s = s if some is None else self.arrive(s, some)
        isyn = s["isyn"] * physics.dpi_decay(self.dt, self.tau_syn)
        drive = self.bias if noise is None else self.bias + noise
        vmem = physics.dpi_decay(self.dt, self.tau_mem) * s["vmem"] + isyn.sum(1) + drive
        return s | {"isyn": isyn, "vmem": vmem}, (vmem - self.threshold) / self.threshold

    def count(self, u: Array, s: dict[str, Array]) -> Array:
        if self.surrogate is not None:
            return jnp.minimum(self.surrogate.spikes(u), self.max_spikes_per_dt)
        return physics.lif_spikes(s["vmem"], self.threshold, self.max_spikes_per_dt)

    def run(
        self, input_data: Float[Array, "T N_in"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """As of every neuron; with what arrives over `w_rec` on the record."""
        spikes, state, recorded = super().run(input_data, record)
        if record and not isinstance(self.solver, EventDriven):
            before = jnp.concatenate([self.spikes[None], spikes])[:-1]
            irec = all_arriving(before, as_weights(self.w_rec), input_data.shape[1:])
            recorded["irec"] = irec.reshape(-1, *self.isyn.shape)
        return spikes, state, recorded


LIF = LIFJax
