"""`Linear` of input that is mostly zeros: the numbers of `x @ w + b`, by a kernel or by XLA."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool import _native
from eqpool._kernels.product import LEAST_MULTIPLICATIONS
from tests.helpers import relative_error


pytestmark = pytest.mark.skipif(
    not _native.ready("product", "float32"), reason="needs a C++ compiler and a single CPU"
)

STEPS, N_IN, N = 450, 201, 190  # no multiples of what fits into a register
assert STEPS * N_IN * N > LEAST_MULTIPLICATIONS


def linear(sizes=(N_IN, N), **kwargs):
    return eqpool.Linear(sizes, has_bias=True, rng_key=0, **kwargs)


def spikes(density, shape=(STEPS, N_IN), seed=0):
    """Some of them more than one at once."""
    rng = np.random.default_rng(seed)
    return jnp.asarray((rng.random(shape) < density) * rng.integers(1, 4, shape), float)


def no_row():
    return jnp.zeros((STEPS, N_IN))


def single_rows():
    """The rest is empty."""
    return jnp.zeros((STEPS, N_IN)).at[7::40].set(spikes(1.0)[7::40])


def behind_a_sample():
    """No row is empty but those at which it is decided, so that it is taken for sparse."""
    steps = np.unique((np.arange(64) * 0.6180339887498949 % 1.0 * STEPS).astype(int))
    return spikes(0.9).at[steps].set(0.0)


INPUTS = {
    "empty": no_row,
    "sparse": lambda: spikes(0.02),
    "a few full rows": single_rows,
    "not what it seems": behind_a_sample,
    "half": lambda: spikes(0.5),
    "dense": lambda: jnp.asarray(np.random.default_rng(0).normal(size=(STEPS, N_IN)), float),
}


def exact(mod, x):
    x, weight, bias = (np.asarray(a, np.float64) for a in (x, mod.weight, mod.bias))
    return x @ weight + bias


def leaves_out_zeros(run, x):
    """Whether the weights of a channel that is silent do not count, be they infinite."""
    mod = linear()
    endless = eqx.tree_at(lambda mod: mod.weight, mod, mod.weight.at[3].set(jnp.inf))
    output = run(endless, x.at[..., 3].set(0.0))
    finite = np.isfinite(output)
    assert finite.all() or not finite.any()
    return finite.all()


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers(name, dtype):
    """Output and gradients, against NumPy in double precision."""
    with jax.enable_x64(dtype == "float64"):
        mod, x = linear(), INPUTS[name]()
        y_bar = jnp.asarray(np.random.default_rng(1).normal(size=(STEPS, N)), dtype)
        output, pull = jax.vjp(lambda mod, x: mod(x)[0], mod, x)
        mod_bar, x_bar = jax.jit(pull)(y_bar)
        assert output.dtype == mod_bar.weight.dtype == dtype
        bound = 2e-6 if dtype == "float32" else 1e-14
        assert relative_error(output, exact(mod, x)) < bound
        bars = (np.asarray(a, np.float64) for a in (x.T, y_bar, mod.weight.T))
        x_t, bar, w_t = bars
        if name == "empty":
            assert not mod_bar.weight.any()
        else:
            assert relative_error(mod_bar.weight, x_t @ bar) < bound
        assert relative_error(mod_bar.bias, bar.sum(0)) < bound
        assert relative_error(x_bar, bar @ w_t) < bound


@pytest.mark.parametrize("sizes", [(1001, 17), (17, 1001), (40, 600)])
@pytest.mark.parametrize("batch", [(), (1,), (3,)])
def test_sizes(sizes, batch, x64):
    """Few columns, many, and such that no rows of the sum are kept in registers."""
    steps = LEAST_MULTIPLICATIONS // (sizes[0] * sizes[1]) + 1
    mod, x = linear(sizes), spikes(0.05, (*batch, steps, sizes[0]))
    assert relative_error(mod(x)[0], exact(mod, x)) < 1e-14
    gradient = jax.grad(lambda mod: jnp.sum(jnp.sin(mod(x)[0])))(mod)
    bar = np.cos(exact(mod, x)).reshape(-1, sizes[1])
    expected = np.asarray(x).reshape(-1, sizes[0]).T @ bar
    assert relative_error(gradient.weight, expected) < 1e-13


@pytest.mark.parametrize("jitted", [False, True])
def test_what_decides(jitted):
    """The input of a whole batch, when it is there, and not what is known while tracing."""
    run = lambda mod, x: mod(x)[0]
    run = eqx.filter_jit(run) if jitted else run
    for shape in ((STEPS, N_IN), (4, STEPS // 2, N_IN)):
        assert leaves_out_zeros(run, spikes(0.02, shape))
        assert not leaves_out_zeros(run, spikes(0.5, shape))
    with eqpool.native_kernels(False):
        assert not leaves_out_zeros(run, spikes(0.02))


def test_a_period_does_not_deceive():
    """Of an input with one empty step among two, or one that is not among ten."""
    x = spikes(0.3)
    for period in (2, 5, 10, 25, 125):
        assert not leaves_out_zeros(lambda mod, x: mod(x)[0], x.at[::period].set(0.0))
        sparse = jnp.zeros_like(x).at[::period].set(x[::period])
        assert leaves_out_zeros(lambda mod, x: mod(x)[0], sparse) == (0.3 / period < 0.1)


@pytest.mark.parametrize("density", [0.02, 0.5])
def test_not_a_number(density):
    """It comes out of its step in all channels, and of no other."""
    output = linear()(spikes(density).at[11, 5].set(jnp.nan))[0]
    lost = np.isnan(output)
    assert lost[11].all() and lost.sum() == N


@pytest.mark.parametrize("density", [0.02, 0.5])
def test_derivatives(density, x64):
    """Forward mode, and a second derivative in both orders, are those of a plain product."""
    mod, x = linear(), spikes(density)
    rng = np.random.default_rng(1)
    mod_dot = jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape)), mod)
    x_dot = jnp.asarray(rng.normal(size=x.shape))

    def derivatives(run):
        loss = lambda mod, x: jnp.sum(jnp.sin(run(mod, x) / 3.0))
        dots = (mod_dot, x_dot)
        bars = (
            jax.jvp(jax.grad(loss, (0, 1)), (mod, x), dots)[1],
            jax.grad(lambda mod, x: jax.jvp(loss, (mod, x), dots)[1], (0, 1))(mod, x),
        )
        # Modules hold their initial values besides.
        return jax.jvp(run, (mod, x), dots), [(bar.weight, bar.bias, rest) for bar, rest in bars]

    ours = derivatives(lambda mod, x: mod(x)[0])
    expected = derivatives(lambda mod, x: x @ mod.weight + mod.bias[None])
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(expected), strict=True):
        assert relative_error(one, other) < 1e-12


@pytest.mark.parametrize("density", [0.02, 0.5])
def test_vmap(density, x64):
    """Over weights, over runs, and over both, in every order; gradients of each, and of all."""
    rng = np.random.default_rng(1)
    weights = jnp.asarray(rng.normal(size=(2, N_IN, N)))
    x, steps = spikes(density, (2, STEPS, N_IN)), STEPS // 3
    run = lambda weight, x: linear().set_attributes({"weight": weight})(x)[0]
    plain = lambda weight, x: x @ weight + linear().bias[None]
    ways = [
        lambda f, weights: jax.vmap(f, (0, None))(weights, x[0]),
        lambda f, weights: jax.vmap(f, (None, 1))(weights[0], x.swapaxes(0, 1)),
        lambda f, weights: jax.vmap(f, (0, 0))(weights, x),
        lambda f, weights: jax.vmap(jax.vmap(f, (None, 0)), (0, None))(weights, x[:, :steps]),
        lambda f, weights: jax.vmap(jax.vmap(f, (0, None)), (None, 0))(weights, x[:, :steps]),
    ]
    gradient = lambda f: jax.grad(lambda weight, x: jnp.sum(jnp.sin(f(weight, x))), (0, 1))
    for mapped in ways:
        assert relative_error(mapped(run, weights), mapped(plain, weights)) < 1e-14
        both = (mapped(gradient(f), weights) for f in (run, plain))
        for ours, expected in zip(*both, strict=True):
            assert relative_error(ours, expected) < 1e-12
        # A derivative of what is mapped, in place of one that is mapped.
        ours, expected = (
            jax.grad(lambda weights, f=f, mapped=mapped: jnp.sum(jnp.sin(mapped(f, weights))))(
                weights
            )
            for f in (run, plain)
        )
        assert relative_error(ours, expected) < 1e-12


def test_transposed_by_itself(x64):
    """As a linear function of either factor."""
    mod, x = linear(), spikes(0.02)
    bar = jnp.asarray(np.random.default_rng(1).normal(size=(STEPS, N)))
    product = lambda weight, x: mod.set_attributes({"weight": weight, "bias": jnp.zeros(N)})(x)[0]
    (weight_bar,) = jax.linear_transpose(lambda w: product(w, x), mod.weight)(bar)
    (x_bar,) = jax.linear_transpose(lambda x: product(mod.weight, x), x)(bar)
    assert relative_error(weight_bar, x.T @ bar) < 1e-14
    assert relative_error(x_bar, bar @ mod.weight.T) < 1e-14


def test_checkpoint(x64):
    """In segments, which are large enough by themselves."""
    mod, x = linear(), spikes(0.02, (2, 2 * STEPS, N_IN))
    gradient = lambda **kwargs: jax.grad(lambda mod: jnp.sum(jnp.sin(mod(x, **kwargs)[0])))(mod)
    assert relative_error(gradient(checkpoint=STEPS).weight, gradient().weight) < 1e-12


def test_of_a_network():
    """Compiled, it is a kernel that no gradient wrt the input is computed for, nor in a file."""
    mod, x = linear(), spikes(0.02)
    gradient = jax.jit(eqpool.filter_grad(lambda mod, x: jnp.sum(mod(x)[0] ** 2)))
    program = gradient.lower(mod, x).as_text()
    # Forward and transposed, each beside the product that XLA would make.
    assert program.count("eqpool_product_") == program.count("stablehlo.dot_general") == 2
    exported = jax.export.export(jax.jit(lambda mod, x: mod(x)[0]))(mod, x)
    assert "custom_call" not in exported.mlir_module()
    assert relative_error(exported.call(mod, x), exact(mod, x)) < 2e-6
