"""Forward Euler."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from .base import _Y, AbstractStepper, VectorField


class ForwardEuler(AbstractStepper):
    """`y + dt*f(y)`: explicit, first order, and the cheapest; stable for `dt < 2*tau`."""

    def step(self, vector_field: VectorField[_Y], dt: Float[Array, ""], y: _Y, args: PyTree) -> _Y:
        slope = vector_field(jnp.zeros_like(dt), y, args)
        return jax.tree.map(lambda y, dy: y + dt * dy, y, slope)
