"""Gradients that keep the state at the start of each segment and compute the rest again."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import tiers


def network():
    return eqpool.Sequential(eqpool.Linear((3, 6), rng_key=0), *layers())


def layers():
    return (
        eqpool.RateJax(
            6, has_rec=True, activation_func="tanh", noise_std=0.3, rng_key=1, solver=None
        ),
        eqpool.LIFJax(6, has_rec=True, rng_key=2),
        eqpool.ExpSynJax(6),
    )


def spread(x):
    return jnp.sum(x * jnp.cos(jnp.arange(x.size)).reshape(x.shape))


@pytest.mark.parametrize(
    ("batch", "checkpoints"),
    tiers([((2,), (True,)), ((), (True, 7, 40, 1000)), ((2,), (7, 40, 1000))], 1),
)
def test_one_run_bit_for_bit(batch, checkpoints, code_of_users):
    """Outputs, states, records and random numbers, also where the last segment is shorter."""
    # Without a `Linear`, which rounds by the number of steps.
    net = eqpool.Sequential(*layers())
    x = jax.random.normal(jax.random.key(0), (*batch, 40, 6)) * 20
    plain = net(x, record=True)
    for checkpoint in checkpoints:
        in_segments = net(x, record=True, checkpoint=checkpoint)
        assert jax.tree.structure(plain) == jax.tree.structure(in_segments)
        for one, other in zip(jax.tree.leaves(plain), jax.tree.leaves(in_segments), strict=True):
            np.testing.assert_array_equal(one, other)


def test_gradients(x64):
    """Of parameters, input and initial state, and in forward mode."""
    net = eqpool.Sequential(*list(network())[1:3])  # what has states that act on each other
    x = jax.random.normal(jax.random.key(0), (40, 6)) * 20

    def loss(net, x, checkpoint):
        output, state, record = net(x, record=True, checkpoint=checkpoint)
        floating = [v for v in jax.tree.leaves((output, state, record)) if v.dtype == x.dtype]
        return sum(spread(v) for v in floating)

    @eqx.filter_jit
    def gradients(checkpoint):
        # Everything but the keys, states too.
        varied, fixed = eqx.partition(net, eqx.is_inexact_array)
        primals = (varied, x)

        def f(varied, x):
            return loss(eqx.combine(varied, fixed), x, checkpoint)

        forward = jax.jvp(f, primals, primals)[1] if checkpoint else None
        along = jax.tree.map(jnp.vdot, gradient := jax.grad(f, (0, 1))(*primals), primals)
        return gradient, sum(jax.tree.leaves(along)), forward

    (plain, plain_dot, _), (ours, _, ours_dot) = gradients(False), gradients(7)
    for one, other in zip(jax.tree.leaves(plain), jax.tree.leaves(ours), strict=True):
        size = float(jnp.abs(one).max())
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-11 * size)
    np.testing.assert_allclose(ours_dot, plain_dot, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("solver", [eqpool.ForwardEuler(), eqpool.RockpoolEuler()])
def test_memory_grows_as_the_root(solver):
    """What XLA allocates beside what comes in and goes out: 64 times the steps, 8 times that."""

    def kept(steps, checkpoint):
        net = eqpool.DynapSim(16, has_rec=True, synapses=("ampa",), rng_key=0, solver=solver)
        params, rest = eqpool.partition(net)

        def loss(params, x):
            return jnp.mean(eqpool.combine(params, rest)(x, checkpoint=checkpoint)[0])

        x = jax.ShapeDtypeStruct((steps, 16), jnp.float32)
        compiled = jax.jit(jax.grad(loss)).lower(params, x).compile()
        # The spikes of the run and the cotangents of its input are as long as the input.
        return compiled.memory_analysis().temp_size_in_bytes - 2 * steps * 16 * 4

    with eqpool.native_kernels(False):
        whole, segments = kept(16384, False), kept(16384, True)
        assert segments < whole / 4
        assert segments < 12 * max(kept(256, True), 4096)


@pytest.mark.untyped
@pytest.mark.parametrize("wrong", [0, -3, 2.5, "sqrt"])
def test_bad_input(wrong):
    with pytest.raises(ValueError, match="checkpoint must be False, True .* got "):
        network()(jnp.ones((5, 3)), checkpoint=wrong)


def test_no_steps():
    output, _, _ = network()(jnp.zeros((0, 3)), checkpoint=True)
    assert output.shape == (0, 6)
