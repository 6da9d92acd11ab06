"""`AbstractRateNeuron`: a neuron that emits rates, as one declaration."""

import abc
from collections.abc import Callable
from typing import Any

import diffrax
from jaxtyping import Array, Float

from .._attribute import unit_eigs
from .._module import square_shape
from .._solver import AbstractStepper
from .._sparse import SparseWeights
from .._types import Key, NestedDict, PerNeuron
from .build import build
from .check import check_declaration, check_start
from .fields import input_noise, noise_key, recurrent_weights, time_step
from .layer import AbstractLayer, States
from .rate_check import check_rates, undriven_slopes
from .rate_grid import run_rates
from .recurrent import AbstractKernel, Weights


class AbstractRateNeuron(AbstractLayer):
    r"""A layer of neurons that emit rates, declared in one place.

    A model says what its parameters and states are, how its states change over time, and which
    rates they emit. Everything else follows: Euler and every solver of diffrax; noise; dense and
    sparse recurrence, with the gradient wrt `w_rec` as one product by Euler; batches, graphs,
    files. For neurons that spike, see [`eqpool.AbstractNeuron`][].

    !!! example

        ```python
        class Adapting(eqpool.AbstractRateNeuron):
            "tau dx/dt = drive - x - a, tau_a da/dt = x - a, rate tanh(x)"

            integrated = ("x", "a")

            tau: Array = eqpool.parameter(20e-3, "taus", "s")
            tau_a: Array = eqpool.parameter(0.2, "taus", "s")
            x: Array = eqpool.state(0.0)
            a: Array = eqpool.state(0.0)

            def derivative(self, y, at):
                x, a = y["x"], y["a"]
                return {"x": (at["drive"] - x - a) / self.tau, "a": (x - a) / self.tau_a}

            def activation(self, s):
                return jnp.tanh(s["x"])


        mod = Adapting((5, 5), tau=10e-3, has_rec=True, solver=diffrax.Heun(), rng_key=0)
        rates, state, record = mod(jnp.ones((100, 5)), record=True)
        ```

    The output is the rates after each step, `(T, N)`; with `record=True` the record holds each
    state after each step.

    **Attributes:**

    - `integrated`: names of the states that a solver integrates; there may be none.
    - `decaying`: names of the states that decay exponentially, each with the name of its time
        constant. They are computed in closed form. Default: none.
    - `node`: the class of `eqpool.graph` that describes the model. Default: a general one.
    """

    solver: AbstractStepper
    w_rec: Float[Array, "N N"] | SparseWeights | None = recurrent_weights(unit_eigs)
    noise_std: PerNeuron | None = input_noise()
    dt: Float[Array, ""] = time_step()
    rng_key: Key | None = noise_key()

    # What a model says

    @abc.abstractmethod
    def activation(self, s: States) -> Float[Array, " N"]:
        """The rates that neurons in these states emit.

        **Arguments:**

        - `s`: all states.
        """

    # What a model may say besides

    def derivative(self, y: States, at: NestedDict) -> States:
        """d/dt of each integrated state, per second. Default: of none.

        **Arguments:**

        - `y`: the integrated states.
        - `at`: all other states at that moment, decaying ones decayed; and `"drive"`, what reaches
            each neuron, `(N,)`: input and noise, held over a step, and recurrent rates. Those
            are the rates of that moment, in every stage of a solver.
        """
        del y, at
        return {}

    def arrive(self, s: States, drive: Float[Array, " N"]) -> States:
        """The states after they jumped with what reaches them in a step. Default: as they are.

        **Arguments:**

        - `s`: all states.
        - `drive`: input, noise, and recurrent rates at the start of the step.
        """
        del drive
        return s

    def kernel(self, grid: Any, weights: Weights, drive: Array) -> AbstractKernel | str:
        """What computes a run by Euler faster than a scan, or why nothing does.

        Default: nothing; only `RateJax` has a kernel.
        """
        del grid, weights, drive
        return "of neurons that emit rates only RateJax has a kernel"

    # What follows

    def __init__(
        self,
        shape: int | tuple[int, ...],
        w_rec: Any = None,
        has_rec: bool = False,
        weight_init_func: Callable[..., Any] | None = None,
        noise_std: Any = None,
        dt: Any = 1e-3,
        rng_key: Any = None,
        spiking_input: bool = False,
        spiking_output: bool = False,
        *,
        solver: AbstractStepper | diffrax.AbstractSolver[Any] | None = None,
        name: str = "",
        **parameters: Any,
    ):
        """**Arguments:**

        - `shape`: `N` or `(N, N)`.
        - `w_rec`: recurrent weights `(N, N)`, `w_rec[i, j]` from neuron `i` to neuron `j`; an
            array or a sparse matrix, see [`eqpool.SparseWeights`][]. Default: drawn by
            `weight_init_func`.
        - `has_rec`: whether there are recurrent weights. Default `False`.
        - `weight_init_func`: `f(shape)` or `f(shape, key)`. Default: [`eqpool.unit_eigs`][].
        - `noise_std`: white noise on the input, scalar or `(N,)`: drawn once for each step, with
            standard deviation `noise_std*sqrt(dt)`, and held over it. Default: none.
        - `dt`: time step, s. Default 1e-3.
        - `rng_key`: key or seed of weights and noise. Default: a fresh seed.
        - `spiking_input`, `spiking_output`: what other tools are told. Default `False`.
        - `solver`: `eqpool.ForwardEuler()` (default), a diffrax solver such as
            `diffrax.Heun()`, an [`eqpool.Diffrax`][] with substeps or a controller, or a solver
            of your own.
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
            parameters | dict(w_rec=w_rec, noise_std=noise_std, dt=dt),
            has_rec=has_rec,
            weight_init_func=weight_init_func,
            rng_key=rng_key,
            solver=solver,
            name=name,
            spiking_input=spiking_input,
            spiking_output=spiking_output,
        )

    def __check_init__(self) -> None:
        check_declaration(type(self))
        check_start(self, check_rates, undriven_slopes)

    def run(
        self, input_data: Float[Array, "T N"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """A scan over the time grid."""
        return run_rates(self, input_data, record)
