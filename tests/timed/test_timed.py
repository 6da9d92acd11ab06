"""Runs on time series: what goes in, what comes out, and when."""

import diffrax
import numpy as np
import pynapple as nap
import pytest
from scipy.interpolate import interp1d

import eqpool
from tests.helpers import assert_same_bits
from tests.timed.networks import neurons, spiking_net
from tests.timed.series import assert_same_series, frame, group, joined, poisson, support, wiggle


def test_samples_are_interpolated_at_the_start_of_each_step():
    series = wiggle(2, 37)
    output, _, _ = eqpool.Instant(2).timed(dt=1e-3)(series)
    starts = np.arange(100) * 1e-3
    expected = interp1d(series.t, series.values, axis=0)(starts)
    np.testing.assert_allclose(output.values, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(output.t, starts + 1e-3, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(output.time_support.values, [[0.0, 0.1]])


def test_samples_on_the_grid_keep_their_bits():
    values = np.random.default_rng(0).normal(size=(1001, 2)).astype(np.float32)
    for times in (np.arange(1001) * 1e-3, np.linspace(0.0, 1.0, 1001), np.arange(1001) / 1000):
        output, _, _ = eqpool.Instant(2).timed(dt=1e-3)(frame(times, values))
        assert_same_bits(output.values, values[:-1])
        output, _, _ = eqpool.Instant(2).timed(dt=1e-3)(frame(times, values), num_timesteps=1001)
        assert_same_bits(output.values, values)


def test_the_first_and_the_last_sample_are_held():
    series = frame([0.002, 0.004], [[1.0], [3.0]], span=(0.0, 0.006))
    output, _, _ = eqpool.Instant(1).timed(dt=1e-3)(series)
    np.testing.assert_array_equal(output.values, [1.0, 1.0, 1.0, 2.0, 3.0, 3.0])


def test_output_has_its_true_time(x64):
    """With a constant input `x(t) = 1 - exp(-t/tau)`, and the solver is exact."""
    solver = eqpool.Diffrax(
        diffrax.Dopri5(), stepsize_controller=diffrax.PIDController(rtol=1e-10, atol=1e-12)
    )
    timed = eqpool.RateJax(2, tau=[0.01, 0.03], solver=solver, rng_key=0).timed()
    output, _, record = timed(frame([0.0, 0.1], np.ones((2, 2))), record=True)
    for series in (output, record["x"]):
        expected = 1 - np.exp(-series.t[:, None] / np.array([0.01, 0.03]))
        np.testing.assert_allclose(series.values, expected, rtol=1e-8)
    assert output.values.dtype == np.float64


def test_spikes_come_at_the_end_of_their_step():
    series = poisson(2, 60)
    for solver in (None, eqpool.ForwardEuler()):
        mod = eqpool.Sequential(eqpool.Linear((2, 3), rng_key=2), neurons(solver=solver))
        output, _, _ = mod.timed(add_events=True)(series)
        raster = np.asarray(mod(eqpool.timed.to_events(series).raster(1e-3, 100))[0])
        assert raster.sum() > 20
        for n in range(3):
            step = np.repeat(np.arange(100), raster[:, n].astype(int))
            np.testing.assert_allclose(output[n].t, (step + 1) * 1e-3, rtol=1e-15)


def test_agrees_with_evolve_events():
    """One layer: a layer behind it gets its events a step later in `evolve_events`."""
    series, mod = poisson(3, 40), neurons()
    output, state, _ = mod.timed(add_events=True)(series)
    events, events_state = mod.evolve_events(eqpool.timed.to_events(series), 0.1)
    expected = eqpool.timed.from_events(events, 0.1)
    assert sum(map(len, output.values())) > 20
    for n in range(3):
        np.testing.assert_allclose(output[n].t, expected[n].t, rtol=1e-6)
    assert_same_bits(state["module"]["imem"], events_state["imem"])


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (eqpool.Linear((2, 1), rng_key=0), nap.Tsd),
        (eqpool.Linear((2, 3), rng_key=0), nap.TsdFrame),
        (spiking_net(), nap.TsGroup),
    ],
)
@pytest.mark.parametrize("series", [poisson(2, 20), wiggle(2, 20)], ids=["events", "samples"])
def test_either_kind_goes_into_any_module(module, kind, series):
    output, _, _ = module.timed(dt=1e-3)(series)
    assert type(output) is kind
    assert (len(output) if kind is nap.TsGroup else output.values.size) == (
        3 if kind is nap.TsGroup else 100 * module.size_out
    )


def test_empty_channels_and_several_events_in_a_step():
    series = group([0.001, 0.001, 0.0015], [], span=(0.0, 0.003))
    echo = eqpool.Instant(2)
    counted, _, _ = echo.timed(dt=1e-3, add_events=True)(series)
    np.testing.assert_array_equal(counted.values, [[0, 0], [3, 0], [0, 0]])
    for once in (echo.timed(dt=1e-3), eqpool.timed.TimedModule(echo, dt=1e-3)):
        assert once.add_events is False
        np.testing.assert_array_equal(once(series)[0].values, [[0, 0], [1, 0], [0, 0]])


def test_several_spikes_in_a_step_are_several_events():
    mod = eqpool.DynapSim(1, synapses=("ampa",), Idc=1e-6, dt=1e-2)
    output, _, record = mod.timed()(num_timesteps=10, record=True)
    raster = np.asarray(mod(np.zeros((10, 1), np.float32))[0][:, 0])
    assert raster.max() > 1 and list(output.keys()) == [0]
    np.testing.assert_array_equal(
        output[0].t, np.repeat(np.round(np.arange(1, 11) * 1e-2, 9), raster.astype(int))
    )
    assert_same_series(record["spikes"], output)


def test_silent_neurons_are_empty_channels():
    output, _, _ = neurons().timed()(duration=0.05)
    assert [len(train) for train in output.values()] == [0, 0, 0]
    np.testing.assert_array_equal(output.time_support.values, [[0.0, 0.05]])


def test_a_single_channel_stands_for_all():
    series = wiggle(1, 20)
    single = nap.Tsd(t=series.t, d=series.values[:, 0])
    times = np.array([0.01, 0.02])
    both = eqpool.Instant(3).timed(dt=1e-3)
    for one in (single, series, nap.Ts(times, time_support=support(0.0, 0.1)), group(times)):
        output, _, _ = both(one)
        assert output.shape == (100, 3) and np.ptp(output.values, axis=1).max() == 0.0


def test_axes_of_synapse_types():
    values = np.random.default_rng(0).uniform(0, 5, (101, 3, 4))
    timed = neurons(synapses=("ampa", "gaba", "nmda", "shunt")).timed()
    tensor = nap.TsdTensor(t=np.arange(101) * 1e-3, d=values)
    output, _, _ = timed(tensor)
    flat, _, _ = timed(frame(tensor.t, values.reshape(101, 12)))
    assert_same_series(output, flat)
    assert sum(map(len, output.values())) > 0


def test_without_input():
    """Zeros, for as long as it is told."""
    mod = eqpool.RateJax(2, bias=[1.0, 2.0], rng_key=0)
    expected, _, _ = mod(np.zeros((50, 2), np.float32))
    for length in (
        dict(duration=0.05),
        dict(num_timesteps=50),
        dict(duration=0.05, num_timesteps=50),
    ):
        output, _, _ = mod.timed().evolve(**length)
        assert_same_bits(output.values, expected)


def test_gaps_within_a_step_do_not_matter():
    """As pynapple leaves 1 µs between epochs that touch."""
    epochs = support(0.0, 0.04 - 1e-6, 0.04, 0.1)
    times = np.array([0.01, 0.04, 0.05])
    series = nap.TsGroup({0: nap.Ts(times, time_support=epochs)}, time_support=epochs)
    output, _, _ = eqpool.Instant(1).timed(dt=1e-3)(series)
    np.testing.assert_array_equal(np.flatnonzero(output.values), [10, 40, 50])


def test_a_longer_input_is_for_the_next_run():
    timed, series = spiking_net().timed(), poisson(2, 50)
    first, state, _ = timed(series, duration=0.05)
    second, _, _ = timed.set_attributes(state)(series.restrict(support(0.05, 0.1)))
    assert_same_series(joined(first, second), timed(series)[0])


def test_one_timed_module_behind_another_hears_it_one_step_late():
    echo = eqpool.Instant(2).timed(dt=1e-3)
    first, _, _ = echo(wiggle(2, 30))
    second, _, _ = echo(first)
    assert_same_bits(second.values[1:], first.values[:-1])
    spikes, _, _ = spiking_net().timed()(poisson(2, 60))
    counts, _, _ = eqpool.Instant(3).timed(dt=1e-3, add_events=True)(spikes)
    for n in range(3):
        steps = np.round(spikes[n].t / 1e-3).astype(int)
        np.testing.assert_array_equal(counts.values[:, n], np.bincount(steps, minlength=101)[:100])
