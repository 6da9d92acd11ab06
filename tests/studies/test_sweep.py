"""Sweeps against one run for each setting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool.studies import sweep
from tests.helpers import wave


TAUS = jnp.array([0.01, 0.02, 0.05, 0.1])
BIASES = jnp.array([[0.0, 1.0], [1.0, -1.0], [2.0, 0.5]])


def network():
    return eqpool.Sequential(
        eqpool.RateJax(2, activation_func="tanh", rng_key=0), eqpool.Linear((2, 1), rng_key=1)
    )


def end(net, x):
    output, state, _ = net(x)
    return {"output": output[-1, 0], "x": state["0_RateJax"]["x"]}


def one_by_one(net, x, settings):
    return [end(net.set_attributes({"0_RateJax": setting}), x) for setting in settings]


def test_every_combination():
    """With a number of settings that no chunk divides, and one trace of the function."""
    net, x = network(), wave(10, 2)
    traces = []

    def counted(net, x):
        traces.append(1)
        return end(net, x)

    found = sweep(net, {"0_RateJax": {"tau": TAUS, "bias": BIASES}}, counted, x, chunk=5)
    assert len(traces) == 1
    assert found.shape == found.values["output"].shape == (4, 3)
    assert found.values["x"].shape == (4, 3, 2)
    assert [list(axis) for axis in found.axes] == [["0_RateJax.tau"], ["0_RateJax.bias"]]
    np.testing.assert_array_equal(found.axes[1]["0_RateJax.bias"], BIASES)
    expected = one_by_one(net, x, [{"tau": t, "bias": b} for t in TAUS for b in BIASES])
    for name in ("output", "x"):
        theirs = np.stack([one[name] for one in expected]).reshape(found.values[name].shape)
        np.testing.assert_allclose(found.values[name], theirs, rtol=1e-5, atol=1e-7)
    # Other values, and another network of the same kind: nothing is compiled anew.
    sweep(network(), {"0_RateJax": {"tau": 2 * TAUS, "bias": BIASES}}, counted, x, chunk=5)
    assert len(traces) == 1


def test_attributes_that_change_together():
    net, x = network(), wave(10, 2)
    along = [
        {"0_RateJax": {"tau": TAUS[:3], "bias": BIASES}},
        {"1_LinearJax": {"weight": jnp.stack([net[1].weight, jnp.zeros((2, 1))])}},
    ]
    found = sweep(net, along, end, x)
    assert found.shape == found.values["output"].shape == (3, 2)
    assert list(found.axes[0]) == ["0_RateJax.tau", "0_RateJax.bias"]
    expected = one_by_one(
        net, x, [{"tau": t, "bias": b} for t, b in zip(TAUS[:3], BIASES, strict=True)]
    )
    theirs = [one["output"] for one in expected]
    np.testing.assert_allclose(found.values["output"][:, 0], theirs, rtol=1e-5)
    np.testing.assert_array_equal(found.values["output"][:, 1], np.zeros(3))


@pytest.mark.slow
def test_a_sweep_is_differentiable(x64):
    """Wrt values of settings and wrt the module, inside `jit`; and of a gradient."""
    mod, x = eqpool.RateJax(2, activation_func="tanh", rng_key=0), wave(10, 2)

    def last(mod, x):
        return jnp.sum(mod(x)[0][-1])

    @jax.jit
    def total(threshold, taus):
        changed = mod.set_attributes({"threshold": threshold})
        return jnp.sum(sweep(changed, {"tau": taus}, last, x, chunk=3).values)

    def by_hand(threshold, taus):
        return sum(last(mod.set_attributes({"threshold": threshold, "tau": t}), x) for t in taus)

    at = jnp.array([0.1, 0.2]), jnp.asarray(TAUS, float)
    ours, theirs = jax.grad(total, (0, 1))(*at), jax.grad(by_hand, (0, 1))(*at)
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-10)

    gradients = sweep(mod, {"tau": at[1]}, eqpool.filter_grad(last, family="biases"), x).values
    one = eqpool.filter_grad(last, family="biases")(mod.set_attributes({"tau": at[1][2]}), x)
    np.testing.assert_allclose(gradients.bias[2], one.bias, rtol=1e-10)
