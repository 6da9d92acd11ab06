"""Models that break one promise each, and what they are told."""

import itertools
import time

import diffrax
import jax
import jax.numpy as jnp
import pytest

from eqpool.testing import BrokenPromise, check_neuron
from tests.helpers import tiers
from tests.neuron.adapting import AbstractAdapting
from tests.neuron.leaky import AbstractLeaky


class Leaky(AbstractLeaky):
    """Nothing is broken."""


class Forgetful(AbstractLeaky):
    """A state is not returned."""

    def arrive(self, s, spikes_in):
        return {"isyn": s["isyn"] + spikes_in}


class Narrow(AbstractLeaky):
    """A state in another dtype."""

    def derivative(self, y, at):
        return {"vmem": ((at["isyn"] - y["vmem"]) / self.tau_mem).astype(jnp.float16)}


class Single(AbstractLeaky):
    """An array of its own dtype."""

    def arrive(self, s, spikes_in):
        return s | {"isyn": s["isyn"] + spikes_in * jnp.ones(spikes_in.shape)}


class Deaf(AbstractLeaky):
    """Input goes nowhere."""

    def arrive(self, s, spikes_in):
        return s


class Fading(AbstractLeaky):
    """It decays a little in each call of `fire`."""

    def fire(self, s, spikes):
        s = s | {"isyn": 0.99 * s["isyn"]}
        return s | {"vmem": jnp.where(spikes > 0, 0.0, s["vmem"])}


class Replacing(AbstractLeaky):
    """What arrives takes the place of what is there."""

    def arrive(self, s, spikes_in):
        return s | {"isyn": jnp.where(spikes_in != 0.0, spikes_in, s["isyn"])}


class OneWay(AbstractLeaky):
    """There and not back."""

    def coordinates(self, s, at):
        return {"vmem": 2.0 * s["vmem"]}


class Hidden(AbstractLeaky):
    """Its reset depends on the time of day."""

    def fire(self, s, spikes):
        return s | {"vmem": jnp.where(spikes > 0, -(time.perf_counter() % 1.0), s["vmem"])}


class Counting(AbstractLeaky):
    """A counter of Python that no state carries over."""

    def derivative(self, y, at):
        gain = 1.0 + 0.01 * next(CALLS)
        return {"vmem": (gain * at["isyn"] - y["vmem"]) / self.tau_mem}


CALLS = itertools.count()


class Reading(AbstractLeaky):
    """It looks at a value as a number of Python."""

    def fire(self, s, spikes):
        return s | {"vmem": s["vmem"] - float(spikes.sum()) * self.threshold}


class Blocked(AbstractLeaky):
    """A parameter that no gradient reaches."""

    def derivative(self, y, at):
        return {"vmem": (at["isyn"] - y["vmem"]) / jax.lax.stop_gradient(self.tau_mem)}


class Kinked(AbstractLeaky):
    """The membrane's slope jumps on its way up."""

    def derivative(self, y, at):
        drive = jnp.where(y["vmem"] > 0.02, 0.5, 1.0) * at["isyn"]
        return {"vmem": (drive - y["vmem"]) / self.tau_mem}


class TwoFaced(AbstractLeaky):
    """Another equation between events than on a grid."""

    def derivative(self, y, at):
        leak = 0.8 if at["exact"] else 1.0
        return {"vmem": (at["isyn"] - leak * y["vmem"]) / self.tau_mem}


class Rising(AbstractLeaky):
    """A reset with the wrong sign, which makes it spike again and again."""

    def fire(self, s, spikes):
        return s | {"vmem": s["vmem"] + 0.5 * spikes}


class Overshooting(AbstractLeaky):
    """A reset to a place above threshold, from where inhibition takes it."""

    def fire(self, s, spikes):
        vmem = jnp.where(spikes > 0, 1.02 * self.threshold, s["vmem"])
        return s | {"vmem": vmem, "isyn": s["isyn"] - 10.0 * spikes}


class Amnesic(AbstractLeaky):
    """Each run begins without synaptic current."""

    def run(self, input_data, record):
        return super(Amnesic, self.set_attributes({"isyn": 0.0 * self.isyn})).run(
            input_data, record
        )


class Jumping(AbstractLeaky):
    """A threshold that jumps down on the way to it."""

    def distance(self, y, at):
        threshold = jnp.where(y["vmem"] > 0.7 * self.threshold, 0.5, 1.0) * self.threshold
        return y["vmem"] - threshold


class Scanning(AbstractLeaky):
    """A run of its own, whose gradient updates all weights in every step."""

    def run(self, input_data, record):
        def step(state, row):
            _, state, recorded = super(Scanning, self.set_attributes(state)).run(row[None], True)
            return state, {name: x[0] for name, x in recorded.items()}

        state, recorded = jax.lax.scan(step, self.state(), input_data)
        return recorded["spikes"], state, recorded if record else {}


class Silent(AbstractLeaky):
    """A run of its own that keeps the record to itself."""

    def run(self, input_data, record):
        spikes, state, _ = super().run(input_data, record)
        return spikes, state, {}


BROKEN = [
    (Forgetful, "declaration", "Forgetful.arrive does not return"),
    (Narrow, "declaration", "returns 'vmem' as float16"),
    (Reading, "declaration", "ConcretizationTypeError"),
    (Deaf, "spiking", "no constant input"),
    (Rising, "spiking", "does `fire` take the membrane below threshold"),
    (Hidden, "pure", "what `fire` returns a second time: vmem"),
    (Counting, "pure", "what `derivative` returns a second time: vmem"),
    (Fading, "silence", "after `fire` of no spikes, state isyn is off"),
    (Replacing, "arrivals", "after two `arrive`, state isyn is off"),
    (OneWay, "coordinates", "state vmem is off"),
    (Silent, "record", "the record lacks"),
    (Amnesic, "halves", "the output of two halves is not the same to the bit"),
    (Blocked, "gradient", "wrt tau_mem .* by finite differences, and 0 by the gradient"),
    (Overshooting, "reset", "right after a spike the distance from threshold is up to 0.02"),
    (Single, "dtypes", "float32"),
    (Kinked, "order", "order .*, expected 2"),
    (Scanning, "recurrent_gradient", r"carries an array of shape \(13, 13\) from step to step"),
    (Jumping, "event_gradients", "sum of spike times"),
    (TwoFaced, "solvers", "with EventDriven.., vmem is off"),
    (TwoFaced, "event_times", "in short steps|do not converge"),
]


@pytest.mark.parametrize(
    "cls, promise, message",
    tiers(BROKEN, 15, 5),
    ids=[f"{cls.__name__}-{name}" for cls, name, _ in BROKEN],
)
def test_it_is_told(cls, promise, message):
    with pytest.raises(BrokenPromise, match=message) as caught:
        check_neuron(cls, only=promise)
    assert caught.value.promise == promise
    assert str(caught.value).startswith(f"{cls.__name__}(3,) breaks the promise '{promise}': ")


class DeafRates(AbstractAdapting):
    """Input goes nowhere."""

    def derivative(self, y, at):
        return {name: -value / self.tau for name, value in y.items()}


class CountingRates(AbstractAdapting):
    """A counter of Python that no state carries over."""

    def activation(self, s):
        return jnp.tanh(s["x"]) + 0.01 * next(CALLS)


class BlockedRates(AbstractAdapting):
    """A parameter that no gradient reaches."""

    def activation(self, s):
        return jnp.tanh(jax.lax.stop_gradient(self.gain) * s["x"])


class AmnesicRates(AbstractAdapting):
    """Each run begins without synaptic current."""

    def run(self, input_data, record):
        rested = self.set_attributes({"isyn": 0.0 * self.isyn})
        return super(AmnesicRates, rested).run(input_data, record)


class DelayedRates(AbstractAdapting):
    """The output is that of the step before."""

    def run(self, input_data, record):
        rates, state, recorded = super().run(input_data, record)
        return jnp.roll(rates, 1, 0), state, recorded


class KinkedRates(AbstractAdapting):
    """A slope that jumps."""

    def derivative(self, y, at):
        slopes = super().derivative(y, at)
        return slopes | {"x": slopes["x"] * jnp.where(y["x"] > 0.3, 0.5, 1.0)}


BROKEN_RATES = [
    (DeafRates, "responding", "no constant input .* moves its rates"),
    (CountingRates, "pure", "what `activation` returns a second time"),
    (BlockedRates, "gradient", "wrt gain .* by finite differences, and .* by the gradient"),
    (AmnesicRates, "halves", "the output of two halves is not the same to the bit"),
    (DelayedRates, "record", "the activation of the record is off"),
    (KinkedRates, "order", "order .*, expected 2"),
]


@pytest.mark.parametrize(
    "cls, promise, message",
    tiers(BROKEN_RATES, 5, 5),
    ids=[f"{cls.__name__}-{name}" for cls, name, _ in BROKEN_RATES],
)
def test_it_is_told_of_rates(cls, promise, message):
    with pytest.raises(BrokenPromise, match=message) as caught:
        check_neuron(cls, only=promise)
    assert caught.value.promise == promise


@pytest.mark.slow
@pytest.mark.parametrize("solver", [None, diffrax.Heun()])
def test_a_model_that_breaks_none(solver):
    neuron = Leaky if solver is None else Leaky(3, has_rec=True, t_ref=2e-3, solver=solver)
    report = check_neuron(neuron)
    assert set(report.promises.values()) == {"kept"}, report
