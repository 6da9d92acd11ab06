"""`RateJax`: a layer of rate neurons."""

from collections.abc import Callable
from typing import Any, ClassVar

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import physics
from .._attribute import Blueprint, Function, unit_eigs, USUAL_SLOW_TIME
from .._errors import listing, suggestion
from .._kernels.rate import kernel_of
from .._neuron import (
    AbstractRateNeuron,
    parameter,
    recurrent_weights,
    state,
    time_constant,
)
from .._neuron.recurrent import AbstractKernel, all_arriving, as_weights, Weights
from .._solver import AbstractStepper
from .._sparse import SparseWeights
from .._types import Activation, NestedDict, PerNeuron
from ..graph import RateNeurons
from .in_range import in_range


ACTIVATIONS: dict[str, Activation] = {
    "relu": physics.relu,
    "lrelu": physics.leaky_relu,
    "leaky_relu": physics.leaky_relu,
    "tanh": physics.tanh,
    "sigmoid": physics.sigmoid,
}


class RateJax(AbstractRateNeuron):
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

    integrated: ClassVar[Any] = ("x",)
    node: ClassVar[Any] = RateNeurons

    blueprint: Blueprint
    activation_func: Function = eqx.field(kw_only=True)
    w_rec: Float[Array, "N N"] | SparseWeights | None = recurrent_weights(unit_eigs)
    tau: PerNeuron = time_constant(20e-3, "Time constant.", USUAL_SLOW_TIME)
    bias: PerNeuron = parameter(0.0, "biases", "", "Constant drive.")
    threshold: PerNeuron = parameter(0.0, "thresholds", "", "Threshold of the activation function.")
    x: Float[Array, " N"] = state(0.0, "", "State of each neuron.")

    def __init__(
        self, shape: int | tuple[int, ...], tau: Any = None, bias: Any = None,
        threshold: Any = None, w_rec: Any = None,
        weight_init_func: Callable[..., Any] = unit_eigs, has_rec: bool = False,
        activation_func: str | Activation = "ReLU", noise_std: Any = 0.0, dt: Any = 1e-3,
        rng_key: Any = None, *,
        solver: AbstractStepper | diffrax.AbstractSolver[Any] | None = None, name: str = "",
    ):  # fmt: skip
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
        self.activation_func = Function(_activation(activation_func), "RateJax.activation_func")
        super().__init__(
            shape, w_rec, has_rec, weight_init_func, noise_std, dt, rng_key, solver=solver,
            name=name, tau=tau, bias=bias, threshold=threshold,
        )  # fmt: skip

    def derivative(self, y: dict[str, Array], at: NestedDict) -> dict[str, Array]:
        return {"x": physics.rate_derivative(y["x"], at["drive"], self.tau)}

    def activation(self, s: dict[str, Array]) -> Array:
        # A plain function may have been put there by `eqx.tree_at`; what it returns is the user's.
        rates = Function(self.activation_func)(s["x"], self.threshold)
        return jnp.asarray(rates, s["x"].dtype)

    def kernel(self, grid: Any, weights: Weights, drive: Array) -> AbstractKernel | str:
        """By forward Euler, with an activation that the kernel knows."""
        return kernel_of(grid, weights, drive)

    def run(
        self, input_data: Float[Array, "T N"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """As of every neuron; with what arrives over `w_rec` on the record."""
        drive = in_range(input_data) + jnp.broadcast_to(self.bias, input_data.shape)
        output, state, recorded = super().run(drive, record)
        if record:
            before = {"x": jnp.concatenate([self.x[None], recorded["x"]])[:-1]}
            rates, weights = jax.vmap(self.activation)(before), as_weights(self.w_rec)
            recorded["rec_input"] = all_arriving(rates, weights, self.x.shape)
        return output, state, recorded


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
