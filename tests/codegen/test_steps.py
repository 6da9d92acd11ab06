"""Steps as C++ against JAX: what operations do to the numbers of a neuron, and what is refused."""

import ctypes
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqpool import _native
from eqpool._codegen import Series, Step, Unsupported


N = 5
COMPILER = _native.build.find_compiler()

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")


def made(function, states, inputs=1, leaves=()):
    """A step of `function(leaves, state, arriving)`; states are shapes with `N` in front."""
    series = [Series(shape, 0) for shape in states]
    arriving = Series((N * inputs,), 0, inputs)
    return Step(
        lambda leaves, state, x, irec, noise: function(leaves, state, x),
        leaves, series, arriving, None, False, jnp.dtype("float32"),
    )  # fmt: skip


def by_kernel(step, leaves, state, x, folder):
    """The new state by the compiled code, laid out by hand."""
    (folder / "step.cc").write_text(step.forward().code)
    command = [*COMPILER, *_native.build.FLAGS.split(), "-DEQPOOL_REAL=float", "-shared"]
    command += ["-iquote", str(_native.build.SOURCES), "step.cc", "-o", "step.so"]
    subprocess.run(command, cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / "step.so"))
    constants, scalars = step.constants.packed(step.known(leaves))
    lay = lambda values: np.concatenate(
        [np.asarray(v, np.float32).reshape(N, -1).T for v in values]
    ).copy()
    lines = lay(state)
    out = np.full_like(lines, np.nan)
    given = [np.asarray(constants).copy(), np.asarray(scalars).copy(), lines, lay([x]), out]
    c, u, s, x, y = (ctypes.c_void_p(array.ctypes.data) for array in given)
    library.eqpool_step(ctypes.c_size_t(N), c, u, s, x, None, None, y)
    found = []
    for value in state:
        count = value.size // N
        found.append(out[:count].T.reshape(value.shape))
        out = out[count:]
    return found


def numbers(*shape):
    return jnp.asarray(np.random.default_rng(len(shape)).normal(size=shape) * 3, jnp.float32)


CASES = {
    "inputs of a neuron": (
        lambda p, s, x: [s[0] + x.reshape(N, 3), s[1] * x.reshape(N, 3).sum(1)], [(N, 3), (N,)], 3,
    ),
    "flags": (
        lambda p, s, x: [
            jnp.where((s[0] > 0) & ~(x < 0) | (s[0] == 1.0), x, s[0]),
            ((x >= s[1]) ^ (x != 2.0)).astype(jnp.float32) + jnp.isfinite(x).astype(jnp.float32),
        ],
        [(N,), (N,)], 1,
    ),
    "slices": (
        lambda p, s, x: [
            jnp.concatenate([s[0][:, 1:], (s[0][:, :1] + x[:, None])], 1)
            + jax.lax.pad(s[0][:, ::2], jnp.float32(0.5), ((0, 0, 0), (1, 1, 0)))[:, :3]
        ],
        [(N, 3)], 1,
    ),
    "axes": (
        lambda p, s, x: [
            jnp.transpose(jnp.concatenate([s[0][:, :1].T, x[None]])) * 2.0,
            s[1] * jnp.broadcast_to(jnp.arange(4.0), (N, 4))
            + jnp.broadcast_to(s[1].sum(1)[:, None], (N, 4)),
        ],
        [(N, 2), (N, 4)], 1,
    ),
    "powers": (
        lambda p, s, x: [s[0] ** 3 - x**-2 + s[0] ** 6 + jax.lax.integer_pow(x, 0)], [(N,)], 1,
    ),
    "rounding": (
        lambda p, s, x: [
            jnp.round(10 * x) + jax.lax.round(10 * s[0]) + jnp.floor(x) + jnp.ceil(s[0]),
            jnp.clip(x, -0.5, 2.0) + jnp.clip(s[1], s[0], 3.0) + jnp.sign(x),
        ],
        [(N,), (N,)], 1,
    ),
    "whole numbers": (
        lambda p, s, x: [s[0] + ((10 * x).astype(jnp.int32) * 3 - 1).astype(jnp.float32)],
        [(N,)], 1,
    ),
    "parameters": (
        lambda p, s, x: [p[0] * s[0] + jnp.exp(p[1]) * x + p[0].sum()], [(N,)], 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_numbers_of_jax(name, tmp_path):
    function, shapes, inputs = CASES[name]
    leaves = [numbers(N), jnp.asarray(0.3)]
    state, x = [numbers(*shape) for shape in shapes], numbers(N * inputs)
    step = made(function, shapes, inputs, leaves)
    found = by_kernel(step, leaves, state, x, tmp_path)
    for ours, expected in zip(found, function(leaves, state, x), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=3e-6, atol=1e-6)


def refused(function, shapes=((N,),), inputs=1):
    def error():
        made(function, shapes, inputs).forward()

    return error


SQUARE = np.arange(25.0, dtype=np.float32).reshape(N, N) / 25.0
REFUSED = {
    "a sum over neurons": refused(lambda p, s, x: [s[0] - jnp.sum(s[0])]),
    "a slice of neurons": refused(lambda p, s, x: [s[0] * x[:1]]),
    "neurons side by side with others": refused(
        lambda p, s, x: [s[0] + jnp.concatenate([s[0], x]).reshape(2, N).sum(0)]
    ),
    "padding between or of neurons": refused(
        lambda p, s, x: [s[0] + jax.lax.pad(x, jnp.float32(0.0), ((1, 0, 0),))[:N]]
    ),
    "the operation dot_general": refused(lambda p, s, x: [SQUARE @ s[0]]),
    "the operation rev": refused(lambda p, s, x: [s[0][::-1]]),
    "the operation cumsum": refused(lambda p, s, x: [jnp.cumsum(s[0])]),
    "the operation sort": refused(lambda p, s, x: [jnp.sort(s[0])]),
    "the operation reduce_max": refused(lambda p, s, x: [s[0] - jnp.max(s[0])]),
    "several inputs of each neuron that are not taken apart": refused(
        lambda p, s, x: [s[0] + (x * jnp.arange(10.0)).reshape(N, 2).sum(1)], inputs=2
    ),
    "inputs of a neuron that are taken apart in another way": refused(
        lambda p, s, x: [s[0] + x.reshape(2, N).sum(0)], inputs=2
    ),
    "a reshape that mixes neurons with other axes": refused(
        lambda p, s, x: [s[0].reshape(2, N).T + x[:, None]], [(N, 2)]
    ),
    "a choice between more than two": refused(
        lambda p, s, x: [jax.lax.select_n((x > 0).astype(jnp.int32), s[0], x, -x)]
    ),
    "arrays whose neurons lie along different axes": refused(
        lambda p, s, x: [
            (jnp.broadcast_to(s[0][:, None], (N, N)) + jnp.broadcast_to(x, (N, N)))[:, 0]
        ]
    ),
    "numbers that differ from neuron to neuron, and are no parameter": refused(
        lambda p, s, x: [s[0] * jnp.asarray(SQUARE[1])]
    ),
    "div of integers": refused(
        lambda p, s, x: [s[0] + jax.lax.div(x.astype(jnp.int32), jnp.int32(2)).astype("float32")]
    ),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_refused(reason):
    with pytest.raises(Unsupported, match=reason):
        REFUSED[reason]()
