"""Forward Euler, in its plain form and in Rockpool's."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._types import PyTree
from .base import _Y, AbstractStepper, VectorField


class ForwardEuler(AbstractStepper):
    """`y + dt*f(y)`: explicit, first order, and the cheapest; stable for `dt < 2*tau`."""

    @property
    def single_stage(self) -> bool:
        return True

    def step(
        self, vector_field: VectorField[_Y], dt: Float[Array, ""], y: _Y, args: PyTree[Any]
    ) -> _Y:
        return _euler(vector_field, dt, y, args)


class RockpoolEuler(AbstractStepper):
    """Forward Euler, with what Rockpool does on its grid besides.

    It gives Rockpool's numbers. In [`eqpool.DynapSim`][] it differs from
    [`eqpool.ForwardEuler`][] in four ways that belong to the grid and not to the circuit, so
    that it does not converge as `dt` falls:

    - a synapse is charged by at least `Io` in every step, also in silence;
    - the positive feedback after a spike still sees the voltage before the reset;
    - the refractory timer is compared with exactly zero, so that rounding may add a step;
    - charges are computed as `1 - exp(-x)`, which loses digits for small `x`.

    In other models it is the same as `ForwardEuler`.
    """

    @property
    def single_stage(self) -> bool:
        return True

    @property
    def model_discretisation(self) -> bool:
        return True

    def step(
        self, vector_field: VectorField[_Y], dt: Float[Array, ""], y: _Y, args: PyTree[Any]
    ) -> _Y:
        return _euler(vector_field, dt, y, args)


def _euler(vector_field: VectorField[_Y], dt: Float[Array, ""], y: _Y, args: PyTree[Any]) -> _Y:
    slope = vector_field(jnp.zeros_like(dt), y, args)
    return jax.tree.map(lambda y, dy: y + dt * dy, y, slope)
