"""`ExpSmoothJax`: a low-pass filter with an activation function."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Array, Float

from .. import physics
from .._attribute import (
    Blueprint,
    field,
    Full,
    Function,
    Parameter,
    POSITIVE,
    State,
    USUAL_SLOW_TIME,
)
from .._module import AbstractModule, initialise, square_shape
from .._neuron.fields import time_step
from .._scan import scan_steps
from .._types import NestedDict, PerNeuron
from ..graph import ExponentialFilter, Wiring
from .instant import identity


class ExpSmoothJax(AbstractModule):
    r"""An exponential filter, followed by a function.

    $$ A \leftarrow e^{-dt/\tau} A + S_{in}, \qquad y = H(A) $$

    Other than in [`eqpool.ExpSynJax`][], which Rockpool recommends in its place, input does not
    decay in the step in which it arrives. With `record=True` the record holds `activation`, the
    state $A$ after each step, `(T, N)`.

    !!! example

        ```python
        mod = eqpool.ExpSmoothJax(5, tau=50e-3, activation_fun=jnp.tanh)
        output, state, _ = mod(jnp.ones((100, 5)))
        ```

    ??? cite

        The discretisation and the names are Rockpool's,
        [doi:10.5281/zenodo.3773845](https://doi.org/10.5281/zenodo.3773845).
    """

    blueprint: Blueprint
    activation_fun: Function
    tau: PerNeuron = field(
        Parameter(
            family="taus",
            shape=[(), ("N",)],
            init_func=Full(100e-3),
            unit="s",
            bounds=POSITIVE,
            usual=USUAL_SLOW_TIME,
            doc="Time constant.",
        )
    )
    activation: Float[Array, " N"] = field(
        State(family="states", shape=("N",), init_func=Full(0.0), doc="Filtered input.")
    )
    dt: Float[Array, ""] = time_step()

    def __init__(
        self,
        shape: int | tuple[int, ...],
        tau: Any = None,
        dt: Any = 1e-3,
        activation_fun: Callable[[Array], Array] = identity,
        spiking_input: bool = True,
        spiking_output: bool = False,
        *,
        name: str = "",
    ):
        """**Arguments:**

        - `shape`: `N` or `(N, N)`.
        - `tau`: time constant, s, scalar or `(N,)`. Default: 100e-3 for all.
        - `dt`: time step, s. Default 1e-3.
        - `activation_fun`: `(N,) -> (N,)`, applied to the state of each step. Default: the
            identity.
        - `spiking_input`, `spiking_output`: what other tools are told. Default `True`, `False`.
        - `name`: a name for messages. Default: none.

        **Raises:** `ValueError` for a shape that is not square, and for values of another shape,
        not finite or outside their bounds; `TypeError` if `activation_fun` cannot be called.
        """
        self.activation_fun = Function(activation_fun, "ExpSmoothJax.activation_fun")
        initialise(
            self,
            square_shape(shape, "ExpSmoothJax"),
            {"tau": tau, "dt": dt},
            name=name,
            spiking_input=spiking_input,
            spiking_output=spiking_output,
        )

    def run(
        self, input_data: Float[Array, "T N"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """A scan over the time grid."""
        decay = physics.dpi_decay(self.dt, self.tau)

        def step(activation: Array, arriving: Array) -> Any:
            activation = decay * activation + arriving
            recorded = {"activation": activation} if record else {}
            return activation, (self.activation_fun(activation), recorded)

        end, (output, recorded) = scan_steps(step, self.activation, input_data)
        return output, {"activation": end}, recorded

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """The filter."""
        node = ExponentialFilter(self.shape, self.tau, self.activation_fun.unwrapped, self.dt)
        return wiring.add(name, node, sources)


ExpSmooth = ExpSmoothJax
