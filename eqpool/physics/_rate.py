"""The rate neuron: activation functions and the membrane equation."""

from typing import TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float


X: TypeAlias = Float[Array, "..."]


def relu(x: X, threshold: X) -> X:
    """`max(x - threshold, 0)`, with slope 0 at the threshold; NaN of NaN."""
    return jnp.where(x <= threshold, 0.0, x - threshold)


def leaky_relu(x: X, threshold: X) -> X:
    """`x - threshold` at and above the threshold, `0.01*(x - threshold)` below it."""
    return jnp.where(x >= threshold, 1.0, 0.01) * (x - threshold)


def tanh(x: X, threshold: X) -> X:
    """`tanh(x - threshold)`."""
    return jnp.tanh(x - threshold)


def sigmoid(x: X, threshold: X) -> X:
    """`(tanh(x - threshold) + 1)/2`: between 0 and 1, with slope 1/2 at the threshold."""
    return (jnp.tanh(x - threshold) + 1.0) / 2.0


def rate_derivative(x: X, drive: X, tau: X) -> X:
    """`dx/dt = (drive - x)/tau`, in units of `x` per second.

    **Arguments:**

    - `x`: state of the neurons, no unit.
    - `drive`: everything that pulls on them: input, bias and recurrent input, no unit.
    - `tau`: time constants, s.

    ??? cite

        The leaky-integrator rate neuron of Wilson and Cowan 1972,
        [doi:10.1016/S0006-3495(72)86068-5](https://doi.org/10.1016/S0006-3495(72)86068-5).
    """
    return (drive - x) / tau
