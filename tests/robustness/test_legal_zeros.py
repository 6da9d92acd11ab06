"""Every state and parameter at the lower end of its bounds: finite numbers and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import tiers


N, STEPS = 2, 6
ZERO = {"If_nmda": 0.0, "Idc": 0.0, "Iw_ahp": 0.0}
MODELS = {
    "DynapSim": (True, lambda: eqpool.DynapSim((4 * N, N), has_rec=True, rng_key=0, **ZERO)),
    "DynapSim, scan": (
        False,
        lambda: eqpool.DynapSim((4 * N, N), has_rec=True, rng_key=0, If_nmda=1e-11),
    ),
    "LIF": (True, lambda: eqpool.LIF((2 * N, N), has_rec=True, rng_key=0)),
    "RateJax": (True, lambda: eqpool.RateJax(N, has_rec=True, rng_key=0)),
    "ExpSyn": (True, lambda: eqpool.ExpSyn(N, rng_key=0)),
    "DynapSim, kernel": (
        True,
        lambda: eqpool.DynapSim((4 * N, N), has_rec=True, rng_key=0, If_nmda=1e-11),
    ),
    "DynapSim, ForwardEuler": (
        True,
        lambda: eqpool.DynapSim((4 * N, N), rng_key=0, solver=eqpool.ForwardEuler(), **ZERO),
    ),
    "AdExLIF": (True, lambda: eqpool.AdExLIF(N, has_rec=True, rng_key=0)),
    "ExpSmooth": (True, lambda: eqpool.ExpSmooth(N)),
    "Softmax": (True, lambda: eqpool.Softmax((N, N), rng_key=0)),
}


def at_lower_end(mod):
    """Zero in every state, and in every attribute that may be zero."""

    def ends(mod):
        found = {}
        for name, field in eqpool.fields(mod).items():
            value, bounds = getattr(mod, name), field.bounds
            if not jnp.issubdtype(value.dtype, jnp.floating):
                continue
            closed = bounds is not None and bounds.closed and bounds.lower == 0.0
            if field.role == "state" or closed:
                found[name] = jnp.zeros_like(value)
        return found

    return mod.set_attributes(ends(mod))


@pytest.mark.parametrize("name", tiers(MODELS, 2, slow=2))
def test_zeros(name):
    kernels, build = MODELS[name]
    mod = at_lower_end(build())

    def loss(leaves):
        net = jax.tree.unflatten(
            tree, [x if x is not None else y for x, y in zip(leaves, fixed, strict=True)]
        )
        output, state, record = net(jnp.ones((STEPS, mod.size_in)), record=True)
        everything = jax.tree.leaves((output, state, record))
        floating = [x for x in everything if jnp.issubdtype(x.dtype, jnp.floating)]
        return sum(jnp.sum(x) for x in floating), floating

    fixed, tree = jax.tree.flatten(mod)
    leaves = [x if jnp.issubdtype(x.dtype, jnp.floating) else None for x in fixed]
    with eqpool.native_kernels(kernels):
        gradient, results = jax.jit(jax.grad(loss, has_aux=True))(leaves)
    for value in (*results, *[g for g in gradient if g is not None]):
        assert np.isfinite(value).all()


def test_a_membrane_below_the_dark_current_starts_there():
    mod = eqpool.DynapSim(1, synapses=("ampa",), rng_key=0)
    x = 10.0 * jnp.ones((4, 1))
    _, _, expected = mod(x, record=True)
    for imem in (0.0, 1e-13):
        _, _, record = mod.set_attributes({"imem": [imem]})(x, record=True)
        np.testing.assert_array_equal(record["imem"], expected["imem"])
