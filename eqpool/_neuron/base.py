"""`AbstractNeuron`: a spiking neuron as one declaration."""

import abc
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import diffrax
import jax.numpy as jnp
from equinox import AbstractClassVar
from jaxtyping import Array, Float

from .._attribute import Blueprint
from .._events import Events
from .._module import AbstractModule, run_on_grid, square_shape
from .._solver import AbstractStepper, EventDriven
from .._sparse import SparseWeights
from .._surrogate import AbstractSurrogate
from .._types import Key, NestedDict, PerNeuron
from ..graph import Wiring
from .build import build, one_spike
from .check import check_declaration, check_model, check_start
from .events import run_between_events, run_exactly
from .fields import (
    noise_deviation,
    noise_key,
    recurrent_weights,
    refractory_period,
    state,
    time_step,
)
from .graph import as_node
from .grid import run_steps


States = dict[str, Array]
"""States of a layer by name."""


class AbstractNeuron(AbstractModule):
    r"""A layer of spiking neurons, declared in one place.

    A model says what its parameters and states are, how its states change over time, what
    arriving spikes do, where it spikes and what a spike does. Everything else follows: Euler,
    every solver of diffrax and [`eqpool.EventDriven`][] with exact derivatives of spike times;
    surrogate gradients, with that wrt `w_rec` as one product; noise, a refractory period, dense and
    sparse recurrence, batches, events, graphs, files.

    !!! example

        ```python
        class Leaky(eqpool.AbstractNeuron):
            "tau_mem dV/dt = isyn - V"

            integrated = ("vmem",)
            decaying = {"isyn": "tau_syn"}
            spiking = ("vmem", "threshold")

            tau_mem: Array = eqpool.parameter(20e-3, "taus", "s")
            tau_syn: Array = eqpool.parameter(5e-3, "taus", "s")
            threshold: Array = eqpool.parameter(1.0, "thresholds")
            vmem: Array = eqpool.state(0.0)
            isyn: Array = eqpool.state(0.0)

            def derivative(self, y, at):
                return {"vmem": (at["isyn"] - y["vmem"]) / self.tau_mem}

            def arrive(self, s, spikes_in):
                return s | {"isyn": s["isyn"] + spikes_in}

            def fire(self, s, spikes):
                return s | {"vmem": jnp.where(spikes > 0, 0.0, s["vmem"])}


        mod = Leaky((5, 5), tau_mem=10e-3, has_rec=True, solver=diffrax.Heun(), rng_key=0)
        spikes, state, record = mod(jnp.ones((100, 5)), record=True)
        ```

    **Attributes:**

    - `integrated`: names of the states that a solver integrates.
    - `decaying`: names of the states that decay exponentially, each with the name of its time
        constant. Between spikes they are computed in closed form. Default: none.
    - `spiking`: name of the state that meets a threshold, and name of that parameter; as a third
        entry, the unit of a surrogate's distance: a parameter or a number. Default of that: 1.
    - `resets`: whether a spike takes the membrane below threshold. If not, a spike is an upward
        crossing. Default `True`.
    - `node`: the class of `eqpool.graph` that describes the model. Default: a general one.
    - `later_fields`: values of fields that files of earlier versions lack.
    """

    integrated: AbstractClassVar[tuple[str, ...]]
    decaying: ClassVar[Mapping[str, str]] = {}
    spiking: AbstractClassVar[tuple[Any, ...]]
    resets: ClassVar[bool] = True
    node: ClassVar[type | None] = None
    later_fields: ClassVar[Mapping[str, Any]] = dict.fromkeys(
        ("t_ref", "timer_ref", "noise_std", "rng_key")
    )

    blueprint: Blueprint
    solver: AbstractStepper | EventDriven
    surrogate: AbstractSurrogate | None
    w_rec: Float[Array, "N N_in"] | SparseWeights | None = recurrent_weights()
    t_ref: PerNeuron | None = refractory_period()
    noise_std: PerNeuron | None = noise_deviation(
        "White noise on the membrane: of variance `noise_std**2` per second; if given."
    )
    dt: Float[Array, ""] = time_step()
    spikes: Float[Array, " N"] = state(0.0, "", "Spikes of the last step.")
    timer_ref: Float[Array, " N"] | None = state(0.0, "s", "What is left of the refractory period.")
    rng_key: Key | None = noise_key()

    # What a model says

    @abc.abstractmethod
    def derivative(self, y: States, at: NestedDict) -> States:
        """d/dt of each integrated state, per second.

        **Arguments:**

        - `y`: the integrated states, in their coordinates.
        - `at`: all other states at that moment, decaying ones decayed; `constants`; `"active"`,
            which neurons are not refractory, or `None` without a refractory period (the membrane
            of the others is held by itself); and `"exact"`, whether for `EventDriven`.
        """

    @abc.abstractmethod
    def arrive(self, s: States, spikes_in: Float[Array, " N_in"]) -> States:
        """The states after input and recurrent spikes have arrived.

        **Arguments:**

        - `s`: all states.
        - `spikes_in`: weighted, one number for each input channel.
        """

    @abc.abstractmethod
    def fire(self, s: States, spikes: Float[Array, " N"]) -> States:
        """The states after spikes.

        A reset by `jnp.where(spikes > 0, ...)` hands no surrogate derivative on; arithmetic with
        `spikes` does.

        **Arguments:**

        - `s`: all states before.
        - `spikes`: how many of each neuron.
        """

    # What a model may say besides

    def constants(self) -> NestedDict:
        """What the equations need of the parameters alone, by name: part of `at`. Default: nothing.

        It is computed once for each run, and not in every step and its derivative.
        """
        return {}

    def coordinates(self, s: States, at: NestedDict) -> States:
        """The integrated states as solvers integrate them. Default: as they are.

        **Arguments:**

        - `s`: the integrated states, and perhaps more.
        - `at`: `constants`; and `"exact"`, whether for `EventDriven`, whose derivatives want a
            membrane that stays smooth where it goes to infinity.
        """
        del at
        return {name: s[name] for name in self.integrated}

    def from_coordinates(self, y: States, at: NestedDict) -> States:
        """The inverse of `coordinates`."""
        del at
        return y

    def distance(self, y: States, at: NestedDict) -> Float[Array, " N"]:
        """Distance from threshold without unit: there is a spike where it reaches 0.

        Default: as `spiking` says. Arguments as of `derivative`.
        """
        del at
        name, threshold, *unit = self.spiking
        width = unit[0] if unit else 1.0
        width = getattr(self, width) if isinstance(width, str) else width
        return (y[name] - getattr(self, threshold)) / width

    def count(self, u: Float[Array, " N"], s: States) -> Float[Array, " N"]:
        """How many spikes each neuron fires in a step of a grid. Default: one, by the surrogate.

        **Arguments:**

        - `u`: `distance` at its end.
        - `s`: all states then.
        """
        del s
        assert self.surrogate is not None
        return self.surrogate.spikes(u)

    def rockpool_step(
        self, s: States, arriving: tuple[Array, Array | None], noise: Float[Array, " N"] | None
    ) -> tuple[States, Float[Array, " N"]] | None:
        """All states, and `distance`, after a step of [`eqpool.RockpoolEuler`][].

        Default: `None`, for the same as with [`eqpool.ForwardEuler`][].

        **Arguments:**

        - `s`: all states, before spikes have arrived.
        - `arriving`: what input brings and what recurrent spikes bring, or `None` without
            recurrence. Only their sum may count, in whatever order it is taken.
        - `noise`: what noise adds to the membrane in this step, or `None`.
        """
        del s, arriving, noise
        return None

    def starting(self) -> States:
        """Where states start, if not where their declarations say, by name. Default: none."""
        return {}

    def first_step(self) -> Float[Array, ""]:
        """How long a step `EventDriven` tries first, s. Default: a tenth of `dt`."""
        return 0.1 * self.dt

    def longest_step(self, y: States, at: NestedDict) -> Float[Array, ""]:
        """How long a step of `EventDriven` may be, s. Default: as its tolerance says.

        Arguments as of `derivative`.
        """
        del y, at
        return jnp.full_like(self.dt, jnp.inf)

    # What follows

    def __init__(
        self,
        shape: int | tuple[int, ...],
        w_rec: Any = None,
        has_rec: bool = False,
        weight_init_func: Callable[..., Any] | None = None,
        t_ref: Any = None,
        noise_std: Any = None,
        dt: Any = 1e-3,
        rng_key: Any = None,
        spiking_input: bool = False,
        spiking_output: bool = True,
        *,
        solver: AbstractStepper | EventDriven | diffrax.AbstractSolver[Any] | None = None,
        surrogate: AbstractSurrogate | Callable[[Array], Array] | None = None,
        name: str = "",
        **parameters: Any,
    ):
        """**Arguments:**

        - `shape`: `N` or `(N, N)`.
        - `w_rec`: recurrent weights `(N, N)`, `w_rec[i, j]` from neuron `i` to neuron `j`; an
            array or a sparse matrix, see [`eqpool.SparseWeights`][]. Default: drawn by
            `weight_init_func`.
        - `has_rec`: whether there are recurrent weights. Default `False`.
        - `weight_init_func`: `f(shape)` or `f(shape, key)`. Default: [`eqpool.kaiming`][].
        - `t_ref`: refractory period, s, `(N,)` or scalar, during which there is no spike, and the
            membrane stays where a reset has left it. Default: none, and no such parameter.
        - `noise_std`: white noise on the membrane, in its unit per square root of a second, scalar
            or `(N,)`: drawn once for each step and held over it; only on a time grid. Default:
            none.
        - `dt`: time step, s. Default 1e-3.
        - `rng_key`: key or seed of weights and noise. Default: a fresh seed.
        - `spiking_input`, `spiking_output`: what other tools are told. Default `False`, `True`.
        - `solver`: `eqpool.ForwardEuler()` (default), a diffrax solver such as
            `diffrax.Heun()`, an [`eqpool.Diffrax`][] with substeps or a controller, a solver of
            your own, or [`eqpool.EventDriven`][].
        - `surrogate`: an [`eqpool.AbstractSurrogate`][], or a function of the distance from
            threshold; there is one spike at most, whatever its `max_spikes_per_dt`. Default:
            [`eqpool.FastSigmoid`][].
        - `name`: a name for messages. Default: none.
        - `**parameters`: those in the table of fields, by name. Each also takes an
            [`eqpool.Constant`][] or an [`eqpool.Parameter`][], which change its role in this
            instance.

        **Raises:** `ValueError` for a shape that is not square, for values of another shape, not
        finite or outside their bounds, and for `w_rec` without `has_rec`; `TypeError` for unknown
        parameters, for arguments of another kind, and for a class that contradicts itself.
        """
        build(
            self,
            square_shape(shape, type(self).__name__),
            parameters | dict(w_rec=w_rec, t_ref=t_ref, noise_std=noise_std, dt=dt),
            has_rec=has_rec,
            weight_init_func=weight_init_func,
            rng_key=rng_key,
            solver=solver,
            surrogate=one_spike(surrogate, type(self).__name__),
            name=name,
            spiking_input=spiking_input,
            spiking_output=spiking_output,
        )

    def __check_init__(self) -> None:
        check_declaration(type(self))
        check_start(self)

    def run(
        self, input_data: Float[Array, "T N_in"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """A scan over the time grid, or a run from event to event."""
        check_model(self)
        how = run_exactly if isinstance(self.solver, EventDriven) else run_steps
        return how(self, input_data, record)

    def run_events(
        self, events: Events, duration: Float[Array, ""] | None, num_steps: int | None
    ) -> tuple[Events, NestedDict]:
        """Exact with `EventDriven`, else over the time grid."""
        if not isinstance(self.solver, EventDriven):
            return run_on_grid(self, events, num_steps)
        check_model(self)
        if duration is None:
            assert num_steps is not None
            duration = self.dt * num_steps
        return run_between_events(self, events, duration)

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """Neurons, and weights back to them."""
        neurons = wiring.add(name, as_node(self), sources)
        wiring.add_recurrent(f"{name}.w_rec", self.w_rec, neurons)
        return neurons
