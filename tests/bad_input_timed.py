"""Wrong uses of time series, with what the message must say."""

import equinox as eqx
import numpy as np
import pynapple as nap

import eqpool
from eqpool.timed import from_events, TimedModule, to_events
from tests.timed.series import frame, group


def mod(**kwargs):
    return eqpool.RateJax(2, rng_key=0, name="hidden", **kwargs)


def timed(step=0):
    return mod().timed().set_attributes({"num_timesteps": step})


def network(**kwargs):
    return eqpool.Sequential(mod(), mod(**kwargs))


def ramp(num_samples=101):
    return frame(np.arange(num_samples) * 1e-3, np.ones((num_samples, 2)))


NAME = r"TimedModule\(RateJax 'hidden'\): "

TIMED_CASES = {
    # wrapping
    "timed without dt": (
        lambda: eqpool.Instant(2).timed(),
        ValueError,
        r"TimedModule\(InstantJax\): this module has no dt; give one, in s, as `timed\(dt=1e-3\)`",
    ),
    "timed with another dt": (
        lambda: mod().timed(dt=2e-3),
        ValueError,
        NAME + r"dt=0\.002 s contradicts the module, where 'dt' is 0\.001 s\. Leave it out",
    ),
    "timed with several dt": (
        lambda: network(dt=5e-4).timed(),
        ValueError,
        r"submodules differ: 0_RateJax\.dt = 0\.001 s, 1_RateJax\.dt = 0\.0005 s\. Build them",
    ),
    "timed with a dt that is no number": (
        lambda: eqpool.Instant(2).timed(dt="1ms"),
        TypeError,
        r"dt must be a number, in s; got str '1ms'",
    ),
    "timed with a negative dt": (
        lambda: eqpool.Instant(2).timed(dt=-1e-3),
        ValueError,
        r"dt must be finite and at least 1e-08 s.*got -0\.001 s",
    ),
    "timed with dt finer than pynapple": (
        lambda: eqpool.Instant(2).timed(dt=1e-9),
        ValueError,
        r"at least 1e-08 s, since pynapple keeps times to 1e-09 s; got 1e-09 s",
    ),
    "dt changed after timed": (
        lambda: timed().set_attributes({"module": {"dt": 2e-3}})(duration=0.1),
        ValueError,
        r"where 'dt' is 0\.002 s.*if it was changed since, call `timed` again",
    ),
    "timed inside jit": (
        lambda: eqx.filter_jit(lambda m: m.timed().module)(mod()),
        TypeError,
        NAME + "call `timed` outside jit, grad and vmap: it looks at dt",
    ),
    "a dt in place of which stands a choice": (
        lambda: mod().timed(0, True),
        TypeError,
        NAME + r"dt must be a number, in s; got bool True",
    ),
    "a choice that is none": (
        lambda: mod().timed(add_events="no"),
        TypeError,
        NAME + r"add_events must be True or False; got str 'no'",
    ),
    "another output": (
        lambda: mod().timed(output_num=1),
        ValueError,
        NAME + r"output_num must be 0, since modules of eqpool return one output; got int 1",
    ),
    "timed of a function": (
        lambda: TimedModule(np.tanh),
        TypeError,
        r"TimedModule: wraps an eqpool module; got ufunc",
    ),
    # length of a run
    "no length": (lambda: timed()(), ValueError, NAME + r"how long is this run\? Give ts_input"),
    "contradicting lengths": (
        lambda: timed()(duration=0.1, num_timesteps=50),
        ValueError,
        r"duration=0\.1 s is 100 steps of dt=0\.001 s, but num_timesteps=50; give one",
    ),
    "broken duration": (
        lambda: timed()(duration=0.0105),
        ValueError,
        r"duration=0\.0105 s is 10\.5 steps of dt=0\.001 s, .*: num_timesteps=10 or 11\.",
    ),
    "duration below a step": (
        lambda: timed()(duration=1e-4),
        ValueError,
        r"is 0\.1 steps of dt=0\.001 s, and must be a whole number of them: num_timesteps=1\.",
    ),
    "negative duration": (
        lambda: timed()(duration=-0.1),
        ValueError,
        r"duration must be positive and finite; got -0\.1 s",
    ),
    "duration that is NaN": (
        lambda: timed()(duration=float("nan")),
        ValueError,
        r"duration must be positive and finite; got nan s",
    ),
    "duration that is no number": (
        lambda: timed()(duration="long"),
        TypeError,
        r"duration must be a number, in s; got str 'long'",
    ),
    "zero steps": (
        lambda: timed()(num_timesteps=0),
        ValueError,
        r"num_timesteps must be at least 1; got 0",
    ),
    "steps that are no integer": (
        lambda: timed()(num_timesteps=1.5),
        TypeError,
        r"num_timesteps must be an integer; got float 1\.5",
    ),
    "steps in place of which stands a choice": (
        lambda: timed()(None, None, True),
        TypeError,
        r"num_timesteps must be an integer; got bool True",
    ),
    "a clock at its end": (
        lambda: timed(2**31 - 11)(num_timesteps=20),
        ValueError,
        r"the clock counts to 2147483647 steps, .* s; put it back with `reset_state\(\)`",
    ),
    # where it may be run
    "time series inside jit": (
        lambda: eqx.filter_jit(lambda t: t(duration=0.1)[1])(timed()),
        TypeError,
        NAME + r"time series live outside jit, grad and vmap\. .*`timed\.module\(input_data\)`",
    ),
    "several clocks": (
        lambda: timed().set_attributes({"num_timesteps": np.array([1, 2], np.int32)})(duration=0.1),
        ValueError,
        r"the clock has shape \(2,\), but a time series is a single run; start afresh",
    ),
    "batched state": (
        lambda: timed().set_attributes({"module": {"x": np.ones((3, 2))}})(duration=0.1),
        ValueError,
        r"the state 'x' has batch size 3, but input_data .* has no batch axis.*`reset_state\(\)`",
    ),
    "spikes that are no counts": (
        lambda: eqpool.Sequential(
            eqpool.DynapSim(2, synapses=("ampa",), spiking_output=False), Halves()
        ).timed()(duration=0.1),
        ValueError,
        r"a spiking module counts spikes, but its output is not made of whole numbers from 0 on "
        r"\(float32\[100,2\]\); build it, or its last module, with `spiking_output=False`",
    ),
    # events
    "samples to events": (
        lambda: to_events(ramp()),
        TypeError,
        r"to_events: takes a `nap\.TsGroup` or a `nap\.Ts`; got TsdFrame\.",
    ),
    "events from nowhere": (
        lambda: to_events(nap.Ts(np.array([]))),
        ValueError,
        r"to_events: the series has no time support; give t_start, in s",
    ),
    "events before their start": (
        lambda: to_events(group([0.01], []), t_start=0.05),
        ValueError,
        r"a time is negative; runs start at 0\. Event 0 has time -0\.0399",
    ),
    "fractions of events": (
        lambda: from_events(eqpool.Events([0.01], [0], 1, 0.5), 0.1),
        ValueError,
        r"from_events: weights must be whole numbers from 0 on.*got \[0\.5\]",
    ),
    "events behind a matrix": (
        lambda: from_events(eqpool.Events([0.01], [0], 1).through(np.ones((1, 2))), 0.1),
        ValueError,
        r"these events have passed a linear layer and belong to many channels",
    ),
    "events behind the end of a series": (
        lambda: from_events(eqpool.Events([0.01, 0.2], [0, 0], 1), 0.1),
        ValueError,
        r"comes after the end of the run.*Event 1 has time 0\.2",
    ),
}


class Halves(eqpool.AbstractModule):
    """Says that it spikes, and does not."""

    blueprint: eqpool.Blueprint

    def __init__(self):
        eqpool.initialise(self, 2, spiking_output=True)

    def run(self, input_data, record):
        return input_data + 0.5, {}, {}
