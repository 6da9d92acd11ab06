"""The two sides of a ratio: each takes one run and says how long it took."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

import eqpool

from .measure import timed
from .peers import LeftOut


Seconds = Callable[[], float]


class Ratio(NamedTuple):
    """What is timed against what."""

    what: str
    peer: str
    sides: tuple[Seconds, Seconds] | LeftOut
    """eqpool and the peer, or why there is no ratio."""


class Trained(NamedTuple):
    """An implementation: what is trained, and outputs of an input."""

    parameters: Any
    run: Callable[[Any, Any], Array]
    x: Array

    def prepared(self, what: str, loss: Callable[[Array], Array]) -> tuple[Any, Seconds]:
        """The result of the first run, and a clock of those that follow.

        **Arguments:**

        - `what`: `"forward"`, or `"gradient"`: value and gradient of a loss of the output.
        """
        functions = {
            "forward": self.run,
            "gradient": jax.value_and_grad(lambda params, x: loss(self.run(params, x))),
        }
        executable = jax.jit(functions[what]).lower(self.parameters, self.x).compile()
        call = lambda: executable(self.parameters, self.x)
        return jax.block_until_ready(call()), lambda: timed(call)


def of_module(mod: Any, x: Array) -> Trained:
    """A module of eqpool with all its families trained."""
    trainable, frozen = eqpool.partition(mod)
    return Trained(trainable, lambda params, x: eqpool.combine(params, frozen)(x)[0], x)


def gradient_of_forward(trained: Trained, at_least: float) -> Ratio:
    """The gradient of the mean square of the output against the forward run.

    **Arguments:**

    - `at_least`: mean output below which the run would show nothing.
    """
    output, forward = trained.prepared("forward", jnp.mean)
    assert float(jnp.mean(output)) > at_least, "hardly a neuron fires"
    _, gradient = trained.prepared("gradient", lambda output: jnp.mean(output**2))
    return Ratio("gradient", "its forward", (gradient, forward))
