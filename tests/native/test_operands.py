"""What kernels are given: every dtype and shape, or an error before a number is read."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool import _native


pytestmark = pytest.mark.skipif(
    not _native.ready("rate", "float32"), reason="needs a C++ compiler and a single CPU"
)

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(4, 4))
X = RNG.normal(size=(30, 4))


def rate():
    return eqpool.RateJax(4, has_rec=True, w_rec=WEIGHTS, activation_func="tanh", rng_key=0)


def dynapsim():
    return eqpool.DynapSim(
        4, synapses=("ampa",), has_rec=True, w_rec=4 * WEIGHTS, Idc=5e-12, rng_key=0
    )


def cast(mod, dtype):
    return jax.tree.map(lambda x: x.astype(dtype) if eqx.is_inexact_array(x) else x, mod)


def both(mod, x):
    """By the scan and by the kernel, if there is one: output and gradients."""

    @eqx.filter_jit
    def run(mod, x):
        def loss(params, rest):
            output = eqx.combine(params, rest)(x)[0]
            return jnp.sum(output.astype("float32") ** 2), output

        params, rest = eqx.partition(mod, eqx.is_inexact_array)
        return jax.grad(loss, has_aux=True)(params, rest)[::-1]

    with eqpool.native_kernels(False):
        scan = run(mod, x)
    return scan, run(mod, x)


def assert_close(ours, expected, rtol):
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(expected), strict=True):
        assert one.dtype == other.dtype
        one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
        atol = rtol * np.max(np.abs(other), initial=0.0)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


@pytest.mark.parametrize("make, x", [(rate, X), (dynapsim, 30 * np.abs(X))])
def test_weights_in_bfloat16(make, x):
    """The numbers of the same weights in float32."""
    half, x = jnp.asarray(WEIGHTS, jnp.bfloat16), jnp.asarray(x, jnp.float32)
    rounded, single = (
        eqx.tree_at(lambda mod: mod.w_rec, make(), w) for w in (half, half.astype(jnp.float32))
    )
    output = rounded(x)[0]
    np.testing.assert_array_equal(output, single(x)[0])
    with eqpool.native_kernels(False):
        assert_close(output, rounded(x)[0], 1e-5)


def test_a_module_in_bfloat16():
    """In float32 with input in float32; its gradients in its own dtype."""
    mod, x = cast(rate(), jnp.bfloat16), jnp.asarray(X, jnp.float32)
    (scan, by_scan), (output, gradient) = both(mod, x)
    np.testing.assert_array_equal(output, cast(mod, jnp.float32)(x)[0])
    assert_close(output, scan, 1e-5)
    assert_close(gradient, by_scan, 1e-2)


def test_double_precision_later():
    """A network of float32, run, and run again with double precision."""
    mod = eqpool.RateJax(4, tau=np.full(4, 1e-2), rng_key=0)
    assert mod(np.ones((3, 4)))[0].dtype == jnp.float32
    with jax.enable_x64(True):
        output, state, _ = mod(np.ones((3, 4)))
        assert output.dtype == jnp.float64 and state["x"].dtype == jnp.float32
        exact = 1 - 0.9 ** np.arange(1, 4)
        np.testing.assert_allclose(output, np.tile(exact[:, None], 4), rtol=1e-6)
    assert mod(np.ones((3, 4)))[0].dtype == jnp.float32


def test_one_field_of_another_precision(x64):
    """`DynapSim` in double precision with a membrane current in single."""
    mod, x = dynapsim(), jnp.asarray(30 * np.abs(X))
    mixed = eqx.tree_at(lambda mod: mod.imem, mod, mod.imem.astype(jnp.float32))
    expected, _, record = mod(x, record=True)
    assert 0 < expected.sum() < 1000
    output, _, mixed_record = mixed(x, record=True)
    np.testing.assert_array_equal(output, expected)
    np.testing.assert_allclose(mixed_record["imem"], record["imem"], rtol=1e-5)


@pytest.mark.parametrize("ratio", [5e-6, 1e-7, 1e-8])
def test_gradient_wrt_a_long_time_constant(ratio):
    """In float32, against float64: states change by less than they are rounded to."""

    def gradient():
        taus, dt = np.full(4, 0.5), 0.5 * ratio
        mod = eqpool.RateJax(4, tau=taus, dt=dt, has_rec=True, w_rec=WEIGHTS, bias=0.3, rng_key=0)
        mod = mod.set_attributes({"x": np.linspace(-0.5, 0.5, 4)})
        return jax.grad(lambda tau: jnp.sum(mod.set_attributes({"tau": tau})(X)[0]))(mod.tau)

    with jax.enable_x64(True):
        exact = np.asarray(gradient())
    np.testing.assert_allclose(gradient(), exact, rtol=1e-5)


def test_gradient_wrt_an_endless_time_constant():
    mod = eqpool.RateJax(4, tau=np.full(4, 1e38), has_rec=True, w_rec=WEIGHTS, rng_key=0)
    gradient = jax.grad(lambda tau: jnp.sum(mod.set_attributes({"tau": tau})(X)[0]))(mod.tau)
    np.testing.assert_array_equal(np.abs(gradient), 0.0)  # 1e-77, below what float32 holds


def forward(handler, *operands, results, **attributes):
    shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in results]
    call = jax.ffi.ffi_call(_native.build.target(handler, "float32"), shapes)
    return jax.block_until_ready(
        jax.jit(lambda *operands: call(*operands, **attributes))(*operands)
    )


N, T = 4, 3
HANDLERS = {
    "eqpool_rate_forward": (
        dict(constants=(2, N), weights=(N, N), start=(1, N), drive=(T, N)),
        [(T, N), (1, N), (0, N), (T, N)],
        dict(activation=np.int64(0)),
    ),
    "eqpool_dynapsim_forward": (
        dict(constants=(22, N), weights=(N, N), start=(6, N), drive=(T, N)),
        [(T, N), (6, N), (0, 6 * N), (1, 6 * N)],
        dict(types=np.int64(1), max_spikes=np.float64(1), segment=np.int64(T)),
    ),
}


@pytest.mark.parametrize("handler", HANDLERS)
def test_the_library_checks_by_itself(handler):
    """Whoever calls the compiled function: an error of JAX, naming what is wrong."""
    assert _native.ready("dynapsim", "float32")
    shapes, results, attributes = HANDLERS[handler]
    good = {name: jnp.ones(shape) for name, shape in shapes.items()}
    for name, (rows, columns) in shapes.items():
        for bad, what in (
            (good[name].astype(jnp.bfloat16), "element type"),
            (jnp.ones((rows, columns + 2)), "shape"),
            (jnp.ones((2, rows, columns)), "shape"),
            (jnp.ones(()), "shape"),
        ):
            operands = (good | {name: bad}).values()
            with pytest.raises(Exception, match=f"eqpool: {name} has another {what}"):
                forward(handler, *operands, results=results, **attributes)
    for place, (rows, columns) in enumerate(results):
        changed = [*results[:place], (rows + 1, columns + 1), *results[place + 1 :]]
        with pytest.raises(Exception, match=r"eqpool: \w+ has another shape"):
            forward(handler, *good.values(), results=changed, **attributes)
    output = forward(handler, *good.values(), results=results, **attributes)[0]
    assert np.isfinite(output).all()


@pytest.mark.parametrize("segment, types", [(0, 1), (-1, 1), (T, 0), (T, 16)])
def test_settings_that_are_none(segment, types):
    assert _native.ready("dynapsim", "float32")
    shapes, results, attributes = HANDLERS["eqpool_dynapsim_forward"]
    attributes = attributes | dict(types=np.int64(types), segment=np.int64(segment))
    operands = [jnp.ones(shape) for shape in shapes.values()]
    with pytest.raises(Exception, match="eqpool: no such synapse types, segments or surrogate"):
        forward("eqpool_dynapsim_forward", *operands, results=results, **attributes)
