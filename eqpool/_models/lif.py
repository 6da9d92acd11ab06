"""`LIFJax`: a layer of leaky integrate-and-fire neurons."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import physics
from .._attribute import (
    Blueprint,
    field,
    Full,
    NON_NEGATIVE,
    Parameter,
    POSITIVE,
    SimulationParameter,
    State,
    uniform_sqrt,
    USUAL_STEP,
    USUAL_TIME,
)
from .._events import Events
from .._module import AbstractModule, initialise, normalise_shape, RANDOM, run_on_grid
from .._random import as_key, random_key
from .._scan import scan_steps
from .._sparse import as_factor, SparseWeights
from .._types import Key, NestedDict, PerNeuron
from ..graph import LIFNeurons, Wiring
from .noise import add_noise
from .stable_weights import is_drawn, stable_weights


PerSynapse: TypeAlias = Float[Array, ""] | Float[Array, "#N K"]


class LIFJax(AbstractModule):
    r"""Leaky integrate-and-fire neurons with exponential synapses and subtractive reset.

    In each step, with $\alpha = e^{-dt/\tau_{mem}}$ and $\beta = e^{-dt/\tau_{syn}}$,

    $$ I_{syn} \leftarrow \beta\,(I_{syn} + S_{in} + S\,W_{rec}), \qquad
       V \leftarrow \alpha V + \sum_k I_{syn,k} + b + \eta $$

    $$ S = \lfloor V/\theta\rfloor \text{ where } V \ge \theta \text{, else } 0, \qquad
       V \leftarrow V - S\,\theta $$

    Each of the `N` neurons has `K = N_in/N` synapses; input channel `n*K + k` leads to synapse
    `k` of neuron `n`. The output is the number of spikes in each step, `(T, N)`. The noise $\eta$
    is normal with standard deviation `noise_std*sqrt(dt)`. The derivative of a spike is
    that of [`eqpool.physics.lif_spikes`][].

    With `record=True` the record holds, after each step, `vmem` and `spikes`, `(T, N)`, and `isyn`
    and `irec` (the recurrent input $S\,W_{rec}$ of the step), `(T, N, K)`.

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

    blueprint: Blueprint
    w_rec: Float[Array, "N N_in"] | SparseWeights | None = field(
        Parameter(
            family="weights",
            shape=("N", "N_in"),
            permit_reshape=False,
            init_func=uniform_sqrt,
            sparse=True,
            doc="Recurrent weight from neuron to synapse; only with `has_rec=True`.",
        )
    )
    tau_mem: PerNeuron = field(
        Parameter(
            family="taus",
            shape=[("N",), ()],
            init_func=Full(20e-3),
            unit="s",
            bounds=POSITIVE,
            usual=USUAL_TIME,
            doc="Time constant of the membrane.",
        )
    )
    tau_syn: PerSynapse = field(
        Parameter(
            family="taus",
            shape=[("N", "K"), (1, "K"), ()],
            init_func=Full(20e-3),
            unit="s",
            bounds=POSITIVE,
            usual=USUAL_TIME,
            doc="Time constants of the synapses.",
        )
    )
    bias: PerNeuron = field(
        Parameter(
            family="biases",
            shape=[("N",), ()],
            init_func=Full(0.0),
            doc="Added to the membrane potential in each step.",
        )
    )
    threshold: PerNeuron = field(
        Parameter(
            family="thresholds",
            shape=[("N",), ()],
            init_func=Full(1.0),
            bounds=POSITIVE,
            doc="Firing threshold, and what a spike takes from the membrane potential.",
        )
    )
    vmem: Float[Array, " N"] = field(
        State(
            family="states",
            shape=("N",),
            init_func=Full(0.0),
            doc="Membrane potential after the reset.",
        )
    )
    isyn: Float[Array, "N K"] = field(
        State(family="states", shape=("N", "K"), init_func=Full(0.0), doc="Synaptic currents.")
    )
    spikes: Float[Array, " N"] = field(
        State(family="states", shape=("N",), init_func=Full(0.0), doc="Spikes of the last step.")
    )
    rng_key: Key = field(
        State(
            family=RANDOM,
            shape=(2,),
            init_func=random_key,
            cast_fn=as_key,
            doc="Key of the noise.",
        )
    )
    noise_std: PerNeuron = field(
        SimulationParameter(
            family="noise",
            shape=[(), ("N",)],
            init_func=Full(0.0),
            unit="s^-1/2",
            bounds=NON_NEGATIVE,
            doc="Noise on the membrane: standard deviation `noise_std*sqrt(dt)` in each step.",
        )
    )
    max_spikes_per_dt: Float[Array, ""] = field(
        SimulationParameter(
            2.0**16,
            family="limits",
            shape=(),
            bounds=NON_NEGATIVE,
            doc="The most spikes of a neuron in one step.",
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

    def __init__(
        self,
        shape: int | tuple[int, ...],
        tau_mem: Any = None,
        tau_syn: Any = None,
        bias: Any = None,
        w_rec: Any = None,
        has_rec: bool = False,
        weight_init_func: Callable[..., Any] | None = None,
        threshold: Any = None,
        noise_std: Any = 0.0,
        max_spikes_per_dt: Any = 2.0**16,
        dt: Any = 1e-3,
        rng_key: Any = None,
        spiking_input: bool = False,
        spiking_output: bool = True,
        *,
        name: str = "",
    ):
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
        if w_rec is not None and not has_rec:
            raise ValueError("LIFJax: w_rec was given, but has_rec is False; pass has_rec=True.")
        initialise(
            self,
            shape,
            {
                "w_rec": w_rec if w_rec is not None else Parameter(init_func=weight_init_func),
                "tau_mem": tau_mem,
                "tau_syn": tau_syn,
                "bias": bias,
                "threshold": threshold,
                "noise_std": noise_std,
                "max_spikes_per_dt": max_spikes_per_dt,
                "dt": dt,
            },
            name=name,
            rng_key=rng_key,
            absent=() if has_rec else ("w_rec",),
            sizes={"K": synapses},
            spiking_input=spiking_input,
            spiking_output=spiking_output,
        )
        if has_rec and weight_init_func is None and is_drawn(w_rec):
            weights = stable_weights(self)
            self.w_rec, self.blueprint = weights, self.blueprint.starting_from({"w_rec": weights})

    def run(
        self, input_data: Float[Array, "T N_in"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """A scan over the time grid."""
        steps, (n, k) = input_data.shape[0], self.isyn.shape
        alpha = physics.dpi_decay(self.dt, self.tau_mem)
        beta = physics.dpi_decay(self.dt, self.tau_syn)
        arriving = input_data.reshape(steps, n, k)
        bias = jnp.broadcast_to(self.bias, (steps, n))
        drive, rng_key = add_noise(bias, self.noise_std, self.dt, self.rng_key)
        w_rec = None if self.w_rec is None else as_factor(self.w_rec)

        def step(state: Any, inputs: Any) -> Any:
            vmem, isyn, spikes = state
            arriving, drive = inputs
            irec = jnp.zeros_like(isyn)
            if w_rec is not None:
                irec = (spikes @ w_rec).reshape(n, k)
            isyn = beta * (isyn + arriving + irec)
            vmem = alpha * vmem + isyn.sum(1) + drive
            spikes = physics.lif_spikes(vmem, self.threshold, self.max_spikes_per_dt)
            vmem = vmem - spikes * self.threshold
            recorded = dict(vmem=vmem, isyn=isyn, irec=irec, spikes=spikes) if record else {}
            return (vmem, isyn, spikes), (spikes, recorded)

        start = (self.vmem, self.isyn, self.spikes)
        (vmem, isyn, last), (spikes, recorded) = scan_steps(step, start, (arriving, drive))
        return spikes, dict(vmem=vmem, isyn=isyn, spikes=last, rng_key=rng_key), recorded

    def run_events(
        self, events: Events, duration: Float[Array, ""] | None, num_steps: int | None
    ) -> tuple[Events, NestedDict]:
        """Over the time grid."""
        del duration
        return run_on_grid(self, events, num_steps)

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """Neurons, and weights back to them."""
        node = LIFNeurons(
            self.shape, self.tau_mem, self.tau_syn, self.bias, self.threshold, self.noise_std,
            self.max_spikes_per_dt, self.dt,
        )  # fmt: skip
        neurons = wiring.add(name, node, sources)
        wiring.add_recurrent(f"{name}.w_rec", self.w_rec, neurons)
        return neurons


LIF = LIFJax
