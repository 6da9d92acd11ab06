"""Noise on the membrane of `DynapSim`: how large it is, and that runs go on with it."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool


N = 20_000
SOLVERS = {"rockpool": eqpool.RockpoolEuler(), "euler": eqpool.ForwardEuler()}


@pytest.mark.parametrize("solver", SOLVERS)
def test_its_size(solver):
    """One step adds `noise_std*sqrt(dt)` times a normal number, far from the floor."""

    def after(noise_std, steps):
        mod = eqpool.DynapSim(
            N, synapses=("ampa",), noise_std=noise_std, solver=SOLVERS[solver], rng_key=3
        )
        mod = mod.set_attributes({"imem": jnp.full(N, 1e-9)})
        return mod(jnp.zeros((steps, N)))

    noise_std = 1e-10
    _, noisy, _ = after(noise_std, 1)
    _, still, _ = after(0.0, 1)
    kicks = np.asarray(noisy["imem"] - still["imem"]) / (noise_std * np.sqrt(1e-3))
    # Four standard errors of mean and deviation.
    assert abs(kicks.mean()) < 4 / np.sqrt(N)
    assert abs(kicks.std() - 1.0) < 4 / np.sqrt(2 * N)
    assert not jnp.array_equal(noisy["rng_key"], still["rng_key"])


@pytest.mark.parametrize("solver", SOLVERS)
def test_two_halves_are_one_run(solver, code_of_users):
    """Halves of one length, so that they share what is compiled."""
    mod = eqpool.DynapSim(
        8, noise_std=3e-10, Idc=1e-10, solver=SOLVERS[solver], has_rec=True, rng_key=0,
        synapses=("ampa",),
    )  # fmt: skip
    x = jnp.asarray(np.random.default_rng(0).poisson(0.2, (60, 8)), jnp.float32)
    whole, end, _ = mod(x)
    first, middle, _ = mod(x[:30])
    second, rest, _ = mod.set_attributes(middle)(x[30:])
    np.testing.assert_array_equal(jnp.concatenate([first, second]), whole)
    assert eqx.tree_equal(rest, end) and whole.sum() > 0
