"""Bias currents from 1e-14 A to 1e-6 A: legal, mostly absurd, and finite all the same."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

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
def compiled(kernels):
    """A run and its gradient, once for all currents."""

    @jax.jit
    def run(values, x):
        def loss(values):
            output, state, record = MOD.set_attributes(values)(x, record=True)
            return jnp.sum(output) + 1e3 * jnp.sum(record["vmem"]), (output, state, record)

        return jax.value_and_grad(loss, has_aux=True)(values)

    x = jnp.zeros((STEPS, 4 * NEURONS))
    with eqpool.native_kernels(kernels):
        return run.lower({name: getattr(MOD, name) for name in CURRENTS}, x).compile()


@pytest.mark.parametrize("kernels", tiers([True, False], 1))
@given(seed=st.integers(0, 2**32 - 1), rate=st.floats(0.0, 3.0))
@settings(max_examples=60, deadline=None)
def test_any_bias_currents(kernels, seed, rate):
    """Spikes, states, records and every derivative are finite, and currents at least `Io`."""
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
    for path, value in jax.tree_util.tree_leaves_with_path((loss, output, state, record, gradient)):
        assert np.isfinite(np.asarray(value, float)).all(), jax.tree_util.keystr(path)
    assert np.all(output >= 0) and np.all(output == np.round(output))
    for name in ("imem", "iahp"):
        assert np.all(np.asarray(record[name]) >= np.asarray(values["Io"]) * (1 - 1e-6)), name
