"""Beside Rockpool's own `TimedModule` and time series. Needs the extra `parity`."""

import logging
import warnings

import jax
import numpy as np
import pytest

import eqpool
from tests.timed.series import frame, group


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    rockpool = pytest.importorskip("rockpool")
    from rockpool.nn.modules import (
        LIFJax as RockpoolLIFJax,
        Rate as RockpoolRate,
        RateJax as RockpoolRateJax,
    )
    from rockpool.timeseries import TSContinuous, TSEvent

    logging.disable(logging.NOTSET)

pytestmark = [
    pytest.mark.usefixtures("promotion", "rank_promotion"),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.untyped,
]


@pytest.fixture
def rank_promotion():
    with jax.numpy_rank_promotion("allow"):
        yield


@pytest.mark.parametrize(("seed", "dt"), [(0, 1e-3), (1, 5e-4), (2, 1e-3)])
def test_rate_layers_on_samples(seed, dt):
    """The same numbers; Rockpool gives what comes out of a step the time of its start."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    tau = rng.uniform(5e-3, 0.1, n).astype(np.float32)
    times = np.sort(rng.uniform(0, 0.3, 60))
    times[0], times[-1] = 0.0, 0.3
    values = rng.normal(size=(60, n))
    theirs = RockpoolRateJax(n, tau=tau, activation_func="tanh", dt=dt).timed()
    their_output, their_state, _ = theirs(TSContinuous(times, values, interp_kind="linear"))
    ours = eqpool.RateJax(n, tau=tau, activation_func="tanh", dt=dt).timed()
    output, state, _ = ours(frame(times, values))
    np.testing.assert_allclose(
        output.values.reshape(-1, n), their_output.samples, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(output.t, their_output.times + dt, atol=1e-9)
    np.testing.assert_allclose(output.time_support.end[0], their_output.t_stop, atol=1e-9)
    np.testing.assert_allclose(state["module"]["x"], their_state["x"], rtol=1e-4, atol=1e-5)
    assert ours.set_attributes(state).t == pytest.approx(theirs.t)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("add_events", [True, False])
def test_rasters(seed, add_events):
    """Of events within steps; on borders Rockpool's own rounding decides."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, 1000, 300) * 1e-3 + rng.uniform(1e-5, 9.9e-4, 300))
    channels = rng.integers(0, 3, 300)
    expected = TSEvent(times, channels, t_start=0.0, t_stop=1.0, num_channels=3).raster(
        1e-3, 0.0, num_timesteps=1000, channels=np.arange(3), add_events=add_events
    )
    series = group(*(times[channels == c] for c in range(3)), span=(0.0, 1.0))
    found, _, _ = eqpool.Instant(3).timed(dt=1e-3, add_events=add_events)(series)
    np.testing.assert_array_equal(found.values, expected)


def test_the_default_counts_several_events_as_one():
    """The numbers of a layer of spiking neurons, whose input Rockpool takes as events."""
    arguments = dict(tau_mem=10e-3, tau_syn=5e-3, threshold=3.0, dt=1e-3)
    trains = [[0.0102, 0.0104, 0.0107, 0.0301], [0.0203, 0.0208], []]
    times = np.sort(np.concatenate(trains))
    channels = np.array([next(c for c, t in enumerate(trains) if time in t) for time in times])
    theirs = RockpoolLIFJax(3, spiking_input=True, **arguments).timed()
    their_series = TSEvent(times, channels, t_start=0.0, t_stop=0.05, num_channels=3)
    _, their_state, _ = theirs(their_series)
    ours = eqpool.LIFJax(3, spiking_input=True, **arguments).timed()
    _, state, _ = ours(group(*trains, span=(0.0, 0.05)))
    np.testing.assert_allclose(state["module"]["isyn"], their_state["isyn"], rtol=1e-5)
    _, counted, _ = eqpool.timed.TimedModule(ours.module, add_events=True)(
        group(*trains, span=(0.0, 0.05))
    )
    gained = np.asarray(counted["module"]["isyn"] - state["module"]["isyn"]).ravel()
    # Two more events in step 10 of 50, one more in step 20, each followed by its own decay.
    np.testing.assert_allclose(gained, [2 * np.exp(-40 / 5), np.exp(-30 / 5), 0.0], rtol=1e-3)


def test_output_events():
    """The same steps; Rockpool puts an event in the middle of its step."""
    mod = eqpool.DynapSim(3, synapses=("ampa",), Idc=[3e-10, 1e-9, 3e-9])
    output, _, _ = mod.timed()(duration=0.2)
    raster = np.asarray(mod(np.zeros((200, 3), np.float32))[0])
    theirs = TSEvent.from_raster(raster, 1e-3)
    assert len(theirs.times) > 10
    for n in range(3):
        np.testing.assert_allclose(
            output[n].t, theirs.times[theirs.channels == n] + 0.5e-3, atol=1e-9
        )


def test_lengths_of_runs():
    """Whole multiples of dt, by duration, by steps and by the input."""
    ours = eqpool.Instant(1).timed(dt=1e-3)
    for steps in (1, 3, 7, 29, 57, 100, 999):
        duration = steps * 1e-3
        theirs = RockpoolRate(1, dt=1e-3).timed()
        series = TSContinuous([0.0, duration], np.ones((2, 1)), interp_kind="linear")
        assert theirs._determine_timesteps(series) == steps
        assert theirs._determine_timesteps(None, duration) == steps
        assert len(ours(frame([0.0, duration], np.ones((2, 1))))[0]) == steps
        assert len(ours(duration=duration)[0]) == steps
