"""The dtype that a run has: that of all fields and the input together, as NumPy promotes them."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool._module import map_leaves


SYNAPSES = dict(synapses=("ampa",), has_rec=True, rng_key=0)
MATRIX = np.diag([0.5, 0.0, 1.0, 1.0])
MODELS = {
    "RateJax": lambda: eqpool.RateJax(4, has_rec=True, rng_key=0),
    "RateJax, any function": lambda: eqpool.RateJax(
        4, has_rec=True, activation_func=lambda x, threshold: x > threshold, rng_key=0
    ),
    "RateJax, diffrax": lambda: eqpool.RateJax(4, solver=diffrax.Heun(), rng_key=0),
    "RateJax, sparse": lambda: eqpool.RateJax(
        4, has_rec=True, w_rec=eqpool.SparseWeights.from_dense(MATRIX), rng_key=0
    ),
    "DynapSim": lambda: eqpool.DynapSim(4, **SYNAPSES),
    "DynapSim, equation": lambda: eqpool.DynapSim(
        4, solver=eqpool.ForwardEuler(), surrogate=eqpool.FastSigmoid(), **SYNAPSES,
        feedback=eqpool.SigmoidFeedback(1e-10, -1e-10, 1e-11),
    ),
    "LIF": lambda: eqpool.LIF((8, 4), has_rec=True, noise_std=0.1, rng_key=0),
    "AdExLIF": lambda: eqpool.AdExLIF(4, has_rec=True, rng_key=0),
    "ExpSyn": lambda: eqpool.ExpSyn(4, noise_std=0.1, rng_key=0),
    "ExpSmooth": lambda: eqpool.ExpSmooth(4, activation_fun=jnp.tanh),
    "Linear": lambda: eqpool.Linear((4, 3), has_bias=True, rng_key=0),
    "Softmax": lambda: eqpool.Softmax((4, 3), rng_key=0),
    "LogSoftmax": lambda: eqpool.LogSoftmax((4, 3), rng_key=0),
    "Sequential": lambda: eqpool.Sequential(eqpool.Linear((4, 2), rng_key=0), eqpool.ExpSyn(2)),
    "Residual": lambda: eqpool.Residual(eqpool.Linear((4, 4), rng_key=0), eqpool.ExpSyn(4)),
    "FFwdStack": lambda: eqpool.FFwdStack(eqpool.ExpSyn(4), eqpool.LIF(2, rng_key=0), rng_key=0),
}  # fmt: skip

# The table in docs/modules.md: module, input, result.
RESULTS = [
    ("float32", "float32", "float32"),
    ("float32", "float64", "float64"),
    ("float32", "bfloat16", "float32"),
    ("float64", "float16", "float64"),
    ("bfloat16", "bfloat16", "bfloat16"),
    ("bfloat16", "float32", "float32"),
    ("bfloat16", "float16", "float32"),
    ("float16", "float16", "float16"),
    ("mixed", "bfloat16", "float32"),
]


def cast(mod, dtype):
    """All floating-point fields in one dtype; `mixed`: in bfloat16 and float32 by turns."""
    turn = iter(["bfloat16", "float32"] * 100)

    def change(site, leaf):
        if site.field is None or not jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf
        return leaf.astype(next(turn) if dtype == "mixed" else dtype)

    return map_leaves(change, mod)


def dtypes(tree):
    return [x.dtype for x in jax.tree.leaves(tree)]


@pytest.mark.parametrize("name", MODELS)
def test_result(name, x64):
    """Of output and record; while each state keeps the dtype that it has in the module."""
    with jax.enable_x64(False):
        made = MODELS[name]()
    for module, given, expected in RESULTS:
        if module == "float16" and name.startswith(("DynapSim", "AdEx")):
            continue  # refused, see bad_input_operands.py
        mod, x = cast(made, module), jnp.ones((3, made.size_in), given)
        for kernels in (True, False) if name in ("RateJax", "DynapSim") else (True,):
            with eqpool.native_kernels(kernels):
                output, state, record = jax.eval_shape(lambda mod, x: mod(x, record=True), mod, x)
            assert {str(dtype) for dtype in dtypes((output, record))} == {expected}
            assert dtypes(state) == dtypes(mod.state())


@pytest.mark.parametrize("name", ["RateJax", "RateJax, sparse", "DynapSim, equation", "LIF"])
@pytest.mark.parametrize("dtype", ["bfloat16", "mixed"])
def test_gradient(name, dtype):
    """Each has the dtype of the field, and the tree that it belongs to."""
    mod = cast(MODELS[name](), dtype)
    x = jnp.ones((3, mod.size_in), "bfloat16")

    def loss(params, rest, x):
        output, state, _ = eqpool.combine(params, rest)(x)
        parts = [y for y in jax.tree.leaves((output, state)) if jnp.issubdtype(y, jnp.floating)]
        return sum(jnp.sum(part.astype("float32")) for part in parts)

    params, rest = eqx.partition(mod, eqx.is_inexact_array)
    gradients = jax.eval_shape(jax.grad(loss, (0, 2)), params, rest, x)
    assert dtypes(gradients) == dtypes((params, x))


def test_a_function_of_another_dtype():
    """What a user's function returns does not change what the layers compute in."""
    net = eqpool.FFwdStack(
        eqpool.ExpSyn(2), eqpool.Instant(2, lambda x: x.astype("float32")),
        eqpool.Residual(eqpool.Instant(2, jnp.float32)), rng_key=0,
    )  # fmt: skip
    output = jax.eval_shape(cast(net, "bfloat16"), jnp.ones((3, 2), "bfloat16"))[0]
    assert output.dtype == "float32"


def test_in_a_loop_of_jax():
    """A state goes into the next run as it came out of the last, whatever the input is."""
    mod = cast(MODELS["ExpSyn"](), "bfloat16")

    def step(state, x):
        output, state, _ = mod.set_attributes(state)(x)
        return state, output

    state, outputs = jax.lax.scan(step, mod.state(), jnp.ones((4, 3, 4), "float32"))
    assert outputs.dtype == "float32" and state["isyn"].dtype == "bfloat16"


def test_events(x64):
    """Times are promoted like input; a duration is not."""
    with jax.enable_x64(False):
        mod = eqpool.LIF(2, rng_key=0)
        events = eqpool.Events([1e-3], [0], 2)
    double = eqx.tree_at(lambda e: e.times, events, events.times.astype("float64"))
    for given, expected in ((events, "float32"), (double, "float64")):
        out, state = jax.eval_shape(lambda mod, e: mod.evolve_events(e, num_steps=3), mod, given)
        assert out.times.dtype == expected and state["vmem"].dtype == "float32"
    out, _ = mod.evolve_events(events, 3e-3)
    assert out.times.dtype == "float32"


def test_segments_have_the_bits_of_one_run():
    """A run in segments rounds no state to the dtype of the field in between."""
    mod = cast(MODELS["ExpSyn"](), "bfloat16")
    x = jnp.linspace(0.0, 1.0, 36).reshape(9, 4)
    whole, in_parts = mod(x), mod(x, checkpoint=2)
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(in_parts), strict=True):
        np.testing.assert_array_equal(one, other)
