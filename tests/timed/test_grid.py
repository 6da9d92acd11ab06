"""In which step an event falls, when steps begin and end: against exact arithmetic."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import eqpool
from eqpool.timed._grid import Grid
from tests.timed.series import group


@pytest.mark.parametrize("dt", [1e-3, 1e-4, 3e-4, 1e-2])
def test_events_on_every_border_of_a_long_run(dt):
    steps = np.arange(1_000_000)
    grid = Grid(dt, 0, len(steps))
    for times in (steps * dt, np.round(steps * dt, 9), grid.starts):
        np.testing.assert_array_equal(grid.step_of(times), steps)
    np.testing.assert_array_equal(grid.ends[:-1], grid.starts[1:])


@pytest.mark.parametrize("dt", [1e-3, 1e-4])
def test_tenths_of_milliseconds(dt):
    """Every multiple of 0.1 ms, in 100 s, in integers."""
    tenths = np.arange(1_000_000)
    expected = tenths // round(dt / 1e-4)
    for times in (tenths * 1e-4, tenths / 10_000, np.round(tenths * 1e-4, 9)):
        np.testing.assert_array_equal(Grid(dt, 0, 1).step_of(times), expected)
        np.testing.assert_array_equal(Grid(dt, 250, 1).step_of(times), expected - 250)


def test_a_step_that_is_no_short_decimal():
    steps = np.arange(1_000_000)
    for times in (steps / 30_000, np.round(steps / 30_000, 9)):
        np.testing.assert_array_equal(Grid(1 / 30_000, 0, 1).step_of(times), steps)


@settings(deadline=None, max_examples=300)
@given(
    dt_ns=st.sampled_from([10, 1000, 25_000, 100_000, 125_000, 300_000, 1_000_000, 20_000_000]),
    first=st.integers(0, 1_000_000),
    step=st.integers(0, 1_000_000),
    within=st.floats(0.0, 1.0, exclude_max=True),
)
def test_every_nanosecond_falls_into_its_step(dt_ns, first, step, within):
    """Whole nanoseconds divide exactly, even one before a border."""
    offset = int(within * dt_ns)
    for moved in (offset, 0, dt_ns - 1):
        time = ((first + step) * dt_ns + moved) / 1e9
        assert Grid(dt_ns / 1e9, first, 1).step_of(np.array([time])) == [step]


@settings(deadline=None, max_examples=30)
@given(
    tenths=st.lists(st.lists(st.integers(0, 1000), max_size=40), min_size=1, max_size=3),
    dt=st.sampled_from([1e-3, 5e-4, 1e-4]),
    add_events=st.booleans(),
)
def test_rasters_are_histograms(tenths, dt, add_events):
    """Against `numpy.histogram` over integers; the event at the very end is for the next run."""
    per_step = round(dt / 1e-4)
    num_steps = 1000 // per_step
    series = group(*(np.sort(np.array(t, int)) * 1e-4 for t in tenths), span=(0.0, 0.1))
    echo = eqpool.Instant(len(tenths)).timed(dt=dt, add_events=add_events)
    found, _, _ = echo(series)
    edges = np.arange(num_steps + 1) * per_step
    counts = [np.histogram([t for t in ts if t < 1000], edges)[0] for ts in tenths]
    expected = np.stack(counts, axis=1)
    if not add_events:
        expected = np.minimum(expected, 1)
    np.testing.assert_array_equal(found.values.reshape(num_steps, -1), expected)


def test_steps_agree_with_events():
    """The raster of `eqpool.Events`, for times that single precision holds well."""
    times = np.array([0.0, 0.5e-3, 1e-3, 1e-3, 4.999e-3, 5e-3, 9.5e-3])
    channels = np.array([0, 1, 0, 1, 0, 0, 1])
    expected = eqpool.Events(times, channels, 2).raster(1e-3, 10)
    trains = (times[channels == n] for n in range(2))
    echo = eqpool.Instant(2).timed(dt=1e-3, add_events=True)
    found, _, _ = echo(group(*trains, span=(0.0, 10e-3)))
    np.testing.assert_array_equal(found.values, expected)


def test_the_clock_does_not_drift():
    """A module keeps dt in single precision; a thousand seconds later that is 0.05 steps."""
    timed = eqpool.RateJax(1, dt=1e-3, rng_key=0).timed()
    assert timed.dt == 1e-3 and float(timed.module.dt) != 1e-3
    late = timed.set_attributes({"num_timesteps": 10**6})
    assert late.t == 1000.0
    output, state, _ = late(group([1000.0, 1000.002], span=(1000.0, 1000.003)))
    np.testing.assert_array_equal(output.t, [1000.001, 1000.002, 1000.003])
    np.testing.assert_array_equal(output.time_support.values, [[1000.0, 1000.003]])
    assert int(state["num_timesteps"]) == 10**6 + 3


def test_an_exact_dt_for_the_time_axis():
    mod = eqpool.RateJax(1, dt=1 / 30_000, rng_key=0)
    late = mod.timed(dt=1 / 30_000).set_attributes({"num_timesteps": 30_000 * 600})
    assert late.t == 600.0
    assert mod.timed().set_attributes({"num_timesteps": 30_000 * 600}).t != 600.0


def test_time_supports_that_end_within_a_step():
    timed = eqpool.Instant(1).timed(dt=1e-3)
    for end, steps in [(9.0e-3, 9), (9.0004e-3, 10), (8.99e-3, 9), (1e-4, 1)]:
        output, _, _ = timed(group([0.0], span=(0.0, end)))
        assert len(output) == steps
        np.testing.assert_array_equal(output.time_support.values, [[0.0, steps / 1000]])
