"""Losses against closed forms; padding must not matter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import eqpool
from tests.helpers import small_net, wave


def data(batch=3, steps=6, channels=4, seed=0):
    rng = np.random.default_rng(seed)
    output = jnp.asarray(rng.normal(size=(batch, steps, channels)), jnp.float32)
    lengths = jnp.asarray(rng.integers(1, steps + 1, batch))
    labels = jnp.asarray(rng.integers(0, channels, batch))
    return output, labels, eqpool.length_mask(lengths, steps), lengths


def numpy_cross_entropy(logits, labels):
    logits = np.asarray(logits, np.float64)
    log_p = logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))
    return -np.mean(log_p[np.arange(len(labels)), np.asarray(labels)])


def test_length_mask():
    np.testing.assert_array_equal(
        eqpool.length_mask([0, 2, 3], 3), [[0, 0, 0], [1, 1, 0], [1, 1, 1]]
    )
    np.testing.assert_array_equal(eqpool.length_mask(2, 4), [1, 1, 0, 0])


def test_readouts():
    output, _, mask, lengths = data()
    for i, n in enumerate(np.asarray(lengths)):
        np.testing.assert_allclose(
            eqpool.time_average(output, mask)[i], np.mean(output[i, :n], axis=0), rtol=1e-5
        )
        np.testing.assert_array_equal(eqpool.last_output(output, mask)[i], output[i, n - 1])
    np.testing.assert_allclose(eqpool.time_average(output), np.mean(output, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(eqpool.last_output(output), output[:, -1])
    np.testing.assert_array_equal(eqpool.last_output(output[0], mask[0]), output[0, lengths[0] - 1])


@pytest.mark.parametrize("readout", [eqpool.time_average, eqpool.last_output])
def test_cross_entropy(readout):
    output, labels, mask, _ = data()
    logits = readout(output, mask)
    value = eqpool.cross_entropy(output, labels, mask, readout)
    assert float(value) == pytest.approx(numpy_cross_entropy(logits, labels), rel=1e-5)
    hits = np.argmax(logits, axis=-1) == np.asarray(labels)
    assert float(eqpool.accuracy(output, labels, mask, readout)) == pytest.approx(np.mean(hits))
    one = eqpool.cross_entropy(output[0], labels[0], mask[0], readout)
    assert float(one) == pytest.approx(numpy_cross_entropy(logits[:1], labels[:1]), rel=1e-5)


def test_label_smoothing():
    output, labels, mask, _ = data()
    logits = np.asarray(eqpool.time_average(output, mask), np.float64)
    log_p = logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))
    target = 0.7 * np.eye(4)[np.asarray(labels)] + 0.3 / 4
    value = eqpool.cross_entropy(output, labels, mask, label_smoothing=0.3)
    assert float(value) == pytest.approx(-np.mean(np.sum(target * log_p, axis=-1)), rel=1e-5)
    with pytest.raises(ValueError, match="label_smoothing must be from 0 to 1; got 1.5"):
        eqpool.cross_entropy(output, labels, mask, label_smoothing=1.5)


def test_mse():
    output, _, mask, lengths = data()
    target = output + 2.0
    assert float(eqpool.mse(output, target)) == pytest.approx(4.0, rel=1e-5)
    far = jnp.where(mask[..., None], target, 1e6)
    assert float(eqpool.mse(output, far, mask)) == pytest.approx(4.0, rel=1e-5)
    uneven = output.at[0, 0, 0].add(3.0)
    expected = 9.0 / (int(jnp.sum(lengths)) * 4)
    assert float(eqpool.mse(uneven, output, mask)) == pytest.approx(expected, rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), padding=st.sampled_from([0.0, 1e9, np.nan, np.inf]))
@pytest.mark.parametrize("readout", [eqpool.time_average, eqpool.last_output])
def test_padding_changes_nothing(readout, seed, padding):
    output, labels, mask, _ = data(seed=seed)
    padded = jnp.where(mask[..., None], output, padding)
    for function in (
        lambda out: eqpool.cross_entropy(out, labels, mask, readout),
        lambda out: eqpool.mse(out, jnp.zeros_like(out), mask),
    ):
        value, gradient = jax.value_and_grad(function)(padded)
        np.testing.assert_allclose(value, function(output), rtol=1e-6)
        assert not np.any(np.asarray(gradient)[~np.asarray(mask)])
        assert np.all(np.isfinite(gradient))


@pytest.mark.slow
def test_longer_padding_gives_the_gradients_of_none():
    """A sequence of 7 steps in a batch of 20 trains like the sequence by itself."""
    net, x = small_net(), wave(7, 3)
    padded = jnp.concatenate([x, 5 * jnp.ones((13, 3))])
    mask = eqpool.length_mask(7, 20)
    label = jnp.asarray(1)
    alone = eqpool.filter_grad(lambda n: eqpool.cross_entropy(n(x)[0], label))(net)
    inside = eqpool.filter_grad(lambda n: eqpool.cross_entropy(n(padded)[0], label, mask))(net)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7), inside, alone)


def test_a_sequence_without_steps_is_finite():
    output, labels, _, _ = data()
    mask = eqpool.length_mask([0, 3, 0], 6)
    for readout in (eqpool.time_average, eqpool.last_output):
        assert np.isfinite(eqpool.cross_entropy(output, labels, mask, readout))
    assert float(eqpool.mse(output, output + 1, jnp.zeros((3, 6), bool))) == 0


def test_transforms():
    output, labels, mask, _ = data()
    value = eqpool.cross_entropy(output, labels, mask)
    np.testing.assert_allclose(
        jax.jit(eqpool.cross_entropy)(output, labels, mask), value, rtol=1e-6
    )
    each = jax.vmap(eqpool.cross_entropy)(output, labels, mask)
    np.testing.assert_allclose(jnp.mean(each), value, rtol=1e-5)
    tangent = jax.jvp(lambda o: eqpool.cross_entropy(o, labels, mask), (output,), (output,))[1]
    gradient = jax.grad(eqpool.cross_entropy)(output, labels, mask)
    np.testing.assert_allclose(tangent, jnp.sum(gradient * output), rtol=1e-5)


@pytest.mark.parametrize(
    "call, error, match",
    [
        (lambda o, y, m: eqpool.mse(o, o[:, :3]), ValueError, r"one shape; got \(3, 6, 4\) and"),
        (lambda o, y, m: eqpool.mse(o, o, m[0]), ValueError, r"mask must .* \(3, 6\); got \(6,\)"),
        (lambda o, y, m: eqpool.time_average(o[0, 0]), ValueError, r"\(T, C\) or \(B, T, C\)"),
        (lambda o, y, m: eqpool.cross_entropy(o, y[:2]), ValueError, r"shape \(3,\), .*got \(2,\)"),
        (
            lambda o, y, m: eqpool.accuracy(o, y.astype(float)),
            TypeError,
            r"labels must be integers.*float32\[3\]",
        ),
    ],
)
def test_errors(call, error, match):
    output, labels, mask, _ = data()
    with pytest.raises(error, match=match):
        call(output, labels, mask)


class TestBoundsPenalty:
    def test_closed_form(self):
        mod = eqpool.RateJax(4, tau=[1e-3, 5e-3, 2e-2, 4e-2], bias=[-2.0, 0.0, 1.0, 3.0])
        inside = eqpool.bounds_penalty(mod, {"taus": (1e-3, 4e-2), "biases": (-2.0, 3.0)})
        assert float(inside) == 0
        both = eqpool.bounds_penalty(mod, {"taus": (5e-3, 1.5e-2)})
        expected = (0.4**2 + 0 + 0.5**2 + 2.5**2) / 4
        assert float(both) == pytest.approx(expected, rel=1e-5)
        one_sided = eqpool.bounds_penalty(mod, {"biases": (None, 2.0), "taus": (2e-3, None)})
        assert float(one_sided) == pytest.approx((0.5**2 + 0.5**2) / 8, rel=1e-5)
        at_zero = eqpool.bounds_penalty(mod, {"biases": (0.0, None)})
        assert float(at_zero) == pytest.approx(4 / 4)
        assert float(eqpool.bounds_penalty(mod, {"taus": (None, None)})) == 0

    def test_gradient_points_inside(self):
        mod = eqpool.RateJax(2, tau=[1e-3, 1e-2])
        gradient = eqpool.filter_grad(lambda m: eqpool.bounds_penalty(m, {"taus": (5e-3, 1.0)}))(
            mod
        )
        assert gradient.tau[0] < 0 and gradient.tau[1] == 0 and not np.any(gradient.bias)

    def test_errors(self):
        with pytest.raises(ValueError, match=r"lower must be below upper; got \(2, 1\) for 'taus'"):
            eqpool.bounds_penalty(eqpool.RateJax(2), {"taus": (2, 1)})
