"""A gradient with NaN or infinity gives one warning, with layer and family."""

import os
import subprocess
import sys
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool


def network():
    return eqpool.Sequential(
        eqpool.Linear((2, 3), rng_key=0), eqpool.ExpSyn(3), eqpool.Linear((3, 1), rng_key=1)
    )


@eqpool.filter_value_and_grad(family="weights")
def root_loss(net, x):
    # The slope of a root at zero is infinite.
    return jnp.sum(jnp.sqrt(jnp.abs(net[0](x)[0]))) + jnp.sum(net[2].weight)


bad, good = jnp.zeros((4, 2)), jnp.ones((4, 2))
MESSAGE = r"NaN or infinity for 0_LinearJax\.weight \(weights\)\. "


def test_outside_jit():
    with pytest.warns(UserWarning, match=MESSAGE) as caught:
        root_loss(network(), bad)
    assert [w.filename for w in caught] == [__file__]
    root_loss(network(), good)  # a warning would be an error


def test_once_inside_jit():
    step = eqx.filter_jit(lambda net, x: root_loss(net, x)[1])
    net = network()
    jax.block_until_ready(step(net, good))
    jax.effects_barrier()
    with pytest.warns(UserWarning, match=MESSAGE) as caught:
        for _ in range(3):
            gradient = step(net, bad)
        jax.effects_barrier()
    assert len(caught) == 1 and caught[0].filename == __file__
    assert np.isnan(gradient[0].weight).all() and np.isfinite(gradient[2].weight).all()


def test_inside_vmap_and_forward_over_reverse():
    net = network()
    ensemble = jax.jit(jax.vmap(lambda x: root_loss(net, x)[1][0].weight))
    jax.block_until_ready(ensemble(jnp.stack([good, 2 * good])))
    jax.effects_barrier()
    with pytest.warns(UserWarning, match=MESSAGE):
        jax.block_until_ready(ensemble(jnp.stack([good, bad])))
        jax.effects_barrier()

    @jax.jit
    def twice(x):
        return jax.jvp(lambda x: root_loss(net, x)[1][0].weight, (x,), (x,))[1]

    assert np.isfinite(twice(good)).all()


def test_it_can_be_left_out():
    net = network()
    silent = eqpool.filter_grad(
        lambda net: jnp.sum(jnp.sqrt(0 * net[0].weight)), check_finite=False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(silent(net)[0].weight).all()
    arrays, rest = eqx.partition(net, eqx.is_array)
    program = jax.make_jaxpr(lambda arrays: silent(eqx.combine(arrays, rest)))(arrays)
    assert "callback" not in str(program)


@pytest.mark.slow
def test_on_several_devices():
    code = """
import equinox as eqx, jax, jax.numpy as jnp, warnings, eqpool
from jax.sharding import AxisType, NamedSharding, PartitionSpec
mesh = jax.make_mesh((2,), ("batch",), (AxisType.Auto,))
x = jax.device_put(jnp.zeros((4, 3, 2)), NamedSharding(mesh, PartitionSpec("batch")))
net = eqpool.Linear((2, 3), rng_key=0)
step = eqx.filter_jit(eqpool.filter_grad(lambda net, x: jnp.sum(jnp.sqrt(jnp.abs(net(x)[0])))))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    jax.block_until_ready(step(net, x + 1.0))
    jax.effects_barrier()
    assert not caught
    jax.block_until_ready(step(net, x))
    jax.effects_barrier()
    assert len(caught) == 1 and "weight (weights)" in str(caught[0].message), caught
"""
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | flags)
