"""Recurrent layers by their defaults: activity and gradients stay bounded, silence silent."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import tiers


STEPS = 300
MODELS = {
    "LIF": (lambda n, **kw: eqpool.LIF(n, has_rec=True, **kw), 100.0),
    "LIF, one spike": (lambda n, **kw: eqpool.LIF(n, has_rec=True, max_spikes_per_dt=1, **kw), 1.0),
    "RateJax": (lambda n, **kw: eqpool.RateJax(n, has_rec=True, **kw), 20.0),
    "LIF, two synapses": (lambda n, **kw: eqpool.LIF((2 * n, n), has_rec=True, **kw), 200.0),
    "leaky": (
        lambda n, **kw: eqpool.RateJax(n, has_rec=True, activation_func="leaky_relu", **kw),
        20.0,
    ),
    "AdExLIF": (lambda n, **kw: eqpool.AdExLIF(n, has_rec=True, **kw), 1.0),
    "DynapSim": (lambda n, **kw: eqpool.DynapSim(n, has_rec=True, synapses=("ampa",), **kw), 5.0),
    "DynapSim, four types": (lambda n, **kw: eqpool.DynapSim((4 * n, n), has_rec=True, **kw), 5.0),
}
FAST = [("LIF", 1), ("LIF", 20), ("LIF, one spike", 20), ("RateJax", 1)]
SLOW = [("LIF", 200), ("LIF, two synapses", 2), ("AdExLIF", 20), ("DynapSim", 20), ("leaky", 3)]
CASES = list(dict.fromkeys(FAST + SLOW + list(itertools.product(MODELS, (1, 2, 3, 20, 200)))))


@pytest.mark.parametrize(("name", "neurons"), tiers(CASES, len(FAST), slow=len(SLOW)))
def test_stable(name, neurons):
    build, most = MODELS[name]
    mod = build(neurons, rng_key=0)
    draws = range(20 if neurons < 20 else 3)

    @jax.jit
    def run(w_rec, x):
        def mean(w_rec):
            output, _, _ = mod.set_attributes({"w_rec": w_rec})(x)
            return jnp.mean(output), output

        return jax.value_and_grad(mean, has_aux=True)(w_rec)

    for rate in (0.0, 0.1, 1.0):
        for seed in draws:
            rng = np.random.default_rng(seed)
            x = jnp.asarray(rng.poisson(rate, (STEPS, mod.size_in)), jnp.float32)
            (_, output), gradient = run(build(neurons, rng_key=seed).w_rec, x)
            assert np.max(output) <= (most if rate else 0.0)
            assert np.linalg.norm(gradient) < 1e4


def test_lif_weights():
    """Uniform, in proportion to the threshold and to the rate at which a synapse forgets."""
    tau, threshold = np.array([[5e-3, 20e-3]] * 40), np.linspace(0.5, 2.0, 40)
    mod = eqpool.LIF((80, 40), has_rec=True, tau_syn=tau, threshold=threshold, rng_key=0)
    limit = 0.5 / np.sqrt(2 * 40) * (threshold[:, None] * np.expm1(1e-3 / tau)).reshape(-1)
    assert np.all(np.abs(mod.w_rec) <= limit * (1 + 1e-6))
    largest = np.max(np.abs(np.asarray(mod.w_rec)), 0)
    np.testing.assert_allclose(largest, limit, rtol=0.3)
    np.testing.assert_array_equal(mod.reset_parameters().w_rec, mod.w_rec)
    # A family of its own changes nothing; an initialiser draws what it draws.
    other = eqpool.LIF(
        (80, 40), has_rec=True, tau_syn=tau, threshold=threshold, rng_key=0,
        w_rec=eqpool.Parameter(family="recurrent"),
    )  # fmt: skip
    np.testing.assert_array_equal(other.w_rec, mod.w_rec)
    theirs = eqpool.LIF(40, has_rec=True, weight_init_func=eqpool.kaiming, rng_key=0)
    assert np.max(np.abs(theirs.w_rec)) > 0.9 * np.sqrt(6 / 40)


def test_small_rate_layers_do_not_grow():
    for n in (1, 2, 15):
        drawn = eqpool.RateJax(n, has_rec=True, rng_key=n).w_rec
        assert np.linalg.norm(drawn, 2) <= 0.9 * (1 + 1e-5)
    large = np.linalg.eigvals(np.asarray(eqpool.RateJax(200, has_rec=True, rng_key=0).w_rec))
    np.testing.assert_allclose(np.max(np.abs(large)), 1.0, atol=0.1)
