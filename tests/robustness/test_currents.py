"""Bias currents from 1e-14 A to 1e-6 A: legal, mostly absurd, and finite all the same."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

import eqpool
from tests.helpers import tiers


NEURONS, STEPS = 3, 50
MOD = eqpool.DynapSim((4 * NEURONS, NEURONS), has_rec=True, rng_key=0)
CURRENTS = [
    name
    for name, spec in eqpool.fields(MOD).items()
    if spec.unit == "A" and spec.role != "state" and name != "Iscale"
]


@functools.cache
def compiled(kernels, dtype=jnp.float32):
    """A run and its gradient, once for all currents."""
    mod = jax.tree.map(lambda x: x.astype(dtype) if eqx.is_inexact_array(x) else x, MOD)

    @jax.jit
    def run(values, x):
        def loss(values):
            output, state, record = mod.set_attributes(values)(x, record=True)
            total = jnp.sum(output) + 1e3 * jnp.sum(record["vmem"])
            return total, (output, state, record)

        return jax.value_and_grad(loss, has_aux=True)(values)

    x = jnp.zeros((STEPS, 4 * NEURONS), dtype)
    with eqpool.native_kernels(kernels):
        return run.lower({name: getattr(mod, name) for name in CURRENTS}, x).compile()


def largest_derivative(values, x):
    """In double precision."""
    with jax.enable_x64(True):
        values, x = jax.tree.map(lambda x: x.astype(jnp.float64), (values, x))
        gradient = compiled(False, jnp.float64)(values, x)[1]
        return max(np.max(np.abs(derivative)) for derivative in gradient.values())


@pytest.mark.parametrize("kernels", tiers([True, False], 1))
@example(seed=12974799, rate=1.0)  # a derivative of 1e39
@given(seed=st.integers(0, 2**32 - 1), rate=st.floats(0.0, 3.0))
@settings(max_examples=60, deadline=None)
def test_any_bias_currents(kernels, seed, rate):
    """Spikes, states and records are finite, and currents at least `Io`.

    Derivatives are finite too, where single precision holds them.
    """
    rng = np.random.default_rng(seed)
    values = {
        name: jnp.asarray(
            np.exp(rng.uniform(np.log(1e-14), np.log(1e-6), np.shape(getattr(MOD, name)))),
            jnp.float32,
        )
        for name in CURRENTS
    }
    x = jnp.asarray(rng.poisson(rate, (STEPS, 4 * NEURONS)), jnp.float32)
    (loss, (output, state, record)), gradient = compiled(kernels)(values, x)
    for path, value in jax.tree_util.tree_leaves_with_path((loss, output, state, record)):
        assert np.isfinite(np.asarray(value, float)).all(), jax.tree_util.keystr(path)
    if not all(np.isfinite(derivative).all() for derivative in gradient.values()):
        # A chaotic network, whose derivatives float32 cannot hold.
        assert largest_derivative(values, x) > 1e30
    assert np.all(output >= 0) and np.all(output == np.round(output))
    for name in ("imem", "iahp"):
        assert np.all(np.asarray(record[name]) >= np.asarray(values["Io"]) * (1 - 1e-6)), name
