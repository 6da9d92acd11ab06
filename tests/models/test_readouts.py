"""Exponential synapses and filters, and the softmax readouts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
import scipy.special

import eqpool
from tests.helpers import wave


def test_exp_syn_is_a_recursive_filter(x64):
    tau = np.asarray([3e-3, 10e-3, 0.2])
    decay = np.exp(-1e-3 / tau)
    x = wave(100, 3, 2)
    output, state, record = eqpool.ExpSyn(3, tau)(x, record=True)
    for i in range(3):
        expected = scipy.signal.lfilter([decay[i]], [1, -decay[i]], x[..., i], axis=1)
        np.testing.assert_allclose(output[..., i], expected, rtol=1e-11)
    np.testing.assert_array_equal(state["isyn"], output[:, -1])
    np.testing.assert_array_equal(record["isyn"], output)


def test_exp_smooth_is_a_recursive_filter(x64):
    decay = np.exp(-1 / 100)
    x = wave(100, 3)
    output, state, record = eqpool.ExpSmooth(3, activation_fun=jnp.tanh)(x, record=True)
    expected = scipy.signal.lfilter([1], [1, -decay], x, axis=0)
    np.testing.assert_allclose(record["activation"], expected, rtol=1e-11)
    np.testing.assert_allclose(output, np.tanh(expected), rtol=1e-11)
    np.testing.assert_array_equal(state["activation"], record["activation"][-1])


def test_exp_syn_noise():
    _, _, record = eqpool.ExpSyn(2000, tau=1.0, noise_std=0.3)(jnp.zeros((1, 2000)), record=True)
    np.testing.assert_allclose(np.std(record["isyn"]), 0.3 * 1e-3**0.5, rtol=0.05)


@pytest.mark.parametrize("readout", [eqpool.Softmax, eqpool.LogSoftmax])
def test_readouts(readout, x64):
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(3, 4)), rng.normal(size=4)
    mod = readout(weight=w, bias=b, tau=20e-3)
    assert mod.shape == (3, 4)
    x = wave(50, 3, 2)
    output, state, record = mod(x, record=True)
    decay = np.exp(-1 / 20)
    currents = scipy.signal.lfilter([decay], [1, -decay], np.asarray(x) @ w + b, axis=1)
    function = scipy.special.softmax if readout is eqpool.Softmax else scipy.special.log_softmax
    np.testing.assert_allclose(output, function(currents, axis=-1), rtol=1e-10)
    np.testing.assert_allclose(state["smooth"]["isyn"], currents[:, -1], rtol=1e-10)
    np.testing.assert_allclose(record["smooth"]["isyn"], currents, rtol=1e-10)


@pytest.mark.parametrize(
    "build",
    [
        lambda: eqpool.ExpSyn(3, [5e-3, 1e-2, 2e-2]),
        lambda: eqpool.ExpSmooth(3, 2e-2, activation_fun=jnp.tanh),
        lambda: eqpool.Softmax((3, 4), rng_key=0, tau=1e-2),
        lambda: eqpool.LogSoftmax((3, 4), rng_key=0),
    ],
)
def test_gradients(build, x64):
    """Against central differences, for every element of every parameter."""
    mod, x = build(), wave(30, 3)
    target = jnp.cos(jnp.arange(30.0))[:, None]

    def loss(leaves):
        return jnp.sum(mod.set_attributes(jax.tree.unflatten(structure, leaves))(x)[0] * target)

    leaves, structure = jax.tree.flatten(mod.parameters())
    gradient = jax.grad(loss)(leaves)
    for i, leaf in enumerate(leaves):
        for index in np.ndindex(leaf.shape):
            h = 1e-6 * max(abs(float(leaf[index])), 1e-3)
            up, down = (
                [*leaves[:i], leaf.at[index].add(sign * h), *leaves[i + 1 :]] for sign in (1, -1)
            )
            expected = (loss(up) - loss(down)) / (2 * h)
            np.testing.assert_allclose(gradient[i][index], expected, rtol=1e-5, atol=1e-6)
