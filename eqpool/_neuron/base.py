"""`AbstractNeuron`: a spiking neuron as one declaration."""

from collections.abc import Callable
from typing import Any

import diffrax
from jaxtyping import Array, Float

from .._events import Events
from .._explain import tell
from .._module import run_on_grid, square_shape
from .._solver import AbstractStepper, EventDriven
from .._surrogate import AbstractSurrogate
from .._types import NestedDict
from .build import build, one_spike
from .check import check_declaration, check_model, check_start, slopes
from .declaration import AbstractDeclaration
from .events import run_between_events, run_exactly
from .grid import run_steps


class AbstractNeuron(AbstractDeclaration):
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
    - `floors`: integrated states that never fall below a parameter, each with its name. They start
        there at least, and `EventDriven` puts them back; on a grid `from_coordinates` does.
        Default: none.
    - `units`: what a number of 1 means in a run, by unit, as `{"A": 1e-12}`: where squares of SI
        units leave the range of float32. Best a power of two, which rounds nothing. Methods are
        called in these units. Default: SI.
    - `holds`: whether the membrane of a refractory neuron stays where it is, and does not spike. If
        not, `derivative` does with `at["active"]` what it likes. Default `True`.
    - `resets`: whether a spike takes the membrane below threshold. If not, a spike is an upward
        crossing. Default `True`.
    - `node`: the class of `eqpool.graph` that describes the model. Default: a general one.
    - `later_fields`: values of fields that files of earlier versions lack.
    """

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
        check_start(self, check_model, slopes)

    def run(
        self, input_data: Float[Array, "T N_in"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """A scan over the time grid, or a run from event to event."""
        check_model(self)
        if not isinstance(self.solver, EventDriven):
            return run_steps(self, input_data, record)
        tell(False, "from event to event, not on a grid.")
        return run_exactly(self, input_data, record)

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
