"""Positive feedback of the membrane, as objects."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from . import physics
from ._errors import describe
from ._types import PerNeuron


class AbstractFeedback(eqx.Module):
    """The current that drives a membrane near threshold up to its spike."""

    @abc.abstractmethod
    def __call__(
        self, Imem: Array, Vmem: Array, Io: Array, kappa: Array, Ut: Array
    ) -> Float[Array, "..."]:
        """Feedback current `Ia`, A.

        **Arguments:**

        - `Imem`: membrane current, A.
        - `Vmem`: membrane potential, V.
        - `Io`: dark current, A.
        - `kappa`: subthreshold slope factor, no unit.
        - `Ut`: thermal voltage, V.
        """


class ExponentialFeedback(AbstractFeedback):
    """Below threshold: [`eqpool.physics.exponential_feedback`][] of `Vmem`. The default."""

    def __call__(
        self, Imem: Array, Vmem: Array, Io: Array, kappa: Array, Ut: Array
    ) -> Float[Array, "..."]:
        return physics.exponential_feedback(Vmem, Io, kappa, Ut)


class SigmoidFeedback(AbstractFeedback):
    """Saturating: [`eqpool.physics.sigmoid_feedback`][] of `Imem`."""

    Ia_gain: PerNeuron
    Ia_th: PerNeuron
    Ia_norm: PerNeuron

    def __init__(self, Ia_gain: Any, Ia_th: Any, Ia_norm: Any):
        """**Arguments:**

        - `Ia_gain`: largest feedback current, A; scalar or `(N,)`, as the others.
        - `Ia_th`: *minus* the membrane current at which half of it flows, A: the equation
            holds `Imem + Ia_th`. Where a paper writes `Imem - Ia_th`, turn its sign.
        - `Ia_norm`: width of the transition, A.
        """
        self.Ia_gain, self.Ia_th, self.Ia_norm = (
            jnp.asarray(x, jnp.result_type(float)) for x in (Ia_gain, Ia_th, Ia_norm)
        )

    def __call__(
        self, Imem: Array, Vmem: Array, Io: Array, kappa: Array, Ut: Array
    ) -> Float[Array, "..."]:
        return physics.sigmoid_feedback(Imem, self.Ia_gain, self.Ia_th, self.Ia_norm)


def as_feedback(feedback: Any) -> AbstractFeedback:
    """What a `feedback=` argument means: `None` is the exponential one."""
    if feedback is None:
        return ExponentialFeedback()
    if isinstance(feedback, AbstractFeedback):
        return feedback
    hint = f" Did you mean `{feedback.__name__}()`?" if isinstance(feedback, type) else ""
    raise TypeError(
        "feedback must be an object: eqpool.ExponentialFeedback() or "
        f"eqpool.SigmoidFeedback(...); got {describe(feedback)}.{hint}"
    )
