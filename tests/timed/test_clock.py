"""Runs that go on, the clock, and records."""

import jax
import numpy as np
import pynapple as nap
import pytest
from scipy.interpolate import interp1d

import eqpool
from tests.helpers import assert_same_bits, assert_same_to_rounding, small_net, tiers
from tests.timed.networks import neurons, spiking_net
from tests.timed.series import assert_same_series, frame, group, joined, poisson, support, wiggle


NETS = {
    "spiking": (spiking_net(), poisson(2, 60)),
    "spiking, from samples": (spiking_net(), frame(np.arange(101) * 1e-3, np.ones((101, 2)) * 3)),
    "noisy rates": (small_net(noise_std=0.5), wiggle(3, 30)),
    "noisy rates, from events": (small_net(noise_std=0.5), poisson(3, 60)),
    "no state": (eqpool.Linear((2, 1), rng_key=0), poisson(2, 60)),
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("cut", tiers([50, 37, 1, 99], 1, slow=1))
def test_two_halves_are_one_run(name, cut):
    module, series = NETS[name]
    if isinstance(series, nap.TsdFrame):  # cut at a sample
        grid = np.round(np.arange(101) * 1e-3, 9)
        series = frame(grid, interp1d(series.t, series.values, axis=0)(grid))
    timed = module.timed(dt=1e-3)
    whole, state, record = timed(series, record=True)
    border = np.round(cut * 1e-3, 9)
    first, half, before = timed(series.restrict(support(0.0, border)), record=True)
    rest = timed.set_attributes(half)
    assert rest.t == border and int(rest.num_timesteps) == cut
    second, end, after = rest(series.restrict(support(border, 0.1)), record=True)
    # Products of whole numbers and 0.5 are exact.
    exact = name.startswith("spiking")
    tolerance = 0.0 if exact else 2e-6
    assert_same_series(joined(first, second), whole, tolerance)
    jax.tree.map(assert_same_bits if exact else assert_same_to_rounding, end, state)
    is_series = lambda x: not isinstance(x, dict)
    jax.tree.map(
        lambda a, b, c: assert_same_series(joined(a, b), c, tolerance),
        before,
        after,
        record,
        is_leaf=is_series,
    )


def test_clock():
    timed = small_net(noise_std=0.1).timed()
    assert (timed.t, timed.dt, int(timed.num_timesteps)) == (0.0, 1e-3, 0)
    _, state, _ = timed(num_timesteps=123)
    later = timed.set_attributes(state)
    assert (timed.t, later.t, int(later.num_timesteps)) == (0.0, 0.123, 123)
    assert jax.tree.structure(state) == jax.tree.structure(timed.state())
    assert list(state) == list(timed.state()) == ["num_timesteps", "module"]
    back = later.reset_state()
    assert back.t == 0.0
    jax.tree.map(assert_same_bits, back.state(), timed.state())
    assert_same_series(back(num_timesteps=5)[0], timed(num_timesteps=5)[0])


def test_a_clock_that_starts_before_zero():
    """Time relative to a stimulus."""
    timed = eqpool.Instant(1).timed(dt=1e-3).set_attributes({"num_timesteps": -50})
    output, state, _ = timed(group([-0.05, -0.0001, 0.0, 0.0499], span=(-0.05, 0.05)))
    np.testing.assert_array_equal(np.flatnonzero(output.values), [0, 49, 50, 99])
    assert output.t[49] == 0.0 and timed.set_attributes(state).t == 0.05


def test_call_is_evolve_and_nothing_mutates():
    timed, series = spiking_net().timed(), poisson(2, 30)
    before = jax.tree.map(np.array, timed.state())
    called, evolved = timed(series, 0.05, 50, True), timed.evolve(series, 0.05, 50, True)
    assert_same_series(called[0], evolved[0])
    jax.tree.map(assert_same_bits, timed.state(), before)


def test_double_precision(x64):
    timed = small_net().timed()
    output, state, _ = timed(wiggle(3, 20))
    assert output.values.dtype == np.float64
    assert timed.set_attributes(state).set_attributes({"num_timesteps": 7}).t == 0.007


def test_records_are_time_series():
    net, series = spiking_net(), poisson(2, 60)
    output, _, record = net.timed(add_events=True)(series, record=True)
    counts = eqpool.timed.to_events(series).raster(1e-3, 100)
    _, _, arrays = net(counts, record=True)
    assert list(record) == list(arrays)
    for layer in ("1_DynapSim", "3_DynapSim"):
        assert list(record[layer]) == list(arrays[layer])
        for name in ("imem", "vmem", "iampa", "iahp"):
            assert isinstance(record[layer][name], nap.TsdFrame)
            assert_same_bits(record[layer][name].values, arrays[layer][name])
            np.testing.assert_array_equal(record[layer][name].t, record["0_LinearJax_output"].t)
            np.testing.assert_array_equal(record[layer][name].time_support.values, [[0.0, 0.1]])
        assert_same_series(record[layer]["spikes"], record[f"{layer}_output"])
    assert_same_series(record["3_DynapSim_output"], output)
    for name in ("0_LinearJax_output", "2_LinearJax_output"):
        assert_same_bits(record[name].values, arrays[name])
    assert net.timed()(series)[2] == {}


def test_records_of_nested_combinators_and_of_modules_that_tell_no_spikes():
    inner = eqpool.Sequential(eqpool.Linear((2, 3), rng_key=0), neurons())
    net = eqpool.Sequential(inner, eqpool.Linear((3, 1), rng_key=0))
    _, _, record = net.timed()(poisson(2, 30), record=True)
    assert isinstance(record["0_Sequential"]["1_DynapSim"]["spikes"], nap.TsGroup)
    assert isinstance(record["0_Sequential_output"], nap.TsGroup)
    assert isinstance(record["1_LinearJax_output"], nap.Tsd)
    block = eqpool.Residual(neurons())  # adds its input, whatever that is, to spikes
    output, _, record = block.timed()(wiggle(3, 30), record=True)
    assert isinstance(output, nap.TsdFrame)
    assert isinstance(record["0_DynapSim_output"], nap.TsGroup)
    output, _, record = neurons(spiking_output=False).timed()(poisson(3, 30), record=True)
    assert isinstance(output, nap.TsdFrame) and isinstance(record["spikes"], nap.TsdFrame)
