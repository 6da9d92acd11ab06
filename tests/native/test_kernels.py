"""Kernels in C++ against the scan that they replace, which the golden data check."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool import _native
from tests.helpers import tiers


FOUR = ("ampa", "gaba", "nmda", "shunt")
NAMES = ["w_rec", "Itau_mem", "Igain_mem", "Idc", "Iw_ahp", "Ipulse", "C_mem", "kappa_n", "Ut"]
NAMES += ["Vth", "Iscale", "Itau_ahp", "Io", "Ispkthr", "Iref", "dt"]
STATES = ["imem", "vmem", "iahp", "timer_ref", "spikes"]

pytestmark = pytest.mark.skipif(
    not _native.ready("rate", "float32"), reason="needs a C++ compiler and a single CPU"
)


def dynapsim(synapses=("ampa",), surrogate=None, has_rec=True):
    """Seven neurons that differ, in the middle of things."""
    k, rng = len(synapses), np.random.default_rng(1)
    w_rec = rng.normal(size=(7, 7) if k == 1 else (7, 7, k)) * 4
    mod = eqpool.DynapSim(
        (7 * k, 7) if k > 1 else 7, has_rec=has_rec, w_rec=w_rec if has_rec else None, rng_key=0,
        synapses=synapses, surrogate=surrogate, If_nmda=3e-11, Iw_ahp=2e-9, Idc=1e-11,
        percent_mismatch=0.2,
    )  # fmt: skip
    state = {
        "imem": jnp.linspace(1e-12, 4e-11, 7),
        "timer_ref": jnp.array([0.0, 0.0, 0.0, 2e-3, 0.5e-3, 0.0, 0.0]),
        "spikes": jnp.array([0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 0.0]),
    }
    return mod.set_attributes(state)


def spiking_input(steps, channels, batch=()):
    rng = np.random.default_rng(0)
    shape = (*batch, steps, channels)
    return jnp.asarray(rng.poisson(0.2, shape) * 8.0 + rng.uniform(0, 0.1, shape))


def rate(activation):
    rng = np.random.default_rng(1)
    mod = eqpool.RateJax(
        7, has_rec=True, w_rec=rng.normal(size=(7, 7)) / 2, activation_func=activation,
        tau=jnp.linspace(0.01, 0.05, 7), threshold=jnp.linspace(-0.1, 0.2, 7), rng_key=0,
    )  # fmt: skip
    return mod.set_attributes({"x": jnp.linspace(-1.0, 1.0, 7)})


def total(mod, x):
    return weighted(mod(x, record=True))


def weighted(outcome):
    """A number in which every output, record and state has a weight of its own."""
    result = 0.0
    for value in jax.tree.leaves(outcome):
        if jnp.issubdtype(value.dtype, jnp.floating):
            mean = jnp.mean(jnp.abs(jax.lax.stop_gradient(value)))
            mean = jnp.where(mean > 0, mean, 1.0)
            result += jnp.sum(value * jnp.cos(jnp.arange(value.size)).reshape(value.shape)) / mean
    return result


def everything(mod, names, x):
    """The run and its derivatives: reverse, forward, and second ones."""
    values = {name: getattr(mod, name) for name in names}
    # Two of those that enter nonlinearly.
    directions = jax.tree.map(lambda v: 0.1 * v, (values, x))

    @jax.jit
    def all_of_it(values, x):
        def loss(values, x):
            return total(mod.set_attributes(values), x)

        gradient = jax.grad(loss, (0, 1))
        slope = jax.jvp(loss, (values, x), directions)[1]
        curvature = jax.jvp(gradient, (values, x), directions)[1]
        return mod.set_attributes(values)(x, record=True), gradient(values, x), slope, curvature

    return all_of_it(values, x)


def both(make):
    with eqpool.native_kernels(False):
        scan = make()
    return scan, make()


def assert_same(scan, kernel, rtol):
    leaves = zip(jax.tree.leaves(scan), jax.tree.leaves(kernel), strict=True)
    for expected, ours in leaves:
        largest = float(np.max(np.abs(expected), initial=0.0))
        np.testing.assert_allclose(ours, expected, rtol=rtol, atol=rtol * largest)


@pytest.mark.parametrize(
    "synapses, surrogate",
    [
        pytest.param(("ampa",), eqpool.PiecewiseLinear, marks=pytest.mark.slow),
        pytest.param(FOUR, eqpool.FastSigmoid, marks=pytest.mark.slow),
        pytest.param(("ampa", "nmda"), lambda: eqpool.Arctan(2.0), marks=pytest.mark.long),
        pytest.param(("gaba",), eqpool.PiecewiseLinear, marks=pytest.mark.long),
        pytest.param(
            FOUR, lambda: eqpool.Gaussian(0.7, max_spikes_per_dt=1.0), marks=pytest.mark.slow
        ),
    ],
)
def test_dynapsim(synapses, surrogate, x64):
    """In double precision, over two segments and a part; most attributes and every state."""
    mod, x = dynapsim(synapses, surrogate()), spiking_input(140, 7 * len(synapses), (2,))
    each = ["Itau_syn"] if len(synapses) == 1 else [f"Itau_{name}" for name in synapses]
    gate = ["If_nmda"] if "nmda" in synapses else []
    names = NAMES + STATES + each + gate
    scan, kernel = both(lambda: everything(mod, names, x))
    if synapses != ("gaba",):  # which keep neurons silent
        assert scan[0][0].sum() > 10
    np.testing.assert_array_equal(scan[0][0], kernel[0][0])
    assert_same(scan, kernel, 1e-9)


@pytest.mark.parametrize("activation", tiers(["tanh", "relu", "lrelu", "sigmoid"], 1, slow=2))
def test_rate(activation, x64):
    mod = rate(activation)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 50, 7)))
    names = ["w_rec", "tau", "bias", "threshold", "dt", "x"]
    scan, kernel = both(lambda: everything(mod, names, x))
    assert_same(scan, kernel, 1e-12)


@pytest.mark.slow
def test_gradient_of_the_record_wrt_weights():
    """`rec_input` depends on the weights by itself, not only through the rates."""
    mod = rate("tanh")
    x = jnp.asarray(np.random.default_rng(0).normal(size=(9, 7)), jnp.float32)

    def loss(w_rec):
        return jnp.sum(mod.set_attributes({"w_rec": w_rec})(x, record=True)[2]["rec_input"])

    def plain(w_rec):
        state, result = mod.x, 0.0
        for now in x:
            rate = jnp.tanh(state - mod.threshold)
            result += jnp.sum(rate @ w_rec)
            state += mod.dt / mod.tau * (now + mod.bias + rate @ w_rec - state)
        return result

    scan, kernel = both(lambda: jax.grad(loss)(mod.w_rec))
    for gradient in (scan, kernel):
        assert_same(jax.grad(plain)(mod.w_rec), gradient, 1e-5)


def test_feed_forward(x64):
    mod, x = dynapsim(has_rec=False), spiking_input(70, 7)
    scan, kernel = both(lambda: everything(mod, ["Itau_mem", "Iscale"], x))
    assert_same(scan, kernel, 1e-10)


def test_what_runs():
    """The kernel, in every transform, where it can; the scan for what it does not know."""
    x = spiking_input(5, 7)

    def calls(function, *args):
        return str(jax.make_jaxpr(function)(*args)).count("eqpool_by_kernel")

    def loss(mod, x):
        return jnp.sum(mod(x)[0])

    mod = dynapsim()
    params, rest = eqpool.partition(mod)
    gradient = jax.grad(lambda params: loss(eqpool.combine(params, rest), x))
    assert calls(mod, x) == 1
    assert calls(gradient, params) == 2
    assert calls(jax.vmap(lambda x: loss(mod, x)), x[None]) == 1
    with eqpool.native_kernels(False):
        assert calls(mod, x) == calls(gradient, params) == 0
    assert calls(mod, x[:0]) == 0
    make = partial(eqpool.DynapSim, 7, synapses=("ampa",))
    for other in (
        dynapsim(surrogate=lambda u: 1.0 / (1.0 + u**2)),
        make(feedback=eqpool.SigmoidFeedback(1e-10, -1e-10, 1e-11)),
        make(solver=eqpool.ForwardEuler()),
        make(noise_std=1e-12),
    ):
        assert calls(other, x) == 1


@pytest.mark.slow
def test_batches_in_batches():
    """Ensembles of networks, each over a batch: what is shared and what is not, in any order."""
    keys = jax.random.split(jax.random.key(0), 3)
    nets = eqx.filter_vmap(lambda key: eqpool.RateJax(5, has_rec=True, rng_key=key))(keys)
    x = jax.random.normal(jax.random.key(1), (2, 4, 30, 5))

    def loss(net, x):
        return jnp.sum(net(x)[0] ** 2)

    @eqx.filter_jit
    def run(nets, x):
        outputs = eqx.filter_vmap(
            lambda net: jax.vmap(lambda x: net(x)[0], in_axes=1, out_axes=2)(x)
        )(nets)
        gradients = eqx.filter_vmap(lambda net: eqx.filter_grad(loss)(net, x[0]))(nets)
        return outputs, gradients.w_rec, gradients.tau

    scan, kernel = both(lambda: run(nets, x))
    assert kernel[0].shape == (3, 2, 30, 4, 5)
    assert_same(scan, kernel, 1e-5)


@pytest.mark.parametrize("model", tiers(["DynapSim", "relu", "tanh"], 2))
@pytest.mark.parametrize("neurons, shape", [(37, (9, 45)), (600, (1, 30))])
def test_groups_and_two_threads(model, neurons, shape):
    """Elements of a batch side by side, and a large matrix divided between threads."""
    rng = np.random.default_rng(0)
    w_rec = rng.normal(size=(neurons, neurons)) / np.sqrt(neurons)
    arguments = dict(has_rec=True, w_rec=w_rec, rng_key=0)
    if model == "DynapSim":
        mod = eqpool.DynapSim(neurons, synapses=("ampa",), **arguments)
        x = jnp.asarray(rng.poisson(0.3, (*shape, neurons)) * 20.0, jnp.float32)
        assert np.max(np.sum(mod(x)[0], -1)) > neurons / 10  # enough for two threads
    else:
        mod = eqpool.RateJax(neurons, activation_func=model, **arguments)
        x = jnp.asarray(rng.normal(size=(*shape, neurons)), jnp.float32)
    weight = jnp.asarray(rng.normal(size=x.shape), jnp.float32)

    @eqpool.filter_value_and_grad
    def loss(mod):
        return jnp.mean(mod(x)[0] * weight)

    scan, kernel = both(lambda: loss(mod))
    assert_same(scan, kernel, 1e-4)


def test_not_finite_stays_so():
    """NaN and infinity in the input are not swallowed."""
    for mod in (dynapsim(), rate("relu"), rate("tanh")):
        x = jnp.ones((6, 7)).at[2, 3].set(jnp.nan)
        output, _, record = mod(x, record=True)
        assert np.isfinite(output[:2]).all()
        name = "imem" if "imem" in record else "x"
        assert np.isnan(record[name][2:, 3]).all()
