"""`AbstractFlow`: what a model says of its neurons, so that they run from event to event."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
from jaxtyping import Array, Bool, Float

from .._types import NestedDict


class Neurons(NamedTuple):
    """A network at one moment.

    **Attributes:**

    - `t`: time since the start of the run, s.
    - `y`: what the solver integrates, as the model scales it.
    - `currents`: what decays in closed form: an array or a tuple of arrays, A.
    - `ready`: when the refractory period of each neuron ends, s.
    """

    t: Float[Array, ""]
    y: Float[Array, "*R N"]
    currents: Any
    ready: Float[Array, " N"]


class AbstractFlow(eqx.Module):
    """The neurons of a model between two events, and what an event does to them.

    It is a vector field as diffrax takes it, whose time counts from the start of a step, and
    which a step may ask a little above the threshold, too. Where it has a kink, a step has a
    poor derivative: so within a step it should stay on the side where the step started, and
    `regime` tells when that side is left, where the step then ends. A side is left only once
    rounding cannot lead back to it, so that no run stalls at a kink.
    """

    @abc.abstractmethod
    def arriving(self, from_input: Float[Array, " N_in"]) -> Float[Array, "..."]:
        """What arrives at the synapses, as `land` takes it, from one sample of the input."""

    @abc.abstractmethod
    def sent(self, over_weights: Float[Array, " N_in"]) -> Float[Array, "..."]:
        """The same from a row of the recurrent weights, as `as_factor` has them."""

    @abc.abstractmethod
    def start(self, now: Neurons) -> Any:
        """What a step from here has to know; handed to `__call__` and `regime`."""

    @abc.abstractmethod
    def __call__(self, t: Any, y: Float[Array, "*R N"], start: Any) -> Float[Array, "*R N"]:
        """`dy/dt`, 1/s."""

    @abc.abstractmethod
    def distance(self, t: Any, y: Float[Array, "*R N"], start: Any) -> Float[Array, " N"]:
        """How far each neuron is above threshold, in any unit: it fires where this reaches 0."""

    @abc.abstractmethod
    def first_step(self) -> Float[Array, ""]:
        """How long to try the first step, s."""

    @abc.abstractmethod
    def longest_step(self, now: Neurons) -> Float[Array, ""]:
        """How long a step from here may be, s; infinity where the error estimate will do."""

    @abc.abstractmethod
    def land(
        self,
        now: Neurons,
        y: Float[Array, "*R N"],
        t: Float[Array, ""],
        elapsed: Float[Array, ""],
        fired: Bool[Array, " N"],
        arriving: Float[Array, "..."],
    ) -> Neurons:
        """The neurons at the end `t` of a step, after the event there.

        **Arguments:**

        - `now`: the neurons at the start of the step.
        - `y`: at its end, as the solver has it.
        - `t`: its end, s.
        - `elapsed`: its duration, s. It may be shorter than the last digit of `t`.
        - `fired`: which neuron spikes then, if any.
        - `arriving`: spikes that arrive then.
        """

    @abc.abstractmethod
    def named(self, now: Neurons) -> NestedDict:
        """Its states by the names of the fields, for records and for the next run."""

    @abc.abstractmethod
    def regime(self, t: Any, y: Float[Array, "*R N"], start: Any) -> Bool[Array, "..."]:
        """On which side of each of its kinks the vector field is.

        A side differs from the one at the start only if rounding cannot undo the change.
        """

    @abc.abstractmethod
    def hides(
        self, now: Neurons, inside: Float[Array, "P *R N"], tolerance: Any
    ) -> Bool[Array, ""]:
        """Whether a step has passed over something that it should have ended at.

        **Arguments:**

        - `now`: the neurons at the start of the step.
        - `inside`: `y` after each part of it.
        - `tolerance`: what the solver may be off by.
        """
