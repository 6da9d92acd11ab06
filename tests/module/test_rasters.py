"""Rasters of booleans and integers go into every module as the same numbers in floating point."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import assert_same_bits, small_net


RASTER = np.random.default_rng(0).random((2, 30, 3)) < 0.3
MODULES = [
    small_net(),
    eqpool.LIF(3, tau_mem=5e-3, rng_key=0),
    eqpool.DynapSim(3, synapses=("ampa",), Iscale=2e-7, rng_key=0),
    eqpool.FFwdStack(eqpool.ExpSyn(3, rng_key=0), eqpool.Softmax((3, 2), rng_key=1), rng_key=2),
    eqpool.Instant(3, jnp.tanh),
]


@pytest.mark.parametrize("mod", MODULES[:3], ids=lambda mod: mod.class_name)
def test_a_raster_is_its_numbers(mod):
    expected, states, _ = mod(RASTER[0].astype(np.float32))
    assert np.any(expected)
    for given in (RASTER[0], jnp.asarray(RASTER[0]), RASTER[0].astype(np.uint8)):
        output, state, _ = mod(given)
        assert_same_bits(output, expected)
        jax.tree.map(assert_same_bits, state, states)


@pytest.mark.parametrize("mod", MODULES, ids=lambda mod: mod.class_name)
def test_every_type_becomes_that_of_the_module(mod):
    for dtype in (bool, np.int8, np.uint64, jnp.int4):
        x = RASTER.astype(dtype)
        output = jax.eval_shape(lambda x=x: mod(x)[0])
        assert (output.shape, output.dtype) == ((2, 30, mod.size_out), jnp.float32)
    assert jax.eval_shape(lambda x: mod(x)[0], jnp.asarray(RASTER[0, :, :1])).dtype == jnp.float32


def test_gradients():
    mod = eqpool.Linear((3, 2), rng_key=0)
    gradient = eqx.filter_jit(eqx.filter_grad(lambda mod, x: jnp.sum(mod(x)[0] ** 2)))
    expected = gradient(mod, jnp.asarray(RASTER[0], jnp.float32))
    jax.tree.map(assert_same_bits, gradient(mod, jnp.asarray(RASTER[0])), expected)


@pytest.mark.untyped  # lists
def test_lists_and_numbers_beyond_32_bits():
    echo = eqpool.Instant(3)
    output, _, _ = echo([[True, False, True], [False, False, True]])
    np.testing.assert_array_equal(output, [[1, 0, 1], [0, 0, 1]])
    large = [[2**40, 2**31, 3]]
    for given in (large, np.array(large), np.array(large, np.uint64)):
        np.testing.assert_array_equal(echo(given)[0], np.float32(large))
    np.testing.assert_array_equal(
        jax.jit(lambda one: echo([one, one])[0])(jnp.array([1, 2, 3])), [[1, 2, 3]] * 2
    )
    counts = np.random.default_rng(0).poisson(2.0, (4, 9, 3))
    np.testing.assert_array_equal(echo(counts)[0], counts)


def test_a_module_in_double_precision(x64):
    mod = eqpool.RateJax(3, rng_key=0)
    assert mod(RASTER[0])[0].dtype == np.float64
    assert eqpool.Instant(3)(RASTER[0])[0].dtype == np.float64
    single = jax.tree.map(lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, mod)
    assert jax.eval_shape(single.evolve, RASTER[0])[0].dtype == np.float32


def test_a_raster_over_a_mesh_and_with_checkpoints():
    mesh = jax.make_mesh((1,), ("batch",), (jax.sharding.AxisType.Auto,))
    for run in (
        lambda x: MODULES[0](x, checkpoint=7)[0],
        lambda x: eqpool.evolve_sharded(MODULES[0], x, mesh)[0],
    ):
        assert jax.eval_shape(run, jnp.asarray(RASTER)).dtype == jnp.float32
