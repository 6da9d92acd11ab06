"""Input that is NaN, infinite or huge shows in the output, and nowhere else."""

import functools

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool import _native
from tests.helpers import tiers


N, STEPS, WHEN = 3, 5, 2
ADAPTIVE = eqpool.Diffrax(diffrax.Heun(), stepsize_controller=diffrax.PIDController(1e-3, 1e-6))


def rate(activation):
    return lambda: eqpool.RateJax(N, activation_func=activation, rng_key=0)


def dynapsim(**kwargs):
    return lambda: eqpool.DynapSim(N, synapses=("ampa",), rng_key=0, **kwargs)


# Neurons that do not know of each other.
APART = {
    "relu": rate("relu"),
    "leaky_relu": rate("leaky_relu"),
    "tanh": rate("tanh"),
    "sigmoid": rate("sigmoid"),
    "rate, adaptive": lambda: eqpool.RateJax(N, solver=ADAPTIVE, rng_key=0),
    "rate, implicit": lambda: eqpool.RateJax(N, solver=diffrax.ImplicitEuler(), rng_key=0),
    "DynapSim": dynapsim(),
    "DynapSim, four types": lambda: eqpool.DynapSim((4 * N, N), rng_key=0),
    "DynapSim, ForwardEuler": dynapsim(solver=eqpool.ForwardEuler()),
    "DynapSim, adaptive": dynapsim(solver=ADAPTIVE),
    "LIF": lambda: eqpool.LIF(N, max_spikes_per_dt=3, rng_key=0),
    "LIF, two synapses": lambda: eqpool.LIF((2 * N, N), rng_key=0),
    "AdExLIF": lambda: eqpool.AdExLIF(N, rng_key=0),
    "AdExLIF, adaptive": lambda: eqpool.AdExLIF(N, solver=ADAPTIVE, rng_key=0),
    "ExpSyn": lambda: eqpool.ExpSyn(N, rng_key=0),
    "ExpSmooth": lambda: eqpool.ExpSmooth(N),
    "Threshold": lambda: eqpool.Instant(N, eqpool.Threshold(0.5)),
}
# Neurons that do, or channels.
TOGETHER = {
    "rate": lambda: eqpool.RateJax(N, has_rec=True, rng_key=0),
    "DynapSim": lambda: eqpool.DynapSim(N, synapses=("ampa",), has_rec=True, rng_key=0),
    "sparse": lambda: eqpool.RateJax(
        N, has_rec=True, w_rec=eqpool.SparseWeights.from_dense(0.1 * np.eye(N)), rng_key=0
    ),
    "LIF": lambda: eqpool.LIF(N, has_rec=True, rng_key=0),
    "AdExLIF": lambda: eqpool.AdExLIF(N, has_rec=True, rng_key=0),
    "Linear": lambda: eqpool.Linear((N, N), rng_key=0),
    "Softmax": lambda: eqpool.Softmax((N, N), rng_key=0),
    "LogSoftmax": lambda: eqpool.LogSoftmax((N, N), rng_key=0),
}
KERNEL = ["relu", "leaky_relu", "tanh", "sigmoid", "DynapSim", "DynapSim, four types"]


MODELS = {"apart": APART, "together": TOGETHER}


@functools.cache
def compiled(kind, name, kernels):
    """A batch of two runs, once for all inputs."""
    mod = MODELS[kind][name]()
    x = jnp.zeros((2, STEPS, mod.size_in), jnp.float32)
    with eqpool.native_kernels(kernels):
        return mod, jax.jit(lambda x: mod(x)[0]).lower(x).compile()


def output(kind, name, kernels, value):
    """With one value in the second element of the batch, at the first channel."""
    mod, run = compiled(kind, name, kernels)
    x = np.full((2, STEPS, mod.size_in), 3.0, np.float32)
    x[1, WHEN, 0] = value
    return np.asarray(run(jnp.asarray(x)))


def assert_seen(y):
    assert np.isfinite(y[0]).all() and np.isfinite(y[1, :WHEN]).all()
    assert np.isnan(y[1, WHEN, 0])


LONG = ("rate, implicit", "AdExLIF, adaptive", "DynapSim, adaptive", "leaky_relu", "sigmoid")
LONG += ("DynapSim, four types", "LIF, two synapses")


def slow_if_long(names):
    return [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in names]


@pytest.mark.parametrize("name", slow_if_long(APART))
def test_nan_reaches_the_output_of_its_neuron(name):
    y = output("apart", name, True, np.nan)
    assert_seen(y)
    assert np.isfinite(y[1, :, 1:]).all()
    if name != "Threshold":  # which has no state
        assert np.isnan(y[1, WHEN:, 0]).all()


@pytest.mark.parametrize("name", TOGETHER)
def test_nan_stays_in_its_element_of_a_batch(name):
    assert_seen(output("together", name, True, np.nan))


@pytest.mark.skipif(not _native.ready("rate", "float32"), reason="needs kernels")
@pytest.mark.parametrize("name", slow_if_long(KERNEL))
def test_kernels_take_the_same_as_not_finite(name):
    """NaN, infinity and what is beyond 1.2e30; what is below is a number."""
    for value in (np.nan, np.inf, -np.inf, 1e31, -3e38):
        for kernels in (True, False):
            y = output("apart", name, kernels, value)
            assert_seen(y)
            assert np.isnan(y[1, WHEN:, 0]).all() and np.isfinite(y[1, :, 1:]).all()
    for value in (1e30, -1e29):
        kernel, scan = (output("apart", name, kernels, value) for kernels in (True, False))
        np.testing.assert_allclose(kernel, scan, rtol=1e-5)
        assert np.isfinite(kernel).all()


def test_double_precision_reaches_further(x64):
    mod = eqpool.RateJax(1, rng_key=0)
    for kernels in (True, False):
        with eqpool.native_kernels(kernels):
            assert np.isfinite(mod(jnp.full((3, 1), 1e200))[0]).all()
            assert np.isnan(mod(jnp.full((3, 1), 1e300))[0]).all()


@pytest.mark.parametrize("model", tiers([eqpool.DynapSim, eqpool.AdExLIF], 1))
def test_exact_spikes_refuse_it(model):
    kwargs = {"synapses": ("ampa",)} if model is eqpool.DynapSim else {}
    mod = model(1, solver=eqpool.EventDriven(max_steps=64), rng_key=0, **kwargs)
    with pytest.raises(RuntimeError, match=f"{model.__name__}: input_data holds NaN or infinity"):
        jax.block_until_ready(mod(jnp.full((2, 1), jnp.nan)))
