"""What a model says of itself, and what it may say besides."""

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
from equinox import AbstractClassVar
from jaxtyping import Array, Float

from .. import physics
from .._attribute import NON_NEGATIVE
from .._solver import AbstractStepper, EventDriven
from .._sparse import SparseWeights
from .._surrogate import AbstractSurrogate
from .._types import Key, NestedDict, PerNeuron
from .fields import (
    noise_deviation,
    noise_key,
    recurrent_weights,
    refractory_period,
    state,
    time_step,
)
from .layer import AbstractLayer, States


class AbstractDeclaration(AbstractLayer):
    """The fields of every neuron, and the methods in which a model says what it is."""

    spiking: AbstractClassVar[tuple[Any, ...]]
    floors: ClassVar[Mapping[str, str]] = {}
    units: ClassVar[Mapping[str, float]] = {}
    holds: ClassVar[bool] = True
    resets: ClassVar[bool] = True
    later_fields: ClassVar[Mapping[str, Any]] = dict.fromkeys(
        ("t_ref", "timer_ref", "noise_std", "rng_key")
    )

    solver: AbstractStepper | EventDriven
    surrogate: AbstractSurrogate | None
    w_rec: Float[Array, "N N_in"] | SparseWeights | None = recurrent_weights()
    t_ref: PerNeuron | None = refractory_period()
    noise_std: PerNeuron | None = noise_deviation(
        "White noise on the membrane: of variance `noise_std**2` per second; if given."
    )
    dt: Float[Array, ""] = time_step()
    spikes: Float[Array, " N"] = state(0.0, "", "Spikes of the last step.", NON_NEGATIVE)
    timer_ref: Float[Array, " N"] | None = state(
        0.0, "s", "What is left of the refractory period.", NON_NEGATIVE
    )
    rng_key: Key | None = noise_key()

    # What a model says

    @abc.abstractmethod
    def derivative(self, y: States, at: NestedDict) -> States:
        """d/dt of each integrated state, per second.

        **Arguments:**

        - `y`: the integrated states, in their coordinates.
        - `at`: all other states at that moment, decaying ones decayed; `constants`; `"active"`,
            which neurons are not refractory, or `None` without a refractory period (the membrane
            of the others is held by itself); and `"exact"`, whether for `EventDriven`, with which
            there are also `"start"`, the integrated states at the start of the step, and
            `"sides"`, of each of the `kinks`.
        """

    @abc.abstractmethod
    def arrive(self, s: States, spikes_in: Float[Array, " N_in"]) -> States:
        """The states after input and recurrent spikes have arrived.

        **Arguments:**

        - `s`: all states; `s["spikes"]` are those of the step before, or of this moment with
            `EventDriven`.
        - `spikes_in`: weighted, one number for each input channel, in the shape of `channels`.
        """

    @abc.abstractmethod
    def fire(self, s: States, spikes: Float[Array, " N"]) -> States:
        """The states after spikes.

        A reset by `jnp.where(spikes > 0, ...)` hands no surrogate derivative on; arithmetic with
        `spikes` does.

        **Arguments:**

        - `s`: all states before.
        - `spikes`: how many of each neuron.
        """

    # What a model may say besides

    def constants(self) -> NestedDict:
        """What the equations need of the parameters alone, by name. Default: nothing.

        It is part of `at`; and inside a run `self.constants()` is what was computed at its start,
        and not again in every step and its derivative.
        """
        return {}

    def channels(self, spikes_in: Float[Array, "*T N_in"]) -> Float[Array, "..."]:
        """Input of one step, or of all, in the shape in which `arrive` takes it. Default: as it is.

        Of several synapse types it may put the types in front of the neurons.
        """
        return spikes_in

    def coordinates(self, s: States, at: NestedDict) -> States:
        """The integrated states as solvers integrate them. Default: as they are.

        **Arguments:**

        - `s`: the integrated states, and perhaps more.
        - `at`: `constants`; and `"exact"`, whether for `EventDriven`, whose derivatives want a
            membrane that stays smooth where it goes to infinity.
        """
        del at
        return {name: s[name] for name in self.integrated}

    def from_coordinates(self, y: States, at: NestedDict) -> States:
        """The inverse of `coordinates`."""
        del at
        return y

    def distance(self, y: States, at: NestedDict) -> Float[Array, " N"]:
        """Distance from threshold without unit: there is a spike where it reaches 0.

        Default: as `spiking` says. Arguments as of `derivative`.
        """
        del at
        name, threshold, *unit = self.spiking
        width = unit[0] if unit else 1.0
        width = getattr(self, width) if isinstance(width, str) else width
        return (y[name] - getattr(self, threshold)) / width

    def count(self, u: Float[Array, " N"], s: States) -> Float[Array, " N"]:
        """How many spikes each neuron fires in a step of a grid. Default: one, by the surrogate.

        **Arguments:**

        - `u`: `distance` at its end.
        - `s`: all states then.
        """
        del s
        assert self.surrogate is not None
        return self.surrogate.spikes(u)

    def rockpool_step(
        self, s: States, arriving: tuple[Array, Array | None], noise: Float[Array, " N"] | None
    ) -> tuple[States, Float[Array, " N"]] | None:
        """All states, and `distance`, after a step by the model's own discretisation.

        [`eqpool.RockpoolEuler`][] takes it, and every solver whose `model_discretisation` is
        `True`. Default: `None`, for the same as with [`eqpool.ForwardEuler`][].

        **Arguments:**

        - `s`: all states, before spikes have arrived.
        - `arriving`: what input brings and what recurrent spikes bring, or `None` without
            recurrence. Only their sum may count, in whatever order it is taken.
        - `noise`: what noise adds to the membrane in this step, or `None`.
        """
        del s, arriving, noise
        return None

    def time_left(self, timer_ref: Float[Array, " N"]) -> Float[Array, " N"]:
        """What is left of the refractory period at the start of a step of a grid, s.

        Default: whole steps, whatever rounding has made of their sum.
        """
        return physics.steps_left(timer_ref, self.dt) * self.dt

    def first_step(self) -> Float[Array, ""]:
        """How long a step `EventDriven` tries first, s. Default: a tenth of `dt`."""
        return 0.1 * self.dt

    def longest_step(self, y: States, at: NestedDict) -> Float[Array, ""]:
        """How long a step of `EventDriven` may be, s. Default: as its tolerance says.

        Arguments as of `derivative`.
        """
        del y, at
        return jnp.full_like(self.dt, jnp.inf)

    def kinks(self, y: States, at: NestedDict) -> dict[str, tuple[Array, Array]]:
        """Where `derivative` has kinks, by name: what changes its sign there, and how large the
        terms are that it is the sum of. Default: nowhere.

        `EventDriven` ends a step at a kink, and until then tells `derivative` in `at["sides"]`
        whether each neuron was above it at the start of the step. Arguments as of `derivative`.
        """
        del y, at
        return {}
