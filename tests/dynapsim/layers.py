"""Small layers of `DynapSim` for tests, and their input."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

import eqpool
from tests.helpers import assert_same_bits


FOUR, ONE = ("ampa", "gaba", "nmda", "shunt"), ("ampa",)
SOLVERS = {
    "rockpool": eqpool.RockpoolEuler(),
    "euler": eqpool.ForwardEuler(),
    "heun": diffrax.Heun(),
    "adaptive": eqpool.Diffrax(
        diffrax.Tsit5(), stepsize_controller=diffrax.PIDController(rtol=1e-5, atol=1e-5)
    ),
}


def build(solver="rockpool", synapses=ONE, n=3, seed=0, **kwargs):
    return eqpool.DynapSim(
        (n, n),
        has_rec=True,
        weight_init_func=lambda shape, key: 5.0 * jax.random.normal(key, shape),
        synapses=synapses,
        solver=SOLVERS[solver],
        rng_key=seed,
        **kwargs,
    )


def spiking_input(steps, n, batch=None, seed=0, synapses=ONE):
    """Counts that make the neurons spike now and then: `(..., T, N)` or `(..., T, N, K)`."""
    shape = (steps, n, len(synapses)) if batch is None else (batch, steps, n, len(synapses))
    counts = np.random.default_rng(seed).poisson(0.5, shape)
    strength = {"ampa": 80.0, "gaba": 0.5, "nmda": 20.0, "shunt": 2.0}
    x = jnp.asarray(counts * [strength[name] for name in synapses], jnp.result_type(float))
    return x[..., 0] if len(synapses) == 1 else x


def same(actual, expected):
    jax.tree.map(assert_same_bits, actual, expected)


def close(actual, expected, rtol=1e-4):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-30), actual, expected
    )
