"""Spike times against an independent reference, SciPy, and the solvers on a grid."""

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.event_driven.networks import one_neuron, random_network, without_synapses
from tests.event_driven.scipy_network import ScipyNetwork
from tests.helpers import golden, tiers


def trains(mod, duration, events=None):
    events = eqpool.Events([], [], mod.size_in) if events is None else events
    return mod.evolve_events(events, duration)[0].trains()


@pytest.mark.parametrize("row", range(3))
def test_reference_spike_times_with_adaptation(row, x64):
    """First spikes and every interval after them, to 1e-6 relative."""
    data = golden("membrane_exact")
    exact = data["dynamic_spike_times"][row]
    mod = eqpool.DynapSim(
        len(exact), Idc=data["Idc"], Iw_ahp=float(data["Iw_ahp"][row]), synapses=("ampa",),
        solver=eqpool.EventDriven(max_spikes=4096),
    )  # fmt: skip
    duration = 0.5
    found, compared = trains(without_synapses(mod), duration), 0
    for ours, theirs in zip(found, exact, strict=True):
        theirs = theirs[np.isfinite(theirs) & (theirs < duration)]
        assert len(ours) >= len(theirs)
        ours = ours[: len(theirs)]
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
        np.testing.assert_allclose(np.diff(ours), np.diff(theirs), rtol=1e-6)
        compared += len(theirs)
    assert compared > 30


def test_reference_spike_times_with_frozen_adaptation(x64):
    """A large capacitance holds the adaptation current where it starts."""
    data = golden("membrane_exact")
    first, isi = data["frozen_first_spike_time"], data["frozen_isi"]
    for i, iahp in enumerate(data["iahp_frozen"]):
        n = len(data["Idc"])
        mod = eqpool.DynapSim(
            n, Idc=data["Idc"], C_ahp=4.0, Ipulse_ahp=2e-6, synapses=("ampa",),
            solver=eqpool.EventDriven(),
        )  # fmt: skip
        mod = without_synapses(mod).set_attributes({"iahp": jnp.full(n, iahp)})
        found = trains(mod, 0.3)
        fired = 0
        for j in range(n):
            if np.isfinite(first[i, j]) and first[i, j] + isi[i, j] < 0.3:
                np.testing.assert_allclose(found[j][0], first[i, j], rtol=1e-6)
                np.testing.assert_allclose(np.diff(found[j])[0], isi[i, j], rtol=1e-6)
                fired += 1
        assert fired >= 4


@pytest.mark.parametrize("seed", tiers(range(20), 1, slow=5))
def test_random_networks_spike_as_in_scipy(seed, x64):
    """The same neurons in the same order, within a microsecond."""
    mod, events = random_network(seed)
    spikes, _ = mod.evolve_events(events, 0.2)
    count = int(spikes.count)
    channels, weights = np.asarray(events.channels), np.asarray(events.weights)
    times, neurons = ScipyNetwork(mod).run(
        np.asarray(events.times), channels // 4, channels % 4, weights, 0.2
    )
    assert count == len(times) > 12
    np.testing.assert_array_equal(spikes.channels[:count], neurons)
    np.testing.assert_allclose(spikes.times[:count], times, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "solver",
    tiers([diffrax.Kvaerno5(), diffrax.Heun(), diffrax.Dopri8()], 0, slow=1),
    ids=lambda s: type(s).__name__,
)
def test_any_adaptive_solver_finds_the_same_spikes(solver, x64):
    mod, events = random_network(3, n=5, num_events=20)
    controller = diffrax.PIDController(rtol=1e-7, atol=1e-7)
    other = eqpool.EventDriven(solver, controller, max_steps=100_000)
    expected, _ = mod.evolve_events(events, 0.2)
    # Static fields are the same for both but for the solver.
    found, _ = eqx.tree_at(lambda m: m.solver, mod, other).evolve_events(events, 0.2)
    assert int(found.count) == int(expected.count) > 2
    count = int(found.count)
    np.testing.assert_array_equal(found.channels[:count], expected.channels[:count])
    np.testing.assert_allclose(found.times[:count], expected.times[:count], rtol=0, atol=2e-6)


@pytest.mark.slow
def test_solvers_on_a_grid_converge_to_it(x64):
    """Exact spike times are the limit of a fine grid."""
    mod, events = random_network(5, n=6, num_events=30, duration=0.1)
    exact = trains(mod, 0.1, events)
    assert sum(map(len, exact)) > 3
    errors = []
    for dt in (4e-4, 1e-4, 2.5e-5):
        grid = eqx.tree_at(
            lambda m: (m.solver, m.dt), mod, (eqpool.Diffrax(diffrax.Heun()), jnp.array(dt))
        )
        found = trains(grid, 0.1, events)
        assert [len(train) for train in found] == [len(train) for train in exact]
        errors.append(max(np.abs(a - b).max() for a, b in zip(found, exact, strict=True) if len(a)))
    assert errors[0] > 2 * errors[1] > 4 * errors[2] and errors[2] < 3e-4, errors


@pytest.mark.slow
def test_float32_is_close_to_float64():
    mod, events = random_network(1)
    single, _ = mod.evolve_events(events, 0.2)
    assert single.times.dtype == jnp.float32
    import jax

    with jax.enable_x64(True):
        mod, events = random_network(1)
        double, _ = mod.evolve_events(events, 0.2)
    count = int(double.count)
    assert int(single.count) == count
    np.testing.assert_array_equal(single.channels[:count], double.channels[:count])
    np.testing.assert_allclose(single.times[:count], double.times[:count], rtol=0, atol=2e-5)


def test_refractory_period_ends_at_its_own_time(x64):
    """Driven so hard that it fires as soon as it can: the interval is t_ref and a rise."""
    rises = []
    for t_ref in (1e-3, 1.2345e-3):
        mod = eqpool.DynapSim.from_specification(
            1, t_ref=t_ref, Idc=2e-8, synapses=("ampa",), solver=eqpool.EventDriven()
        )
        (train,) = trains(mod, 0.05)
        intervals = np.diff(train)
        assert len(intervals) > 5
        rises.append(intervals[:5] - t_ref)
    np.testing.assert_allclose(rises[0], rises[1], rtol=1e-4)
    assert (rises[0] > 0.0).all()


def test_input_arrives_at_its_own_time(x64):
    """A shift of all input by less than any step shifts all spikes by as much."""
    mod = without_synapses(one_neuron(("ampa",), Idc=1e-12))
    times = np.array([2e-3, 3.1e-3, 3.7e-3, 9e-3])

    def first(shift):
        return trains(mod, 0.1, eqpool.Events(times + shift, [0] * 4, 1, 0.5))[0][0]

    # At rest before the first spike arrives, so that nothing else tells the two apart.
    np.testing.assert_allclose(first(1.37e-5) - first(0.0), 1.37e-5, rtol=1e-4)


@pytest.mark.slow
def test_above_threshold_at_the_start_fires_at_once(x64):
    mod = eqpool.DynapSim(3, synapses=("ampa",), solver=eqpool.EventDriven())
    mod = mod.set_attributes({"imem": jnp.array([5e-13, 2e-7, 1e-7])})
    spikes, state = mod.evolve_events(eqpool.Events([], [], 3), 1e-3)
    np.testing.assert_array_equal(spikes.channels[: int(spikes.count)], [1, 2])
    np.testing.assert_array_equal(spikes.times[:2], 0.0)
    raster, _, _ = mod(jnp.zeros((1, 3)))
    np.testing.assert_array_equal(raster, [[0.0, 1.0, 1.0]])


def test_identical_neurons_fire_together(x64):
    mod = eqpool.DynapSim(4, Idc=1e-10, synapses=("ampa",), solver=eqpool.EventDriven())
    spikes, _ = mod.evolve_events(eqpool.Events([], [], 4), 0.1)
    assert int(spikes.count) == 4
    np.testing.assert_allclose(spikes.times[:4], spikes.times[0], rtol=1e-12)


def test_a_crossing_that_is_only_just_one(x64):
    """A short visit above threshold is seen at any tolerance: the peak is what decides."""

    def fires(weight):
        solver = eqpool.EventDriven(stepsize_controller=diffrax.PIDController(rtol=1e-5, atol=1e-5))
        mod = one_neuron(("ampa", "gaba"), solver, Idc=1e-12)
        events = eqpool.Events([1e-3, 1.1e-3], [0, 1], 2, [weight, 0.02])
        return int(mod.evolve_events(events, 0.2)[0].count)

    low, high = 0.05, 50.0
    assert fires(low) == 0 and fires(high) >= 1
    for _ in range(30):
        middle = np.sqrt(low * high)
        low, high = (low, middle) if fires(middle) else (middle, high)
    assert high / low - 1 < 1e-6 and fires(high * 1.01) == 1 and fires(low * 0.99) == 0
