"""Modules whose arrays are not what they declare, as `eqx.tree_at` and casts make them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import eqpool
from eqpool import _native


X = jnp.ones((3, 4))


def cast(mod, dtype, which=eqx.is_inexact_array):
    return jax.tree.map(lambda x: x.astype(dtype) if which(x) else x, mod)


def rate(**changes):
    """A recurrent layer of 4 with other leaves."""
    mod = eqpool.RateJax((4, 4), has_rec=True, rng_key=0, name="hidden")
    for name, value in changes.items():
        mod = eqx.tree_at(lambda mod, name=name: getattr(mod, name), mod, value)
    return mod


def dynapsim(**kwargs):
    return eqpool.DynapSim(4, synapses=("ampa",), rng_key=0, **kwargs)


def sparse(dtype=None):
    mod = eqpool.LIF(4, w_rec=eqpool.SparseWeights.from_dense(np.eye(4)), has_rec=True, rng_key=0)
    return mod if dtype is None else cast(mod, dtype, eqx.is_array)


def deep(layer):
    return eqpool.Sequential(eqpool.Linear((4, 4), rng_key=0), eqpool.Residual(layer))


def by_scan(call):
    with eqpool.native_kernels(False):
        return call()


def directly(**operands):
    """The kernel with operands that no check has seen."""
    n, dtype = 4, jnp.dtype("float32")
    named = {
        "constants": (jnp.ones((2, n)), (2, n)),
        "w_rec": (jnp.ones((n, n)), (n, n)),
        "x": (jnp.ones((1, n)), (1, n)),
        "input_data": (jnp.ones((3, n)), (3, n)),
    }
    for name, value in operands.items():
        named[name] = (value, named[name][1])
    results = ((3, n), (1, n), (0, n), (0, n))
    return _native.call("eqpool_rate_forward", dtype, named, results, activation=np.int64(0))


OPERAND_CASES = {
    "integer weights": (
        lambda: rate(w_rec=jnp.eye(4, dtype=jnp.int32))(X),
        TypeError,
        r"RateJax 'hidden': 'w_rec' is int32\[4,4\]; expected floating point.*`.astype\(float\)`",
    ),
    "integer weights, by the scan": (
        lambda: by_scan(lambda: rate(w_rec=jnp.eye(4, dtype=jnp.int32))(X)),
        TypeError,
        r"RateJax 'hidden': 'w_rec' is int32\[4,4\]; expected floating point",
    ),
    "weights that are booleans": (
        lambda: rate(w_rec=jnp.ones((4, 4), bool))(X),
        TypeError,
        r"'w_rec' is bool\[4,4\]; expected floating point",
    ),
    "complex weights": (
        lambda: rate(w_rec=jnp.ones((4, 4), jnp.complex64))(X),
        TypeError,
        r"'w_rec' is complex64\[4,4\]; expected floating point",
    ),
    "float8 weights": (
        lambda: rate(w_rec=jnp.ones((4, 4), jnp.float8_e4m3fn))(X),
        TypeError,
        r"'w_rec' is float8_e4m3fn\[4,4\]; expected floating point, one of 'bfloat16', 'float16'",
    ),
    "float8 input": (
        lambda: rate()(X.astype(jnp.float8_e4m3fn)),
        TypeError,
        r"got float8_e4m3fn\[3,4\]: convert it with `input_data.astype\(float\)`",
    ),
    "weights of another layer": (
        lambda: rate(w_rec=jnp.ones((3, 3)))(X),
        ValueError,
        r"RateJax 'hidden': 'w_rec' has shape \(3, 3\); expected \(4, 4\)\.",
    ),
    "weights of another layer, by the scan": (
        lambda: by_scan(lambda: rate(w_rec=jnp.ones((3, 3)))(X)),
        ValueError,
        r"RateJax 'hidden': 'w_rec' has shape \(3, 3\); expected \(4, 4\)\.",
    ),
    "a state without axes": (
        lambda: rate(x=jnp.zeros(()))(X),
        ValueError,
        r"'x' has shape \(\); expected \(4,\), or with a batch axis in front",
    ),
    "a state of another layer": (
        lambda: rate(x=jnp.zeros(6))(X),
        ValueError,
        r"'x' has shape \(6,\); expected \(4,\), or with a batch axis in front",
    ),
    "a state of another layer, in a batch": (
        lambda: rate(x=jnp.zeros((2, 6)))(X[None]),
        ValueError,
        r"'x' has shape \(2, 6\); expected \(4,\), or with a batch axis in front",
    ),
    "a state of another layer, over events": (
        lambda: eqx.tree_at(lambda mod: mod.vmem, eqpool.LIF(2), jnp.zeros(3)).evolve_events(
            eqpool.Events([1e-3], [0], 2), 5e-3
        ),
        ValueError,
        r"LIFJax: 'vmem' has shape \(3,\); expected \(2,\)",
    ),
    "a state of another batch, deep inside": (
        lambda: deep(rate(x=jnp.zeros((5, 4))))(jnp.ones((2, 3, 4))),
        ValueError,
        r"the state '1_Residual.0_RateJax.x' has batch size 5, but .* has batch size 2",
    ),
    "a time constant for each of three": (
        lambda: rate(tau=jnp.ones(3))(X),
        ValueError,
        r"'tau' has shape \(3,\); expected \(4,\) or \(\)\.",
    ),
    "a number for an array": (
        lambda: rate(tau=0.02)(X),
        TypeError,
        r"RateJax 'hidden': 'tau' must be an array; got float 0.02",
    ),
    "a key of another dtype": (
        lambda: cast(rate(), jnp.float32, eqx.is_array)(X),
        TypeError,
        r"'rng_key' is float32\[2\]; a module holds its keys as raw data of Threefry",
    ),
    "all arrays as integers": (
        lambda: cast(rate(), jnp.int32, eqx.is_inexact_array)(X),
        TypeError,
        r"'w_rec' is int32\[4,4\]; expected floating point",
    ),
    "one half of a partition": (
        lambda: eqpool.partition(rate(), "weights")[0](X),
        TypeError,
        r"RateJax 'hidden': '\w+' is not there: this is one half of a partition.*eqpool.combine",
    ),
    "the gradients of a module": (
        lambda: eqpool.filter_grad(lambda mod: jnp.sum(mod(X)[0]))(rate())(X),
        TypeError,
        r"RateJax 'hidden': '\w+' is not there: this is one half of a partition",
    ),
    "currents in float16": (
        lambda: cast(dynapsim(), jnp.float16)(X),
        TypeError,
        r"DynapSim: 'Idc' is float16, which holds nothing below 6e-8 A: use bfloat16",
    ),
    "capacitances in float16": (
        lambda: cast(eqpool.AdExLIF(4), jnp.float16)(X),
        TypeError,
        r"AdExLIF: 'C' is float16, which holds nothing below 6e-8 F: use bfloat16",
    ),
    "exact events in half precision": (
        lambda: cast(dynapsim(solver=eqpool.EventDriven()), jnp.bfloat16)(X.astype(jnp.bfloat16)),
        TypeError,
        r"DynapSim: EventDriven needs float32 or float64.*are bfloat16\. Give the input as float32",
    ),
    "an array in place of sparse weights": (
        lambda: eqx.tree_at(lambda mod: mod.w_rec, sparse(), jnp.eye(4))(X),
        TypeError,
        r"LIFJax: 'w_rec' is dense; this module was built with SparseWeights",
    ),
    "sparse weights in place of an array": (
        lambda: rate(w_rec=sparse().w_rec)(X),
        TypeError,
        r"'w_rec' is sparse; this module was built with an array",
    ),
    "sparse weights of another layer": (
        lambda: eqx.tree_at(
            lambda mod: mod.w_rec,
            sparse(),
            eqpool.SparseWeights([1.0] * 4, range(4), range(4), (5, 5)),
        )(X),
        ValueError,
        r"LIFJax: 'w_rec' has shape \(5, 5\); expected \(4, 4\)",
    ),
    "sparse weights with fewer values": (
        lambda: eqx.tree_at(lambda mod: mod.w_rec.values, sparse(), jnp.ones(3))(X),
        ValueError,
        r"LIFJax: 'w_rec' has shape \(3,\); expected \(4,\)",
    ),
    "indices of sparse weights as numbers": (
        lambda: sparse(jnp.float32)(X),
        TypeError,
        r"'w_rec': the indices of sparse weights must stay integers; got float32\[4\]",
    ),
    "input in double precision, which is off": (
        lambda: rate()(in_double(lambda: jnp.ones((3, 4)))),
        TypeError,
        r"RateJax 'hidden': an input is float64, but double precision is off: switch it on",
    ),
    "weights in double precision, which is off": (
        lambda: rate(w_rec=in_double(lambda: jnp.ones((4, 4))))(X),
        TypeError,
        r"RateJax 'hidden': 'w_rec' is float64, but double precision is off",
    ),
    "a kernel with weights of another dtype": (
        lambda: directly(w_rec=jnp.ones((4, 4), jnp.bfloat16)),
        TypeError,
        r"eqpool_rate_forward: w_rec must be float32\[4, 4\]; got bfloat16\[4, 4\]",
    ),
    "a kernel with a state of another shape": (
        lambda: directly(x=jnp.ones((1, 6))),
        TypeError,
        r"eqpool_rate_forward: x must be float32\[1, 4\]; got float32\[1, 6\]",
    ),
}


def in_double(build):
    with jax.enable_x64(True):
        return build()
