"""Exact spikes of `AdExLIF`: against SciPy, and their derivatives against central differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.event_driven.networks import sum_of, tight
from tests.event_driven.test_gradients import check
from tests.helpers import tiers
from tests.models.adex_reference import PATTERNS, ScipyAdEx


def trains(mod, duration, events=None):
    events = eqpool.Events([], [], mod.size_in) if events is None else events
    return mod.evolve_events(events, duration)[0].trains()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=marks.get(name, ()))
        for marks in [{"tonic": pytest.mark.slow, "accelerating": pytest.mark.long}]
        for name in PATTERNS
    ],
)
def test_firing_patterns(name, x64):
    """All spike times of 200 ms, to 1e-6 relative."""
    mod = eqpool.AdExLIF(1, solver=eqpool.EventDriven(), **PATTERNS[name])
    spikes, state = mod.evolve_events(eqpool.Events([], [], 1), 0.2)
    (ours,), (theirs, _, (vmem, iadapt, _)) = spikes.trains(), ScipyAdEx(mod).run(0.2)
    assert len(ours) == len(theirs) >= 1
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    np.testing.assert_allclose(state["vmem"], vmem, atol=1e-7)
    np.testing.assert_allclose(state["iadapt"], iadapt, rtol=1e-5)


def random_network(seed, n=8, solver=None):
    """Excitation and inhibition, every neuron different; with input events."""
    rng = np.random.default_rng(seed)
    mod = eqpool.AdExLIF(
        n,
        C=rng.uniform(100e-12, 300e-12, n),
        E_L=rng.uniform(-72e-3, -60e-3, n),
        V_reset=rng.uniform(-70e-3, -47e-3, n),
        a=rng.uniform(-5e-9, 5e-9, n),
        tau_syn=rng.uniform(2e-3, 9e-3, n),
        t_ref=rng.uniform(0.0, 3e-3, n),
        Idc=rng.uniform(2e-10, 6e-10, n),
        w_rec=rng.normal(0.0, 2.0, (n, n)),
        has_rec=True,
        solver=solver or eqpool.EventDriven(),
    )
    events = eqpool.Events(
        np.sort(rng.uniform(0.0, 0.06, 25)), rng.integers(0, n, 25), n, rng.normal(2.0, 4.0, 25)
    )
    return mod, events


@pytest.mark.parametrize("seed", tiers(range(6), 1, slow=1))
def test_random_networks_spike_as_in_scipy(seed, x64):
    mod, events = random_network(seed)
    spikes, state = mod.evolve_events(events, 0.06)
    count = int(spikes.count)
    times, neurons, (vmem, _, isyn) = ScipyAdEx(mod).run(
        0.06, *map(np.asarray, (events.times, events.channels, events.weights))
    )
    assert count == len(times) > 4
    np.testing.assert_array_equal(spikes.channels[:count], neurons)
    np.testing.assert_allclose(spikes.times[:count], times, rtol=1e-6)
    np.testing.assert_allclose(state["isyn"], isyn, rtol=1e-5, atol=1e-16)
    np.testing.assert_allclose(state["vmem"], vmem, atol=1e-6)


@pytest.mark.slow
def test_float32():
    mod, events = random_network(0)
    single, _ = mod.evolve_events(events, 0.06)
    times, neurons, _ = ScipyAdEx(mod).run(
        0.06, *map(np.asarray, (events.times, events.channels, events.weights))
    )
    assert single.times.dtype == jnp.float32
    np.testing.assert_array_equal(single.channels[: len(times)], neurons)
    np.testing.assert_allclose(single.times[: len(times)], times, rtol=0, atol=2e-5)


NAMES = ["C", "g_L", "a", "b", "Idc", "E_L", "V_reset", "Delta_T", "V_T", "V_peak", "tau_w",
         "tau_syn", "t_ref", "Iscale"]  # fmt: skip


def test_gradient_at_the_default_tolerance(x64):
    """The second spike of a neuron, wrt all its properties."""
    mod = eqpool.AdExLIF(1, Idc=1.2e-9, t_ref=2e-3, solver=eqpool.EventDriven(max_steps=512))

    @jax.jit
    @jax.value_and_grad
    def second(values):
        changed = mod.set_attributes(values)
        return changed.evolve_events(eqpool.Events([], [], 1), 0.03)[0].times[1]

    values = mod.parameters()
    time, gradient = second(values)
    assert time < 0.03
    for seed in range(4):
        size = np.random.default_rng(seed).uniform(0.05, 0.1, len(values))
        direction = {name: x * values[name] for name, x in zip(values, size, strict=True)}
        share = sum(jnp.sum(gradient[name] * direction[name]) for name in values)
        up, down = (
            second({name: values[name] + h * direction[name] for name in values})[0]
            for h in (1e-3, -1e-3)
        )
        np.testing.assert_allclose(share, (up - down) / 2e-3, rtol=1e-4)


@pytest.mark.parametrize("V_peak", tiers([20e-3, -44e-3], 0, slow=1))
def test_every_parameter_and_input(V_peak, x64):
    """All spike times of two coupled neurons, wrt every property, weight and input event.

    A peak that is low has a say in the times; the default one, e^-35 of a time constant away
    from infinity, has none that differences could show.
    """
    mod = eqpool.AdExLIF(
        2, Idc=[12e-10, 10e-10], V_peak=V_peak, t_ref=2e-3, V_reset=-60e-3, has_rec=True,
        w_rec=np.array([[0.0, 1.0], [-2.0, 0.0]]), solver=tight(),
    )  # fmt: skip
    names = [name for name in NAMES if name != "V_peak" or V_peak < 0.0]
    times, channels = jnp.array([3e-3, 9.3e-3, 21e-3, 30.7e-3]), [0, 1, 0, 1]
    values = [*(getattr(mod, name) for name in [*names, "w_rec"]), times, jnp.full(4, 2.0)]
    fields = (*names, "w_rec")

    def loss(values):
        changed = eqx.tree_at(lambda m: [getattr(m, n) for n in fields], mod, values[:-2])
        events = eqpool.Events(values[-2], channels, 2, values[-1])
        return sum_of(changed.evolve_events(events, 0.05)[0])

    found = trains(mod, 0.05, eqpool.Events(times, channels, 2, 2.0))
    assert all(len(train) >= 2 for train in found)
    # Potentials are relative to a tenth of a volt, and act by the exponential: small steps.
    check(loss, values, [*fields, "event times", "event weights"], step=2e-5)


@pytest.mark.slow
def test_gradients_in_float32_are_finite():
    mod, events = random_network(1)
    loss = lambda mod: sum_of(mod.evolve_events(events, 0.06)[0])
    gradient = eqx.filter_jit(eqpool.filter_grad(loss))(mod)
    for name, value in gradient.parameters().items():
        assert np.isfinite(value).all(), name
    assert np.any(gradient.w_rec != 0.0)


@pytest.mark.slow
def test_raster_events_and_states(x64):
    """A raster and events are the same run; two parts, cut within a refractory period, are one."""
    mod, events = random_network(2)
    grid = eqx.tree_at(lambda m: m.dt, mod, jnp.array(1e-3))
    x = jnp.zeros((60, 8)).at[::7, 3].set(4.0)
    raster, end, record = grid(x, record=True)
    whole, state = grid.evolve_events(eqpool.Events(7e-3 * np.arange(9), [3] * 9, 8, 4.0), 0.06)
    count = int(whole.count)
    assert raster.sum() == count > 5 and record["vmem"].shape == (60, 8)
    for name in state:
        np.testing.assert_allclose(end[name], state[name], rtol=1e-6, atol=1e-15)
    np.testing.assert_allclose(record["iadapt"][-1], end["iadapt"])

    cut = float(whole.times[3]) + 1e-4
    plain = mod.evolve_events(eqpool.Events([], [], 8), 0.05)
    first, middle = mod.evolve_events(eqpool.Events([], [], 8), cut)
    second, last = mod.set_attributes(middle).evolve_events(eqpool.Events([], [], 8), 0.05 - cut)
    joined = [*first.times[: int(first.count)], *(second.times[: int(second.count)] + cut)]
    np.testing.assert_allclose(joined, plain[0].times[: int(plain[0].count)], rtol=1e-6)
    np.testing.assert_allclose(last["vmem"], plain[1]["vmem"], atol=1e-7)


def test_above_the_peak_at_the_start_fires_at_once(x64):
    mod = eqpool.AdExLIF(3, solver=eqpool.EventDriven())
    mod = mod.set_attributes({"vmem": jnp.array([-70e-3, 30e-3, 20.001e-3])})
    spikes, state = mod.evolve_events(eqpool.Events([], [], 3), 1e-3)
    assert sorted(np.asarray(spikes.channels[: int(spikes.count)])) == [1, 2]
    np.testing.assert_allclose(spikes.times[:2], 0.0, atol=1e-12)
    np.testing.assert_allclose(state["iadapt"][1:], 80e-12, rtol=0.01)
