"""Gradients that fit into float32 are not lost on the way: intermediate values fit as well."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import tiers


N = 16
NAMES = ["w_rec", "Itau_mem", "Igain_mem", "Idc", "Io", "If_nmda", "C_mem", "C_ampa", "imem"]


def draw(seed):
    """Strong random weights: the gradient of w_rec is of 1e9 to 1e18."""
    rng = np.random.default_rng(seed)
    values = {
        "w_rec": rng.normal(size=(N, N, 4)) * 4,
        "Itau_mem": rng.uniform(3e-12, 2e-11, N),
        "Idc": 10 ** rng.uniform(-12, -10, N),
    }
    return values, rng.poisson(0.2, (300, 4 * N)) * 8.0


@functools.cache
def gradient(kernels, solver, surrogate):
    """Of the number of spikes, compiled once for all draws."""
    mod = eqpool.DynapSim(
        (4 * N, N), has_rec=True, rng_key=0, solver=solver, surrogate=surrogate(), **draw(0)[0]
    )
    start = {name: getattr(mod, name) for name in NAMES}

    def spikes(values, x):
        return jnp.sum(mod.set_attributes(values)(x)[0])

    x = jnp.zeros((300, 4 * N), jnp.float32)
    with eqpool.native_kernels(kernels):
        return start, jax.jit(jax.grad(spikes)).lower(start, x).compile()


CASES = [
    (False, eqpool.RockpoolEuler(), eqpool.Arctan),
    (True, eqpool.RockpoolEuler(), eqpool.Arctan),
    (False, eqpool.ForwardEuler(), eqpool.FastSigmoid),
    (False, eqpool.RockpoolEuler(), eqpool.Gaussian),
]


@pytest.mark.parametrize(("kernels", "solver", "surrogate"), tiers(CASES, 2))
@pytest.mark.parametrize("seeds", tiers([[7, 10, 11, 16, 28], range(30)], 1, slow=0))
def test_gradients_of_a_wild_network(kernels, solver, surrogate, seeds):
    start, compiled = gradient(kernels, solver, surrogate)
    largest = 0.0
    for seed in seeds:
        values, x = draw(seed)
        values = {name: jnp.asarray(value, jnp.float32) for name, value in values.items()}
        found = compiled(start | values, jnp.asarray(x, jnp.float32))
        for name, value in found.items():
            assert np.isfinite(value).all(), (seed, name)
        largest = max(largest, float(np.max(np.abs(found["w_rec"]))))
    assert largest > 1e6
