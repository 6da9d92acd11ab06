"""Bounds and norms of dictionaries of parameters, in numbers; beside Rockpool's: tests/parity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import small_net


PARAMS = {"a": jnp.array([-1.0, 0.5, 3.0]), "inner": {"b": jnp.array(2.0)}}


def bounded(**bounds):
    lower, upper = eqpool.make_bounds(PARAMS)
    return lower | bounds.get("lower", {}), upper | bounds.get("upper", {})


def test_bounds_start_infinite():
    lower, upper = eqpool.make_bounds(PARAMS)
    assert lower == {"a": -np.inf, "inner": {"b": -np.inf}}
    assert upper == {"a": np.inf, "inner": {"b": np.inf}}
    assert float(eqpool.bounds_cost(PARAMS, lower, upper)) == 0.0
    assert float(eqpool.bounds_cost(PARAMS, {}, {"inner": None})) == 0.0
    net = small_net()
    assert eqpool.make_bounds(net) == eqpool.make_bounds(net.parameters())


def test_cost_and_gradient():
    lower, upper = bounded(lower={"a": 0.0}, upper={"a": np.array([9.0, 9.0, 2.5])})
    upper["inner"]["b"] = 1.0
    cost, gradient = jax.value_and_grad(eqpool.bounds_cost)(PARAMS, lower, upper)
    np.testing.assert_allclose(cost, np.exp(1.0) + np.exp(0.5) + np.exp(1.0), rtol=1e-6)
    np.testing.assert_allclose(gradient["a"], [-np.exp(1.0), 0.0, np.exp(0.5)], rtol=1e-6)
    np.testing.assert_allclose(gradient["inner"]["b"], np.exp(1.0), rtol=1e-6)
    far = {"a": jnp.array([1e5, -1e5])}  # the exponential of the way back is infinite
    gradient = jax.grad(eqpool.bounds_cost)(far, {"a": -2e5}, {"a": 2e5})
    np.testing.assert_array_equal(gradient["a"], [0.0, 0.0])


def test_clip():
    clipped = eqpool.bounds_clip(PARAMS, {"a": 0.0}, {"a": 2.0, "inner": {"b": 1.5}})
    np.testing.assert_array_equal(clipped["a"], [0.0, 0.5, 2.0])
    assert float(clipped["inner"]["b"]) == 1.5
    net = small_net(tau=0.5)
    upper = {"1_RateJax": {"tau": 0.1}}
    clipped = net.set_attributes(eqpool.bounds_clip(net.parameters(), {}, upper))
    np.testing.assert_array_equal(clipped[1].tau, np.float32(0.1))


def test_with_filtered_training():
    net = small_net(tau=0.5)
    lower, upper = eqpool.make_bounds(net.parameters())
    upper["1_RateJax"]["tau"] = 0.4

    def cost(net):
        return eqpool.bounds_cost(net.parameters(), lower, upper)

    gradient = eqpool.filter_grad(cost, family="taus")(net)
    np.testing.assert_allclose(gradient[1].tau, np.exp(0.1), rtol=1e-5)
    assert gradient[0].weight is None
    half, _ = eqpool.partition(net, "taus")
    np.testing.assert_allclose(eqpool.bounds_cost(half, lower, upper), cost(net), rtol=1e-6)
    weights = [np.mean(np.square(net[i].weight)) for i in (0, 2)]
    weights.insert(1, np.mean(np.square(net[1].w_rec)))
    half, _ = eqpool.partition(net, "weights")
    for given in (net.parameters("weights"), half, [half]):
        np.testing.assert_allclose(eqpool.l2sqr_norm(given), np.mean(weights), rtol=1e-6)


def test_norms():
    np.testing.assert_allclose(eqpool.l2sqr_norm(PARAMS), ((1 + 0.25 + 9) / 3 + 4) / 2, rtol=1e-6)
    half = {"a": jnp.array([0.1, 0.0]), "b": np.array([10.0])}
    np.testing.assert_allclose(eqpool.l0_norm_approx(half), ((0.5 + 0.0) / 2 + 1.0) / 2, rtol=1e-5)
    assert float(eqpool.l2sqr_norm({"a": [1, 3], "b": 2})) == pytest.approx((1 + 9 + 4) / 3)
    gradient = jax.grad(eqpool.l0_norm_approx)({"a": jnp.zeros(3)})
    np.testing.assert_array_equal(gradient["a"], 0.0)


def test_sums_of_squares():
    x, y = jnp.arange(12.0).reshape(2, 3, 2), jnp.ones((2, 3, 2))
    np.testing.assert_allclose(eqpool.sse(x, y), np.sum((np.arange(12) - 1.0) ** 2))
    mask = eqpool.length_mask([1, 2], 3)
    np.testing.assert_allclose(eqpool.sse(x, y, mask), 1 + 25 + 36 + 49 + 64)
    with pytest.raises(ValueError, match=r"sse: output and target must have one shape; got \(2, 3"):
        eqpool.sse(x, y[0])


def test_softmax():
    x = np.array([0.3, -2.0, 1.5, 4.0], np.float32)
    for temperature in (1.0, 0.5):
        expected = np.exp(x / temperature) / np.exp(x / temperature).sum()
        np.testing.assert_allclose(eqpool.softmax(x, temperature), expected, rtol=1e-5)
        np.testing.assert_allclose(eqpool.logsoftmax(x, temperature), np.log(expected), rtol=1e-5)
    np.testing.assert_allclose(eqpool.softmax(x.reshape(2, 2)).sum(), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(eqpool.softmax(np.array([1, 2, 9]), 1e-30), [0, 0, 1])
    slope = jax.grad(lambda x: eqpool.logsoftmax(x)[0])(jnp.asarray(x))
    np.testing.assert_allclose(slope, np.eye(4)[0] - eqpool.softmax(x), rtol=1e-4, atol=1e-6)
