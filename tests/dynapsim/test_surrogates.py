"""Spike counts are exact, whatever stands in for their derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool


THRESHOLD, RESET = 1e-7, 5e-13


def spikes(surrogate, imem, threshold=THRESHOLD):
    return surrogate(*(jnp.asarray(x, float) for x in (imem, threshold, RESET)))


HEIGHTS = {
    "fast sigmoid": (lambda: eqpool.FastSigmoid(2.0), lambda u: 1 / (1 + 2 * abs(u)) ** 2),
    "arctan": (lambda: eqpool.Arctan(2.0), lambda u: 1 / (1 + (2 * u) ** 2)),
    "gaussian": (lambda: eqpool.Gaussian(0.5), lambda u: np.exp(-2 * u**2)),
    "own": (
        lambda: eqpool.CustomSurrogate(lambda u: jnp.maximum(1 - jnp.abs(u), 0.0)),
        lambda u: np.maximum(1 - abs(u), 0),
    ),
}


@pytest.mark.parametrize("name", HEIGHTS)
def test_derivatives_in_closed_form(name, x64):
    """Per nat around threshold, over the current: both modes, both arguments."""
    make, height = HEIGHTS[name]
    surrogate = make()
    u = np.array([-6.0, -0.7, -0.1, 0.0, 0.3])
    imem = jnp.asarray(1e-7 * np.exp(u))
    np.testing.assert_array_equal(spikes(surrogate, imem), np.maximum(np.ceil(u), 0))
    expected = height(u) / imem
    one = jnp.ones_like(imem)
    _, forward = jax.jvp(lambda i: spikes(surrogate, i), (imem,), (one,))
    reverse = jax.grad(lambda i: jnp.sum(spikes(surrogate, i)))(imem)
    np.testing.assert_allclose(forward, expected, rtol=1e-9)
    np.testing.assert_allclose(reverse, expected, rtol=1e-9)
    by_threshold = jax.grad(lambda t: jnp.sum(spikes(surrogate, imem, t)))(THRESHOLD)
    np.testing.assert_allclose(by_threshold, -np.sum(height(u)) / 1e-7, rtol=1e-9)
    mapped = jax.vmap(jax.grad(lambda i: spikes(surrogate, i)))(imem)
    np.testing.assert_allclose(mapped, expected, rtol=1e-9)


def test_further_steps_of_the_staircase_count_too(x64):
    surrogate = eqpool.Gaussian(0.1)
    slopes = [
        float(jax.grad(lambda u: spikes(surrogate, 1e-7 * jnp.exp(u)))(u))
        for u in (-1.0, 0.0, 0.5, 1.0, 2.0)
    ]
    np.testing.assert_allclose(slopes, [0.0, 1.0, 3.7e-6, 1.0, 1.0], atol=1e-7)
    capped = eqpool.Gaussian(0.1, max_spikes_per_dt=1)
    assert float(jax.grad(lambda u: spikes(capped, 1e-7 * jnp.exp(u)))(2.0)) < 1e-9


def test_reset_passes_no_derivative_through_the_spike_but_for_rockpools(x64):
    imem = jnp.asarray(1.5e-7)

    def after(surrogate):
        return lambda i: surrogate.reset(i, spikes(surrogate, i), jnp.asarray(RESET, float))

    assert float(jax.grad(after(eqpool.FastSigmoid()))(imem)) == 0.0
    # Tie of the clip at one spike: half of (Ireset - imem) times one per ampere.
    rockpool = jax.grad(after(eqpool.PiecewiseLinear()))(imem)
    np.testing.assert_allclose(rockpool, 0.5 * (5e-13 - 1.5e-7), rtol=1e-9)
    assert float(after(eqpool.FastSigmoid())(imem)) == 5e-13


def test_a_width_is_a_leaf_that_no_family_selects():
    """Annealing a surrogate does not compile anew."""
    count = 0

    @jax.jit
    def run(mod, x):
        nonlocal count
        count += 1
        return mod(x)[0]

    for slope in (1.0, 2.0, 5.0):
        mod = eqpool.DynapSim(2, surrogate=eqpool.FastSigmoid(slope), rng_key=0)
        run(mod, jnp.ones((3, 8)))
        assert eqpool.DynapSim(2, surrogate=eqpool.FastSigmoid(slope)).parameters() == {}
    assert count == 1


def test_a_function_is_wrapped():
    mod = eqpool.DynapSim(2, surrogate=lambda u: jnp.exp(-(u**2)))
    assert isinstance(mod.surrogate, eqpool.CustomSurrogate)
