"""Exact spikes in float32: every run comes to its end, with the spikes of float64."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import tiers


DURATION, EVENTS = 0.05, 30


def between(rng, low, high, *shape):
    return np.exp(rng.uniform(np.log(low), np.log(high), shape))


def dynapsim(n, synapses, recurrent=False):
    """A network, and values of its parameters for each of many draws."""

    def build(solver):
        shape = (n, n, len(synapses)) if len(synapses) > 1 else (n, n)
        w_rec = dict(has_rec=True, w_rec=np.zeros(shape)) if recurrent else {}
        return eqpool.DynapSim(n, synapses=synapses, solver=solver, **w_rec)

    def draw(rng, mod, draws):
        values = {
            "Idc": between(rng, 1e-13, 5e-10, draws, n),
            "Itau_mem": between(rng, 2e-12, 3e-11, draws, n),
            "Iw_ahp": between(rng, 5e-13, 1e-7, draws, n),
        }
        if "nmda" in synapses:
            values["If_nmda"] = between(rng, 1e-12, 1e-10, draws, n)
        if recurrent:
            shape = draws, *mod.w_rec.shape
            strength = between(rng, 0.01, 3.0, draws, *(1 for _ in shape[1:]))
            values["w_rec"] = strength * rng.normal(0.02, 0.2, shape)
        return values

    return build, draw


def adex(n, recurrent):
    def build(solver):
        w_rec = dict(has_rec=True, w_rec=np.zeros((n, n))) if recurrent else {}
        return eqpool.AdExLIF(n, solver=solver, **w_rec)

    def draw(rng, mod, draws):
        values = {
            "Idc": rng.uniform(-1e-10, 1.2e-9, (draws, n)),
            "a": rng.uniform(-2e-9, 6e-9, (draws, n)),
            "b": between(rng, 1e-12, 3e-10, draws, n),
            "Delta_T": between(rng, 5e-4, 5e-3, draws, n),
        }
        if recurrent:
            values["w_rec"] = rng.normal(0.2, 0.7, (draws, n, n))
        return values

    return build, draw


def spikes(network, draws, double, tolerance=None, max_steps=4096):
    """Times and neurons of the spikes of every draw, all in one compiled run."""
    build, draw = network
    with jax.enable_x64(double):
        controller = tolerance and diffrax.PIDController(rtol=tolerance, atol=tolerance)
        mod = build(eqpool.EventDriven(None, controller, max_spikes=256, max_steps=max_steps))
        rng = np.random.default_rng(5)
        values = draw(rng, mod, draws)
        times = np.sort(rng.uniform(0.0, DURATION, (draws, EVENTS)), axis=1)
        channels = rng.integers(0, mod.size_in, (draws, EVENTS))
        weights = between(rng, 0.01, 2.0, draws, EVENTS)

        @jax.jit
        @jax.vmap
        def run(values, times, channels, weights):
            one = eqx.tree_at(lambda m: [getattr(m, k) for k in values], mod, [*values.values()])
            events = eqpool.Events(times, channels, mod.size_in, weights)
            found, _ = one.evolve_events(events, DURATION)
            return found.times, jnp.where(found.valid, found.channels, -1)

        given = jax.tree.map(jnp.asarray, (values, times, channels, weights))
        return jax.tree.map(np.asarray, run(*given))


def same_spikes(network, draws, max_steps):
    """Single precision against double, train by train."""
    times, neurons = spikes(network, draws, False, max_steps=max_steps)
    exact_times, exact_neurons = spikes(network, draws, True)
    assert times.dtype == np.float32 and exact_times.dtype == np.float64
    assert (exact_neurons >= 0).sum() > draws / 4
    for neuron in np.unique(exact_neurons[exact_neurons >= 0]):
        one, other = neurons == neuron, exact_neurons == neuron
        np.testing.assert_array_equal(one.sum(1), other.sum(1))
        np.testing.assert_allclose(times[one], exact_times[other], rtol=0, atol=2e-6)


def test_an_input_at_which_the_current_balances():
    """Excitation and shunt decay alike: near zero, their difference changes less than it rounds."""
    mod = eqpool.DynapSim(
        (2, 1), synapses=("ampa", "shunt"), solver=eqpool.EventDriven(max_steps=64)
    )
    net = eqpool.Sequential(eqpool.Linear((1, 2), weight=jnp.zeros((1, 2))), mod)
    weights = np.linspace(0.40615, 0.4063, 64)
    weights = np.stack([np.full(64, 0.412495), weights], axis=1)
    weights = np.concatenate([weights, [[0.412495, 0.40622485]]])[:, None]

    @jax.jit
    @jax.vmap
    def run(weight):
        one = eqx.tree_at(lambda n: n[0].weight, net, weight)
        return one.evolve_events(eqpool.Events([1e-3], [0], 1), 2.5e-3)[0].count

    assert not run(jnp.asarray(weights, jnp.float32)).any()


SMALL = {
    "one": dynapsim(1, ("ampa", "shunt")),
    "recurrent": dynapsim(3, ("ampa", "shunt"), recurrent=True),
    "gated": dynapsim(2, ("ampa", "nmda", "shunt")),
    "four types": dynapsim(8, ("ampa", "gaba", "nmda", "shunt"), recurrent=True),
    "one type": dynapsim(4, ("ampa",), recurrent=True),
    "adex": adex(1, recurrent=False),
    "adex recurrent": adex(6, recurrent=True),
}
TOLD_MOST = ("four types", "recurrent", "adex recurrent")


@pytest.mark.parametrize("network", tiers(dict.fromkeys((*TOLD_MOST, *SMALL)), 0, slow=3))
def test_random_networks_spike_as_in_double_precision(network, code_of_users):
    same_spikes(SMALL[network], 64, max_steps=1024)


@pytest.mark.slow
@pytest.mark.parametrize("tolerance", [1e-3, 1e-5, 1e-12])
@pytest.mark.parametrize("network", ["recurrent", "gated", "four types", "adex recurrent"])
def test_no_tolerance_stalls(network, tolerance, code_of_users):
    """Not even one below the precision. (More steps than `max_steps` are an error.)"""
    times, neurons = spikes(SMALL[network], 64, False, tolerance, max_steps=1024)
    assert np.isfinite(times[neurons >= 0]).all() and (neurons >= 0).any()
