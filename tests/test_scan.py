"""The loop over time steps as it is on a GPU, here on any device."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool import _scan
from tests.helpers import tiers


def noisy_decay(carry, x):
    """A step with a key in its state, as noise has."""
    key, y = carry
    key, now = jax.random.split(jax.random.wrap_key_data(key))
    y = 0.9 * y + jnp.tanh(x) + 0.1 * jax.random.normal(now, x.shape)
    return (jax.random.key_data(key), y), {"y": y, "square": y**2}


@pytest.mark.parametrize("steps", tiers([16, 43, 17, 19, 40], 2))
def test_unrolled_is_the_plain_scan(steps):
    start = (jax.random.key_data(jax.random.key(1)), jnp.ones(3))
    xs = jax.random.normal(jax.random.key(0), (steps, 3))

    def run(scan):
        def loss(y, xs):
            carry, ys = scan(noisy_decay, (start[0], y), xs)
            return jnp.sum(carry[1] * ys["square"].sum(0)), (carry, ys)

        return jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))(start[1], xs)

    ours = run(lambda step, init, xs: _scan.unrolled_scan(step, init, xs, steps))
    plain = run(jax.lax.scan)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_unrolled_without_state_or_input():
    xs = jnp.arange(18.0)
    _, ys = _scan.unrolled_scan(lambda carry, x: (carry, 2.0 * x), None, xs, 18)
    np.testing.assert_array_equal(ys, 2.0 * xs)
    end, ys = _scan.unrolled_scan(lambda carry, _: (carry + 1, carry), jnp.array(0), None, 18)
    np.testing.assert_array_equal(ys, np.arange(18))
    assert end == 18


@pytest.mark.parametrize("name", tiers(["LIFJax", "DynapSim", "RateJax"], 1))
def test_models_run_by_it(name, monkeypatch):
    """On a GPU they do; the same numbers come out of it here."""
    layer = getattr(eqpool, name)((4, 4), has_rec=True, rng_key=3)
    mod = eqpool.Sequential(eqpool.Linear((3, layer.size_in), rng_key=2), layer)
    x = jax.random.uniform(jax.random.key(0), (2, 42, 3), maxval=3.0)

    def run():
        @eqx.filter_jit
        @eqpool.filter_value_and_grad(family="weights", has_aux=True)
        def loss(mod):
            found = mod(x)
            return jnp.mean(found[0] ** 2), found

        return loss(mod)

    with eqpool.native_kernels(False):
        plain = jax.tree.leaves(run())
        jax.clear_caches()
        monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
        unrolled = jax.tree.leaves(run())
        monkeypatch.undo()
        jax.clear_caches()
    for a, b in zip(unrolled, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
