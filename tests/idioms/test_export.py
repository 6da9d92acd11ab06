"""Programs that `jax.export` writes for any batch size and any number of time steps."""

import importlib.util

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import eqpool
from tests.helpers import tiers


SPARSE = eqpool.SparseWeights.from_dense(np.eye(2))
MODELS = {
    "rate": lambda: eqpool.RateJax(2, has_rec=True, noise_std=0.1, rng_key=0),
    "lif": lambda: eqpool.LIF((4, 2), has_rec=True, threshold=0.1, rng_key=0),
    "exp_syn, linear, exp_smooth": lambda: eqpool.Sequential(
        eqpool.ExpSyn(2),
        eqpool.Residual(eqpool.Linear((2, 2), has_bias=True, rng_key=0)),
        eqpool.ExpSmooth(2, activation_fun=jnp.tanh),
    ),
    "rate, sparse": lambda: eqpool.RateJax(2, has_rec=True, w_rec=SPARSE, rng_key=0),
    "rate, Heun": lambda: eqpool.RateJax(2, solver=diffrax.Heun()),
    "dynapsim": lambda: eqpool.DynapSim(2, has_rec=True, synapses=("ampa", "gaba"), rng_key=0),
    "dynapsim, Euler": lambda: eqpool.DynapSim(2, solver=eqpool.ForwardEuler()),
    "adex": lambda: eqpool.AdExLIF(2, has_rec=True, rng_key=0),
    "softmax": lambda: eqpool.FFwdStack(
        eqpool.Instant(2, jnp.tanh), eqpool.LogSoftmax((2, 3), rng_key=0), rng_key=0
    ),
}


def exported(function, *shape):
    """As it comes back from a file, where the format can be written."""
    made = export.export(jax.jit(function))(jax.ShapeDtypeStruct(shape, jnp.float32))
    if importlib.util.find_spec("flatbuffers") is None:
        return made
    return export.deserialize(made.serialize())


@pytest.mark.parametrize("name", tiers(MODELS, 2))
def test_any_batch_and_any_number_of_steps(name):
    """Without kernels, which are on here."""
    net = MODELS[name]()

    def run(x):
        return net(x, record=True)

    sizes = export.symbolic_shape("b, t")
    program = exported(run, *sizes, net.size_in)
    for size in ((1, 1), (2, 3)):
        x = 10 * jax.random.uniform(jax.random.key(0), (*size, net.size_in))
        found, expected = program.call(x), run(x)
        assert jax.tree.structure(found) == jax.tree.structure(expected)
        for ours, theirs in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
            scale = np.max(np.abs(theirs), initial=0)
            # Rounding is all there is of an adaptation that has not begun, and much of what
            # is left of a membrane after its spikes are subtracted.
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=5e-5 * scale + 1e-15)


@pytest.mark.parametrize("shape", [(2, 3, 2), ("b", 3, 2), ("t", 2)])
def test_a_gradient_of_what_has_a_kernel(shape):
    net = eqpool.RateJax(2, has_rec=True, rng_key=0)
    trainable, frozen = eqpool.partition(net)

    def gradient(x):
        def loss(trainable):
            return jnp.mean(eqpool.combine(trainable, frozen)(x)[0] ** 2)

        return jax.tree.leaves(jax.grad(loss)(trainable))

    sizes = export.symbolic_shape(", ".join(map(str, shape)))
    program = exported(gradient, *sizes)
    x = jax.random.uniform(jax.random.key(0), (2, 3, 2)[3 - len(shape) :])
    for ours, theirs in zip(program.call(x), eqx.filter_jit(gradient)(x), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_segments_need_a_number_of_steps():
    net = eqpool.ExpSyn(2)
    (t,) = export.symbolic_shape("t")
    with pytest.raises(ValueError, match="ExpSynJax: checkpoint needs a known number .* is t"):
        jax.eval_shape(lambda x: net(x, checkpoint=True), jax.ShapeDtypeStruct((t, 2), jnp.float32))
