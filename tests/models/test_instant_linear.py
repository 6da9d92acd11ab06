import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import golden, relative_error


def test_instant_reference():
    data = golden("instant")
    mod = eqpool.Instant(4, jnp.tanh)
    output, state, record = mod(data["input"], record=True)
    assert relative_error(output, data["out"]) < 1e-6
    assert state == record == {}
    single, _, _ = mod(data["input"][0])
    assert relative_error(single, data["out_2d"][0]) < 1e-6
    broadcast, _, _ = mod(data["input"][:, :, :1])
    assert relative_error(broadcast, data["out_bc"]) < 1e-6


def test_instant_has_no_attributes():
    mod = eqpool.Instant((4, 4))
    assert mod.parameters() == mod.state() == mod.simulation_parameters() == {}
    x = jnp.arange(8.0).reshape(2, 4)
    np.testing.assert_array_equal(mod(x)[0], x)


def test_instant_function_sees_the_whole_array_of_one_element():
    mod = eqpool.Instant(2, lambda x: x / jnp.max(x))
    x = jnp.asarray([[[1.0, 2.0], [4.0, 3.0]], [[10.0, 5.0], [1.0, 0.0]]])
    expected = x / jnp.asarray([4.0, 10.0])[:, None, None]
    np.testing.assert_allclose(mod(x)[0], expected, rtol=1e-6)


def test_instant_may_hold_a_module():
    mlp = eqx.nn.MLP(3, 2, 5, 1, key=jax.random.key(0))
    mod = eqpool.Instant((3, 2), eqx.filter_vmap(mlp))
    x = jnp.ones((7, 3))
    np.testing.assert_allclose(mod(x)[0], jax.vmap(mlp)(x), rtol=1e-6)

    class Scale(eqx.Module):
        gain: jax.Array
        function: object = jnp.tanh  # a leaf that is not an array

        def __call__(self, x):
            return self.gain * jnp.tanh(x)

    mod = eqpool.Instant(3, Scale(jnp.asarray(2.0)))
    assert all(eqx.is_array(leaf) for leaf in jax.tree.leaves(mod))
    output = jax.jit(lambda m, x: m(x)[0])(mod, x)
    np.testing.assert_allclose(output, 2 * np.tanh(x), rtol=1e-6)
    # Its array is a leaf of no family: trained by choosing it, never by accident.
    spec = jax.tree.map(lambda leaf: eqx.is_inexact_array(leaf), mod)
    trainable, frozen = eqx.partition(mod, spec)
    gradient = jax.grad(lambda t: jnp.sum(eqx.combine(t, frozen)(x)[0]))(trainable)
    np.testing.assert_allclose(jax.tree.leaves(gradient)[0], np.sum(np.tanh(x)), rtol=1e-6)


def test_instant_wrong_output_shape():
    mod = eqpool.Instant(3, lambda x: x[:, :2], name="cut")
    with pytest.raises(
        ValueError, match=r"InstantJax 'cut'.*\(T, N_out\) = \(7, 3\); got float32\[7,2\]"
    ):
        mod(jnp.ones((7, 3)))


def test_linear():
    weight = np.arange(6.0).reshape(2, 3)
    bias = np.asarray([1.0, -1.0, 0.5])
    x = jnp.asarray([[1.0, 2.0], [0.0, -1.0]])
    mod = eqpool.Linear((2, 3), weight=weight)
    assert list(mod.parameters()) == ["weight"] and mod.bias is None
    np.testing.assert_allclose(mod(x)[0], np.asarray(x) @ weight)
    mod = eqpool.Linear((2, 3), weight=weight, bias=bias, has_bias=True)
    assert list(mod.parameters("biases")) == ["bias"]
    np.testing.assert_allclose(mod(x)[0], np.asarray(x) @ weight + bias)
    np.testing.assert_allclose(mod(x[None])[0], (np.asarray(x) @ weight + bias)[None])


def test_linear_float64(x64):
    x = np.random.default_rng(0).normal(size=(5, 3))
    mod = eqpool.Linear((3, 2), has_bias=True, rng_key=0)
    expected = x @ np.asarray(mod.weight) + np.asarray(mod.bias)
    assert relative_error(mod(x)[0], expected) < 1e-14


@pytest.mark.parametrize("batch", [(), (3,)])
def test_linear_in_parts_is_one_product_to_rounding(batch, code_of_users):
    """However few the steps of a part: to the bound on the error of a sum of 200 products."""
    x = np.random.default_rng(0).normal(size=(*batch, 40, 200)).astype(np.float32)
    mod = eqpool.Linear((200, 16), has_bias=True, rng_key=0)
    weight, bias = np.asarray(mod.weight, np.float64), np.asarray(mod.bias, np.float64)
    expected = x.astype(np.float64) @ weight + bias
    bound = 201 * 2.0**-24 * (np.abs(x) @ np.abs(weight) + np.abs(bias))
    for cuts in ([], [20], [1, 2, 5, 13], [39]):
        parts = [mod(part)[0] for part in np.split(x, cuts, axis=-2)]
        assert np.all(np.abs(np.concatenate(parts, axis=-2) - expected) < 1.01 * bound)


def test_linear_is_one_matrix_product():
    """Not a loop over steps, nor one product for each element."""
    mod = eqpool.Linear((4, 3), has_bias=True, rng_key=0)
    loss = eqpool.filter_value_and_grad(lambda mod, x: jnp.sum(mod(x)[0] ** 2))
    for call, products in ((lambda mod, x: mod(x)[0], 1), (loss, 2)):
        text = eqx.filter_jit(call).lower(mod, jnp.ones((2, 10, 4))).as_text()
        assert text.count("stablehlo.dot_general") == products and "while" not in text


def test_linear_initial_values():
    mod = eqpool.Linear((400, 300), has_bias=True, rng_key=3)
    limit = np.sqrt(6 / 400)
    weight = np.asarray(mod.weight)
    assert np.abs(weight).max() <= limit
    assert weight.std() == pytest.approx(limit / np.sqrt(3), rel=0.01)
    assert np.abs(np.asarray(mod.bias)).max() <= np.sqrt(1 / 300)
    again = eqpool.Linear((400, 300), has_bias=True, rng_key=3)
    np.testing.assert_array_equal(mod.weight, again.weight)
    other = eqpool.Linear((400, 300), rng_key=4, weight_init_func=eqpool.xavier)
    assert np.abs(np.asarray(other.weight)).max() <= np.sqrt(6 / 700)
    flax_style = eqpool.Linear((4, 3), rng_key=1, weight_init_func=jax.nn.initializers.normal(1e-3))
    assert np.abs(np.asarray(flax_style.weight)).max() < 1e-2
    zeros = eqpool.Linear((4, 3), weight_init_func=jnp.zeros)
    assert not np.any(zeros.weight)
