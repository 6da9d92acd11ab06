"""`AbstractStepper`: how to get from one grid point to the next."""

import abc
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import equinox as eqx
from jaxtyping import Array, Float

from .._types import PyTree


_Y = TypeVar("_Y", bound=PyTree[Any])
VectorField: TypeAlias = Callable[[Any, _Y, PyTree[Any]], _Y]


class AbstractStepper(eqx.Module):
    """Advances a differential equation over one interval of the time grid.

    A model runs `lax.scan` over the grid and calls `step` once in each interval, with the
    input of that interval. Input is thus held constant between grid points, and a stage of
    a higher-order method that falls on the end of the interval never reads the next sample.

    **Attributes:**

    - `forward_mode`: whether a step has forward-mode derivatives, as everything made of JAX's own
        operations has. Where it is `False`, a run has reverse mode only. Default `True`.
    - `single_stage`: whether a step evaluates the vector field once, at the start of the interval,
        as forward Euler does. Recurrent rates are then those of the last grid point, and the
        gradient with respect to `w_rec` of a rate neuron is one product over all steps. Otherwise
        rates are computed anew in every stage. Default `False`.
    - `model_discretisation`: whether a spiking neuron that defines `rockpool_step` takes that step
        in place of `step`. Default `False`.
    """

    @property
    def forward_mode(self) -> bool:
        return True

    @property
    def single_stage(self) -> bool:
        return False

    @property
    def model_discretisation(self) -> bool:
        return False

    @property
    def unrolled(self) -> "AbstractStepper":
        """The same solver without a loop in its step, as a kernel takes it. Default: itself."""
        return self

    @abc.abstractmethod
    def step(
        self, vector_field: VectorField[_Y], dt: Float[Array, ""], y: _Y, args: PyTree[Any]
    ) -> _Y:
        """The state at the end of an interval.

        **Arguments:**

        - `vector_field`: `vector_field(t, y, args) -> dy/dt`; `t` runs from 0 to `dt` inside
            the interval, in seconds.
        - `dt`: length of the interval, s.
        - `y`: state at its start, any pytree.
        - `args`: what the vector field needs besides, constant over the interval.
        """
