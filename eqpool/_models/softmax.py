"""`SoftmaxJax` and `LogSoftmaxJax`: readouts that turn spikes into probabilities."""

import abc
from typing import Any

import jax
from jaxtyping import Array, Float

from .._attribute import Blueprint, Constant
from .._errors import describe
from .._module import AbstractModule, initialise
from .._random import as_key, keys_by_name
from .._types import AbstractVar, NestedDict
from ..graph import InstantFunction, Wiring
from .exp_syn import ExpSynJax
from .linear import LinearJax


class AbstractReadout(AbstractModule):
    """Weights, exponential synapses, and a function of the currents of each step."""

    linear: AbstractVar[LinearJax]
    smooth: AbstractVar[ExpSynJax]

    @staticmethod
    @abc.abstractmethod
    def activation_fn(x: Float[Array, "*T N"]) -> Float[Array, "*T N"]:
        """What is done with the currents of each step."""

    def run(
        self, input_data: Float[Array, "T N_in"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """Weights, synapses, function."""
        state, recorded = {}, {}
        x, state["linear"], recorded["linear"] = self.linear.evolve(input_data, record)
        x, state["smooth"], recorded["smooth"] = self.smooth.evolve(x, record)
        return self.activation_fn(x), state, recorded if record else {}

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """Weights, synapses, function."""
        sources = self.linear.wire(wiring, sources, f"{name}.linear")
        sources = self.smooth.wire(wiring, sources, f"{name}.smooth")
        node = InstantFunction(self.size_out, self.size_out, self.activation_fn)
        return wiring.add(f"{name}.activation_fn", node, sources)


class SoftmaxJax(AbstractReadout):
    r"""Weights, exponential synapses, and a softmax over the channels of each step.

    $$ I_{syn} \leftarrow e^{-dt/\tau}\,(I_{syn} + x W + b), \qquad
       y_i = \frac{e^{I_i}}{\sum_j e^{I_j}} $$

    Submodules and states are called as in Rockpool, `linear` and `smooth`. (Rockpool divides by a
    sum over batch, time and channels together; here every step of every batch element sums to
    one.)

    !!! example

        ```python
        mod = eqpool.SoftmaxJax((20, 3), tau=50e-3, rng_key=0)
        probabilities, state, _ = mod(jnp.ones((100, 20)))
        ```

    ??? cite

        Bridle 1990, [doi:10.1007/978-3-642-76153-9_28](https://doi.org/10.1007/978-3-642-76153-9_28);
        the structure and the names are Rockpool's,
        [doi:10.5281/zenodo.3773845](https://doi.org/10.5281/zenodo.3773845).
    """

    blueprint: Blueprint
    linear: LinearJax
    smooth: ExpSynJax

    def __init__(
        self,
        shape: tuple[int, int] | None = None,
        weight: Any = None,
        bias: Any = None,
        has_bias: bool = True,
        tau: Any = 100e-3,
        dt: Any = 1e-3,
        rng_key: Any = None,
        *,
        name: str = "",
    ):
        """**Arguments:**

        - `shape`: `(N_in, N_out)`. Default: that of `weight`.
        - `weight`: `(N_in, N_out)`. Default: drawn by [`eqpool.kaiming`][].
        - `bias`: `(N_out,)`. Default: drawn by [`eqpool.uniform_sqrt`][].
        - `has_bias`: whether there is a bias. Default `True`.
        - `tau`: time constant, s, scalar or `(N_out,)`. Default 100e-3 for all.
        - `dt`: time step, s. Default 1e-3.
        - `rng_key`: key or seed of what is drawn. Default: a fresh seed.
        - `name`: a name for messages. Default: none.

        **Raises:** `ValueError` without `shape` and `weight`, and as [`eqpool.LinearJax`][] and
        [`eqpool.ExpSynJax`][] do.
        """
        shape = _shape(shape, weight, "SoftmaxJax")
        self.linear, self.smooth = _parts(shape, weight, bias, has_bias, tau, dt, rng_key)
        initialise(self, shape, name=name)

    @staticmethod
    def activation_fn(x: Float[Array, "*T N"]) -> Float[Array, "*T N"]:
        """Softmax."""
        return jax.nn.softmax(x)


class LogSoftmaxJax(AbstractReadout):
    r"""Weights, exponential synapses, and the logarithm of a softmax over the channels.

    $$ I_{syn} \leftarrow e^{-dt/\tau}\,(I_{syn} + x W + b), \qquad
       y_i = I_i - \ln\sum_j e^{I_j} $$

    All else is as of [`eqpool.SoftmaxJax`][].

    !!! example

        ```python
        mod = eqpool.LogSoftmaxJax((20, 3), rng_key=0)
        log_probabilities, state, _ = mod(jnp.ones((100, 20)))
        ```
    """

    blueprint: Blueprint
    linear: LinearJax
    smooth: ExpSynJax

    def __init__(
        self,
        shape: tuple[int, int] | None = None,
        weight: Any = None,
        bias: Any = None,
        has_bias: bool = True,
        tau: Any = 100e-3,
        dt: Any = 1e-3,
        rng_key: Any = None,
        *,
        name: str = "",
    ):
        """Arguments and errors as of [`eqpool.SoftmaxJax`][]."""
        shape = _shape(shape, weight, "LogSoftmaxJax")
        self.linear, self.smooth = _parts(shape, weight, bias, has_bias, tau, dt, rng_key)
        initialise(self, shape, name=name)

    @staticmethod
    def activation_fn(x: Float[Array, "*T N"]) -> Float[Array, "*T N"]:
        """Logarithm of softmax."""
        return jax.nn.log_softmax(x)


def _shape(shape: Any, weight: Any, owner: str) -> tuple[int, int]:
    if shape is None:
        data = weight.data if isinstance(weight, Constant) else weight
        shape = getattr(data, "shape", None)
        if shape is None:
            raise ValueError(
                f"{owner}: give shape=(N_in, N_out), or weight as an array of that shape; got "
                f"{describe(weight)}."
            )
    if not (isinstance(shape, (tuple, list)) and len(shape) == 2):
        raise ValueError(f"{owner}: shape must be (N_in, N_out); got {shape!r}.")
    return shape[0], shape[1]


def _parts(
    shape: tuple[int, int], weight: Any, bias: Any, has_bias: bool, tau: Any, dt: Any, rng_key: Any
) -> tuple[LinearJax, ExpSynJax]:
    keys = keys_by_name(as_key(rng_key), ("linear", "smooth"))
    linear = LinearJax(shape, weight, bias, has_bias, rng_key=keys["linear"])
    return linear, ExpSynJax(shape[1], tau, dt=dt, rng_key=keys["smooth"])


Softmax = SoftmaxJax
LogSoftmax = LogSoftmaxJax
