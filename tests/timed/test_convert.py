"""Between `Events` and series of events."""

import numpy as np
import pynapple as nap
import pytest

import eqpool
from eqpool.timed import from_events, to_events
from tests.timed.series import group, poisson, support


def test_events_in_order_of_time():
    events = to_events(group([0.01, 0.03], [], [0.01, 0.02], span=(0.0, 0.1)))
    np.testing.assert_allclose(events.times, [0.01, 0.01, 0.02, 0.03], rtol=1e-6)
    np.testing.assert_array_equal(events.channels, [0, 2, 2, 0])
    assert events.num_channels == 3 and int(events.count) == 4


def test_times_count_from_the_start():
    series = group([100.01, 100.02], [100.0], span=(100.0, 100.1))
    np.testing.assert_allclose(to_events(series).times, [0.0, 0.01, 0.02], rtol=1e-6)
    np.testing.assert_allclose(to_events(series, 99.0).times, [1.0, 1.01, 1.02], rtol=1e-6)
    single = to_events(nap.Ts(np.array([0.2, 0.5]), time_support=support(0.1, 1.0)))
    np.testing.assert_allclose(single.times, [0.1, 0.4], rtol=1e-6)
    assert to_events(nap.Ts(np.array([])), t_start=0.0).num_channels == 1


def test_there_and_back():
    series = poisson(3, 30, span=(5.0, 6.0))
    back = from_events(to_events(series), duration=1.0, t_start=5.0)
    np.testing.assert_array_equal(back.time_support.values, [[5.0, 6.0]])
    assert list(back.keys()) == [0, 1, 2]
    for n in range(3):
        np.testing.assert_allclose(back[n].t, series[n].t, atol=1e-7)


def test_weights_are_several_events_and_the_end_is_inside():
    events = eqpool.Events([0.02, 0.1], [1, 0], 2, [2.0, 1.0])
    series = from_events(events, 0.1)  # 0.1 in single precision lies behind 0.1
    assert [len(series[n]) for n in range(2)] == [1, 2]
    assert series[0].t[0] == 0.1
    assert [len(train) for train in from_events(eqpool.Events([], [], 2), 0.1).values()] == [0, 0]


@pytest.mark.slow
def test_exact_spikes_as_a_series():
    """Of an event-driven run, against the raster of the same neurons."""
    mod = eqpool.DynapSim(2, synapses=("ampa",), Iscale=2e-7, solver=eqpool.EventDriven())
    series = poisson(2, 20)
    spikes, _ = mod.evolve_events(to_events(series), duration=0.1)
    found = from_events(spikes, 0.1)
    assert sum(map(len, found.values())) > 2
    raster = spikes.raster(1e-3, 100)
    again = eqpool.Instant(2).timed(dt=1e-3, add_events=True)(found)[0]
    np.testing.assert_array_equal(again.values, raster)
