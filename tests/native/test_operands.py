"""What kernels are given: every dtype and shape, or an error before a number is read."""

import functools

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
# A step with one of everything, and what its derivative would be: `y = c u s + x + r + e`.
STEP = """#include "lanes.h"
using namespace eqpool;
#define READ const Real* __restrict
extern "C" void eqpool_step(size_t n, READ c, READ u, READ s, READ x, READ r, READ e, Real* y) {
  for (size_t i = 0; i < n; ++i) y[i] = c[i] * u[0] * s[i] + x[i] + r[i] + e[i];
}
extern "C" void eqpool_prepare(size_t n, READ c, READ u, Real* d) {
  for (size_t i = 0; i < n; ++i) d[i] = c[i] * u[0];
}
extern "C" void eqpool_keep(size_t n, READ c, READ u, READ s, READ x, READ r, READ e, Real* y,
                            Real* k) {
  eqpool_step(n, c, u, s, x, r, e, y);
  for (size_t i = 0; i < n; ++i) k[i] = s[i] * u[0];
}
extern "C" void eqpool_back(size_t n, READ, READ, READ, READ, READ, READ, READ d, READ k, Real* b,
                            Real* xb, Real* eb, Real* cb) {
  for (size_t i = 0; i < n; ++i) {
    xb[i] = eb[i] = b[i];
    cb[i] += b[i] * k[i];
    b[i] *= d[i];
  }
}
"""
FUNCTIONS = "eqpool_step", "eqpool_prepare", "eqpool_keep", "eqpool_back"


@functools.cache
def program(functions=FUNCTIONS):
    assert _native.ready("neuron", "float32")
    number = _native.add_program(STEP, functions, (1, 1, 1, 1, 1, 0, 1, 1, 1, 1), "float32")
    assert number != 0
    return dict(program=np.int64(number), segment=np.int64(2))


def product():
    assert _native.ready("product", "float32")
    return {}


PLACES = dict(constants=(1, N), scalars=(1, 1), weights=(N, N))
BEHIND = dict(drive=(T, N), noise=(T, N))
HANDLERS = {
    "eqpool_rate_forward": (
        dict(constants=(2, N), weights=(N, N), start=(1, N), drive=(T, N)),
        [(T, N), (1, N), (0, N), (T, N)],
        lambda: dict(activation=np.int64(0)),
    ),
    "eqpool_neuron_forward": (
        PLACES | dict(start=(1, N)) | BEHIND,
        [(T, N), (1, N), (0, N), (2, N)],
        program,
    ),
    "eqpool_neuron_transposed": (
        PLACES
        | dict(weights_transposed=(N, N), saved=(2, N))
        | BEHIND
        | dict(spikes_bar=(T, N), end_bar=(1, N), record_bar=(T, N)),
        [(1, N), (N, N), (1, N), (T, N), (T, N)],
        program,
    ),
    "eqpool_product_forward": (dict(x=(T, N), w=(N, 5)), [(T, 5)], product),
    "eqpool_product_transposed": (dict(x=(T, N), y=(T, 5)), [(N, 5)], product),
}


@pytest.mark.parametrize("handler", HANDLERS)
def test_the_library_checks_by_itself(handler):
    """Whoever calls the compiled function: an error of JAX, naming what is wrong."""
    shapes, results, attributes = HANDLERS[handler]
    attributes = attributes()
    good = {name: jnp.ones(shape) for name, shape in shapes.items()}
    for name, (rows, columns) in shapes.items():
        for bad, what in (
            (good[name].astype(jnp.bfloat16), "element type"),
            (jnp.ones((rows, columns + 2)), "shape"),
            (jnp.ones((2, rows, columns)), "shape"),
            (jnp.ones(()), "shape"),
        ):
            operands = (good | {name: bad}).values()
            # From these, kernels take sizes that others must have.
            named = r"\w+" if name in ("spikes_bar", "x") and what == "shape" else name
            with pytest.raises(Exception, match=f"eqpool: {named} has another {what}"):
                forward(handler, *operands, results=results, **attributes)
    for place, (rows, columns) in enumerate(results):
        changed = [*results[:place], (rows + 1, columns + 1), *results[place + 1 :]]
        with pytest.raises(Exception, match=r"eqpool: \w+ has another shape"):
            forward(handler, *good.values(), results=changed, **attributes)
    output = forward(handler, *good.values(), results=results, **attributes)[0]
    assert np.isfinite(output).all()


def stepped(constants, scalars, weights, start, drive, noise):
    """The same steps by hand: all states after the first, which spike as they are."""
    states = [start]
    for x, e in zip(drive, noise, strict=True):
        now = constants * scalars * states[-1] + states[-1] @ weights
        states.append(now + (x + e)[None])
    return jnp.concatenate(states[1:])


def test_a_program_of_ones_own():
    """Forward, over two segments, and transposed: the numbers of the same steps in JAX."""
    shapes, results, attributes = HANDLERS["eqpool_neuron_forward"]
    given = {name: jnp.asarray(RNG.normal(size=s) / 2, "f4") for name, s in shapes.items()}
    out, end, _, saved = forward(
        "eqpool_neuron_forward", *given.values(), results=results, **attributes()
    )
    expected, pull = jax.vjp(stepped, *given.values())
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(end, out[-1:])
    np.testing.assert_array_equal(saved, jnp.stack([given["start"][0], out[1]]))
    # Half of the cotangent of each step comes as that of the record.
    bar = jnp.asarray(RNG.normal(size=(T, N)), "f4")
    known = given | {"weights_transposed": given["weights"].T, "saved": saved}
    known |= dict(spikes_bar=bar / 2, end_bar=0.0 * end, record_bar=bar / 2)
    shapes, results, attributes = HANDLERS["eqpool_neuron_transposed"]
    bars = forward(
        "eqpool_neuron_transposed",
        *(known[name] for name in shapes),
        results=results,
        **attributes(),
    )
    exact = dict(zip(given, pull(bar), strict=True))
    names = ("constants", "weights", "start", "drive", "noise")
    for name, ours in zip(names, bars, strict=True):
        np.testing.assert_allclose(ours, exact[name], rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("handler", ["eqpool_neuron_forward", "eqpool_neuron_transposed"])
def test_programs_that_are_none(handler):
    """Unknown numbers, segments of no step, and a program without the function that is wanted."""
    shapes, results, attributes = HANDLERS[handler]
    half = program(("eqpool_step", "", "", "") if "transposed" in handler else ("", *FUNCTIONS[1:]))
    operands = [jnp.ones(shape) for shape in shapes.values()]
    for bad in (dict(program=np.int64(0)), dict(program=np.int64(-3)), half):
        with pytest.raises(Exception, match="no such program in this process"):
            forward(handler, *operands, results=results, **(attributes() | bad))
    for segment in (0, -1):
        bad = dict(segment=np.int64(segment))
        with pytest.raises(Exception, match="no such program in this process"):
            forward(handler, *operands, results=results, **(attributes() | bad))
