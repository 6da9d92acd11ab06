"""Any number of neurons, steps and batch elements, in both precisions."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import eqpool
from tests.helpers import tiers, wave


BUILD = {
    # (With one neuron, (B, 1, 4) is a run of B steps: input may be (T, N, K).)
    "DynapSim": lambda n: eqpool.DynapSim((4 * n + 4, n + 1), has_rec=True, rng_key=0),
    "DynapSim, one type": lambda n: eqpool.DynapSim(
        n, synapses=("ampa",), Itau_mem=eqpool.Parameter(2e-12), rng_key=0
    ),
    "RateJax": lambda n: eqpool.RateJax(n, has_rec=True, noise_std=0.1, rng_key=0),
    "LIF": lambda n: eqpool.LIF((2 * n, n), rng_key=0),
    "AdExLIF": lambda n: eqpool.AdExLIF(n, rng_key=0),
    "network": lambda n: eqpool.Sequential(
        eqpool.Linear((2, n), rng_key=0), eqpool.ExpSyn(n), eqpool.Softmax((n, 2), rng_key=1)
    ),
}
EDGES = [(1, 0, None, False), (1, 1, 1, True), (3, 0, 2, False), (5, 2, None, True)]


def check(name, neurons, steps, batch, double):
    precision = jax.enable_x64(True) if double else contextlib.nullcontext()
    with precision:
        mod = BUILD[name](neurons)
        x = wave(steps, mod.size_in, batch)
        dtype = jnp.float64 if double else jnp.float32
        assert x.dtype == dtype

        def run(mod, x):
            output, state, record = mod(x, record=True)
            return jnp.sum(output), (output, state, record)

        (_, (output, state, record)), gradient = eqpool.filter_value_and_grad(run, has_aux=True)(
            mod, x
        )
        front = () if batch is None else (batch,)
        assert output.shape == (*front, steps, mod.size_out) and output.dtype == dtype
        for leaf in jax.tree.leaves(record):
            assert leaf.shape[: len(front) + 1] == (*front, steps)
        for leaf in jax.tree.leaves((output, state, record, gradient)):
            assert np.isfinite(np.asarray(leaf, float)).all()
        if steps == 0:
            floating = [v for v in jax.tree.leaves(state) if v.dtype == dtype]
            before = [v for v in jax.tree.leaves(mod.state()) if v.dtype == dtype]
            for new, old in zip(floating, before, strict=True):
                np.testing.assert_array_equal(new, np.broadcast_to(old, new.shape))
            assert all(not np.any(leaf) for leaf in jax.tree.leaves(gradient))
        # The state fits the module it came from.
        mod.set_attributes(state)(x)


@pytest.mark.parametrize("name", BUILD)
@pytest.mark.parametrize(("neurons", "steps", "batch", "double"), tiers(EDGES, 1, slow=0))
def test_edges(name, neurons, steps, batch, double):
    check(name, neurons, steps, batch, double)


@pytest.mark.long
@pytest.mark.parametrize("name", BUILD)
@given(
    neurons=st.integers(1, 6),
    steps=st.integers(0, 12),
    batch=st.sampled_from([None, 1, 3]),
    double=st.booleans(),
)
@settings(max_examples=6, deadline=None)
def test_any_shape(name, neurons, steps, batch, double):
    check(name, neurons, steps, batch, double)
