"""Time series for the tests."""

import numpy as np
import pynapple as nap


def support(*ends):
    """Epochs from alternating starts and ends, s."""
    return nap.IntervalSet(np.array(ends[::2], float), np.array(ends[1::2], float))


def group(*trains, span=(0.0, 0.1)):
    """Events of each channel, s."""
    within = support(*span)
    return nap.TsGroup(
        {n: nap.Ts(np.array(t, float), time_support=within) for n, t in enumerate(trains)},
        time_support=within,
    )


def poisson(num_channels, num_events, span=(0.0, 0.1), seed=0):
    """Events at random times."""
    rng = np.random.default_rng(seed)
    return group(*np.sort(rng.uniform(*span, (num_channels, num_events))), span=span)


def frame(times, values, span=None):
    """Samples `(T, N)`."""
    times = np.asarray(times, float)
    return nap.TsdFrame(
        t=times, d=np.asarray(values), time_support=None if span is None else support(*span)
    )


def wiggle(num_channels, num_samples, span=(0.0, 0.1), seed=0):
    """Samples at random times, the first and the last at the ends."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(*span, num_samples))
    times[0], times[-1] = span
    return frame(times, rng.normal(size=(num_samples, num_channels)), span)


def assert_same_series(actual, expected, tolerance=0.0):
    """The same kind, times, time support and bits, or samples to rounding."""
    assert type(actual) is type(expected)
    np.testing.assert_array_equal(actual.time_support.values, expected.time_support.values)
    if isinstance(actual, nap.TsGroup):
        assert list(actual.keys()) == list(expected.keys())
        for key in actual.keys():
            np.testing.assert_array_equal(actual[key].t, expected[key].t)
        return
    np.testing.assert_array_equal(actual.t, expected.t)
    assert actual.values.dtype == expected.values.dtype
    np.testing.assert_allclose(actual.values, expected.values, rtol=tolerance, atol=tolerance)


def joined(first, second):
    """One run from its two halves."""
    within = support(first.time_support.start[0], second.time_support.end[-1])
    if isinstance(first, nap.TsGroup):
        trains = {
            key: nap.Ts(np.concatenate([first[key].t, second[key].t]), time_support=within)
            for key in first.keys()
        }
        return nap.TsGroup(trains, time_support=within)
    times = np.concatenate([first.t, second.t])
    return type(first)(
        t=times, d=np.concatenate([first.values, second.values]), time_support=within
    )
