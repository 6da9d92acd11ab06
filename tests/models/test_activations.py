import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqpool import physics
from tests.helpers import golden


FUNCTIONS = {"relu": physics.relu, "tanh": physics.tanh, "sigmoid": physics.sigmoid}


def with_derivatives(function, x, threshold):
    one = jnp.ones(())
    by_x = jax.vmap(lambda x, th: jax.jvp(lambda x: function(x, th), (x,), (one,))[1])
    by_threshold = jax.vmap(jax.grad(function, argnums=1))
    return function(x, threshold), by_x(x, threshold), by_threshold(x, threshold)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_reference(name):
    data = golden("activations")
    x, threshold = jnp.asarray(data["x"]), jnp.asarray(data["threshold"])
    results = with_derivatives(FUNCTIONS[name], x, threshold)
    for result, suffix in zip(results, ["y", "dx", "dthreshold"], strict=True):
        np.testing.assert_allclose(result, data[f"{name}_{suffix}"], rtol=1e-5, atol=1e-7)


def test_leaky_relu_closed_form():
    data = golden("activations")
    x, threshold = jnp.asarray(data["x"]), jnp.asarray(data["threshold"])
    y, dx, dthreshold = with_derivatives(physics.leaky_relu, x, threshold)
    above = data["x"] >= data["threshold"]
    slope = np.where(above, 1.0, 0.01)
    np.testing.assert_allclose(y, slope * (data["x"] - data["threshold"]), rtol=1e-6)
    np.testing.assert_allclose(dx, slope, rtol=1e-6)
    np.testing.assert_allclose(dthreshold, -slope, rtol=1e-6)
    # Above the threshold it is Rockpool's too; below, theirs is the constant 0.01.
    np.testing.assert_allclose(np.asarray(y)[above], data["lrelu_y"][above], rtol=1e-6)
    np.testing.assert_allclose(data["lrelu_y"][~above], 0.01, rtol=1e-6)


def test_rate_derivative():
    x, drive, tau = jnp.asarray([1.0, 2.0]), jnp.asarray([3.0, 2.0]), jnp.asarray([0.5, 0.1])
    np.testing.assert_allclose(physics.rate_derivative(x, drive, tau), [4.0, 0.0])
