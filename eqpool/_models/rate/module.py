"""`RateJax`: a layer of rate neurons."""

from collections.abc import Callable
from typing import Any

import diffrax
from jaxtyping import Array, Float

from ... import physics
from ..._attribute import (
    Blueprint,
    field,
    Full,
    Function,
    NON_NEGATIVE,
    Parameter,
    POSITIVE,
    SimulationParameter,
    State,
    unit_eigs,
    USUAL_SLOW_TIME,
)
from ..._errors import listing, suggestion
from ..._module import AbstractModule, initialise, square_shape
from ..._neuron.fields import noise_key, time_step
from ..._neuron.recurrent import as_weights
from ..._solver import AbstractStepper, as_stepper
from ..._sparse import SparseWeights
from ..._types import Activation, Key, NestedDict, PerNeuron
from ...graph import RateNeurons, Wiring
from .simulate import grid_of, RateField, recurrent_input, simulate


ACTIVATIONS: dict[str, Activation] = {
    "relu": physics.relu,
    "lrelu": physics.leaky_relu,
    "leaky_relu": physics.leaky_relu,
    "tanh": physics.tanh,
    "sigmoid": physics.sigmoid,
}


class RateJax(AbstractModule):
    r"""Rate neurons: leaky integrators with an activation function and recurrent weights.

    $$ \tau\,\dot x = -x + u + b + \eta + r\,W_{rec}, \qquad r = H(x, \theta) $$

    The input $u$ is held constant over each time step. The output is $r$ after the step.
    With [`eqpool.ForwardEuler`][], the default, a step is
    $x \leftarrow x + \frac{dt}{\tau}(-x + u + b + \eta + r W_{rec})$.

    The noise $\eta$ is drawn once for each neuron and step, normal with standard deviation
    `noise_std*sqrt(dt)`, and held like the input, whichever solver is used.

    With `record=True` the record holds `x`, the state after each step, and `rec_input`,
    $r W_{rec}$ at the start of each step; both `(T, N)`.

    !!! example

        ```python
        mod = eqpool.RateJax((5, 5), has_rec=True, activation_func="tanh", rng_key=0)
        output, state, record = mod(jnp.ones((100, 5)), record=True)
        mod = mod.set_attributes(state)  # goes on from here
        ```

    ??? cite

        Wilson and Cowan 1972,
        [doi:10.1016/S0006-3495(72)86068-5](https://doi.org/10.1016/S0006-3495(72)86068-5);
        the discretisation and the names are Rockpool's,
        [doi:10.5281/zenodo.3773845](https://doi.org/10.5281/zenodo.3773845).
    """

    blueprint: Blueprint
    activation_func: Function
    solver: AbstractStepper
    w_rec: Float[Array, "N N"] | SparseWeights | None = field(
        Parameter(
            family="weights",
            shape=("N", "N"),
            permit_reshape=False,
            init_func=unit_eigs,
            sparse=True,
            doc="Recurrent weight from neuron i to neuron j; only with `has_rec=True`.",
        )
    )
    tau: PerNeuron = field(
        Parameter(
            family="taus",
            shape=[("N",), ()],
            init_func=Full(20e-3),
            unit="s",
            bounds=POSITIVE,
            usual=USUAL_SLOW_TIME,
            doc="Time constant.",
        )
    )
    bias: PerNeuron = field(
        Parameter(
            family="biases",
            shape=[("N",), ()],
            init_func=Full(0.0),
            doc="Constant drive.",
        )
    )
    threshold: PerNeuron = field(
        Parameter(
            family="thresholds",
            shape=[("N",), ()],
            init_func=Full(0.0),
            doc="Threshold of the activation function.",
        )
    )
    x: Float[Array, " N"] = field(
        State(family="states", shape=("N",), init_func=Full(0.0), doc="State of each neuron.")
    )
    rng_key: Key = noise_key()
    noise_std: PerNeuron = field(
        SimulationParameter(
            family="noise",
            shape=[(), ("N",)],
            init_func=Full(0.0),
            unit="s^-1/2",
            bounds=NON_NEGATIVE,
            doc="Noise added to the input: standard deviation `noise_std*sqrt(dt)` in each step.",
        )
    )
    dt: Float[Array, ""] = time_step()

    def __init__(
        self,
        shape: int | tuple[int, ...],
        tau: Any = None,
        bias: Any = None,
        threshold: Any = None,
        w_rec: Any = None,
        weight_init_func: Callable[..., Any] = unit_eigs,
        has_rec: bool = False,
        activation_func: str | Activation = "ReLU",
        noise_std: Any = 0.0,
        dt: Any = 1e-3,
        rng_key: Any = None,
        *,
        solver: AbstractStepper | diffrax.AbstractSolver[Any] | None = None,
        name: str = "",
    ):
        """**Arguments:**

        - `shape`: `N` or `(N, N)`.
        - `tau`: time constants, s: `(N,)`, or a scalar that all neurons share. Default:
            20e-3 for each neuron.
        - `bias`: constant drive, `(N,)` or scalar. Default: 0 for each neuron.
        - `threshold`: of the activation function, `(N,)` or scalar. Default: 0 for each neuron.
        - `w_rec`: recurrent weights `(N, N)`, `w_rec[i, j]` from neuron `i` to neuron `j`; an
            array or a sparse matrix, see [`eqpool.SparseWeights`][]. Default: drawn by
            `weight_init_func`.
        - `weight_init_func`: `f(shape)` or `f(shape, key)`. Default: [`eqpool.unit_eigs`][].
        - `has_rec`: whether there are recurrent weights. Default `False`.
        - `activation_func`: `"ReLU"` (default), `"tanh"`, `"sigmoid"`, `"leaky_relu"`, or any
            function `H(x, threshold)`.
        - `noise_std`: noise on the input, s^-1/2, scalar or `(N,)`. Default 0.
        - `dt`: time step, s. Default 1e-3.
        - `rng_key`: key or seed of weights and noise. Default: a fresh seed.
        - `solver`: `eqpool.ForwardEuler()` (default), a diffrax solver such as
            `diffrax.Heun()`, or an [`eqpool.Diffrax`][] with substeps or a controller.
        - `name`: a name for messages. Default: none.

        Each of `tau`, `bias`, `threshold`, `w_rec`, `noise_std` and `dt` also takes a
        [`eqpool.Constant`][] or a [`eqpool.Parameter`][], which change its role in this
        instance.

        **Raises:** `ValueError` for a shape that is not square, for values of another shape,
        not finite or outside their bounds (`tau > 0`, `dt > 0`, `noise_std >= 0`), for `w_rec`
        without `has_rec`, and for an unknown activation; `TypeError` for arguments of
        another kind.
        """
        shape = square_shape(shape, "RateJax")
        if w_rec is not None and not has_rec:
            raise ValueError("RateJax: w_rec was given, but has_rec is False; pass has_rec=True.")
        self.activation_func = Function(_activation(activation_func), "RateJax.activation_func")
        self.solver = as_stepper(solver)
        initialise(
            self,
            shape,
            {
                "w_rec": Parameter(init_func=weight_init_func) if w_rec is None else w_rec,
                "tau": tau,
                "bias": bias,
                "threshold": threshold,
                "noise_std": noise_std,
                "dt": dt,
            },
            name=name,
            rng_key=rng_key,
            absent=() if has_rec else ("w_rec",),
        )

    def vector_field(
        self, t: Float[Array, ""], x: Float[Array, " N"], drive: Float[Array, " N"]
    ) -> Float[Array, " N"]:
        """`dx/dt` in 1/s, as diffrax takes it.

        **Arguments:**

        - `t`: time, s; not used.
        - `x`: state, `(N,)`.
        - `drive`: input, bias and noise of this step, `(N,)`.
        """
        return RateField(grid_of(self), as_weights(self.w_rec))(t, x, drive)

    def recurrent_input(self, x: Float[Array, " N"]) -> Float[Array, " N"]:
        """`H(x, threshold) @ w_rec`, or zeros in a feed-forward layer."""
        return recurrent_input(grid_of(self).emitted(x), as_weights(self.w_rec))

    def run(
        self, input_data: Float[Array, "T N"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """A scan over the time grid."""
        return simulate(self, input_data, record)

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """Neurons, and weights back to them."""
        node = RateNeurons(
            self.shape, self.tau, self.bias, self.threshold, self.activation_func.unwrapped,
            self.noise_std, self.dt, self.solver,
        )  # fmt: skip
        neurons = wiring.add(name, node, sources)
        wiring.add_recurrent(f"{name}.w_rec", self.w_rec, neurons)
        return neurons


Rate = RateJax
RateEulerJax = RateJax


def _activation(function: str | Activation) -> Activation:
    if not isinstance(function, str):
        return function
    try:
        return ACTIVATIONS[function.lower()]
    except KeyError:
        names = ["ReLU", "leaky_relu", "tanh", "sigmoid"]
        raise ValueError(
            f"RateJax: activation_func {function!r} does not exist.{suggestion(function, names)} "
            f"Give one of {listing(names)}, or a function H(x, threshold)."
        ) from None
