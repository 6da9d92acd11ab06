"""Time series that no run can take, each with what its message must say."""

import numpy as np
import pynapple as nap

import eqpool
from tests.bad_input_timed import NAME, ramp, timed
from tests.timed.series import frame, group, support


def epochs(*ends):
    return nap.TsGroup(
        {n: nap.Ts(np.array([0.001]), time_support=support(*ends)) for n in range(2)},
        time_support=support(*ends),
    )


def at_times(*times):
    """Times as they come, which pynapple takes from an index without looking at them."""
    index = np.array(times).view(nap.TsIndex)
    return nap.TsdFrame(t=index, d=np.ones((len(times), 2)), time_support=support(0.0, 0.1))


def holes():
    values = np.ones((101, 2))
    values[40, 1] = np.nan
    return frame(np.arange(101) * 1e-3, values)


SERIES_CASES = {
    # time supports
    "empty time support": (
        lambda: timed()(nap.Ts(np.array([]))),
        ValueError,
        r"empty time_support.* Build it with one, as `nap\.Ts\(times, time_support=.*leave it out",
    ),
    "infinite time support": (
        lambda: timed()(group([0.1], [], span=(0.0, np.inf))),
        ValueError,
        r"the time_support of ts_input is not finite; cut it with `ts_input\.restrict",
    ),
    "input in the past": (
        lambda: timed(50)(ramp()),
        ValueError,
        NAME + r"ts_input begins at 0 s, but the clock stands at 0\.05 s, and what lies before is "
        r"past: hand over what is left, `ts_input\.restrict\(nap\.IntervalSet\(0\.05, 0\.1\)\)`, "
        r"or put the clock back with `reset_state\(\)`",
    ),
    "input all in the past": (
        lambda: timed(100)(ramp()),
        ValueError,
        r"the clock stands at 0\.1 s.*shift its times by 0\.1 s, or put the clock back",
    ),
    "late input": (
        lambda: timed()(group([0.05], [0.06], span=(0.05, 0.1))),
        ValueError,
        r"the run begins at 0 s, where the clock stands, but ts_input is defined from 0\.05 s on "
        r"only: if nothing happens before, build it with `time_support=nap\.IntervalSet\(0, 0\.1\)`"
        r", or run up to there without input, `evolve\(num_timesteps=50\)`",
    ),
    "input late by less than a step": (
        lambda: timed()(group([0.05], [0.06], span=(0.0004, 0.1))),
        ValueError,
        r"defined from 0\.0004 s on only: .*`time_support=nap\.IntervalSet\(0, 0\.1\)`\.$",
    ),
    "gap inside the run": (
        lambda: timed()(epochs(0.0, 0.04, 0.06, 0.1)),
        ValueError,
        r"not defined between 0\.04 and 0\.06 s, a gap of its time_support inside the run\. Run "
        r"the epochs one by one",
    ),
    "input too short": (
        lambda: timed()(group([0.05], [0.06], span=(0.0, 0.1)), duration=0.2),
        ValueError,
        r"ts_input ends at 0\.1 s, but the run goes on to 0\.2 s: make it shorter, or, if nothing "
        r"more happens, build ts_input with a longer time_support, `nap\.IntervalSet\(0, 0\.2\)`",
    ),
    # what is in a series
    "array for a time series": (
        lambda: timed()(np.ones((10, 2))),
        TypeError,
        r"must be a time series of pynapple.*got float64\[10,2\]\. An array goes into the module",
    ),
    "too few channels of events": (
        lambda: eqpool.Instant(3).timed(dt=1e-3)(group([], [])),
        ValueError,
        r"ts_input has 2 channels \(keys \[0, 1\]\); expected 3, or one that all share\. A channel "
        r"without events is an empty `nap\.Ts`",
    ),
    "keys that are no channels": (
        lambda: timed()(
            nap.TsGroup(
                {key: nap.Ts(np.array([0.01, 0.02])) for key in (3, 7)},
                time_support=support(0.0, 0.1),
            )
        ),
        ValueError,
        r"the keys of a TsGroup are channels, 0 to 1; got \[3, 7\]\. Renumber them",
    ),
    "wrong channels of samples": (
        lambda: timed()(frame([0.0, 0.1], np.ones((2, 5)))),
        ValueError,
        r"ts_input has shape \(2, 5\); expected \(T, 2\), or a single channel that all share",
    ),
    "tensor of other channels": (
        lambda: eqpool.DynapSim(2).timed()(
            nap.TsdTensor(t=np.array([0.0, 0.1]), d=np.ones((2, 4, 2)))
        ),
        ValueError,
        r"ts_input has shape \(2, 4, 2\); expected \(T, 8\) or \(T, 2, 4\)",
    ),
    "complex samples": (
        lambda: timed()(frame([0.0, 0.1], np.ones((2, 2)) * 1j)),
        TypeError,
        r"ts_input must be real; got complex128\. Take its real part",
    ),
    "samples that are no numbers": (
        lambda: timed()(frame([0.0, 0.1], np.ones((2, 2), object))),
        TypeError,
        r"ts_input must hold numbers; got object",
    ),
    "samples beyond single precision": (
        lambda: timed()(frame([0.0, 0.1], np.full((2, 2), 1e300))),
        ValueError,
        r"ts_input is NaN or infinite around 0 s in channel 0",
    ),
    "no samples": (
        lambda: timed()(frame([], np.ones((0, 2)), span=(0.0, 0.1))),
        ValueError,
        r"ts_input has no samples; leave it out for a run without input",
    ),
    "samples that are NaN": (
        lambda: timed()(holes()),
        ValueError,
        r"ts_input is NaN or infinite around 0\.04 s in channel 1; to interpolate over such samples"
        r", leave them out with `ts_input\.dropna\(update_time_support=False\)`",
    ),
    "times that are NaN": (
        lambda: timed()(at_times(0.0, np.nan, 0.1)),
        ValueError,
        r"a time of ts_input is NaN or infinite; drop it first",
    ),
    "times out of order": (
        lambda: timed()(at_times(0.0, 0.05, 0.04)),
        ValueError,
        r"the times of ts_input are out of order; sort them, with their values",
    ),
}
