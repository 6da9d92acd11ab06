"""Wrong uses of what Rockpool's users know, with what the message must say."""

import jax
import jax.numpy as jnp
import numpy as np

import eqpool


def net():
    return eqpool.Sequential(eqpool.Linear((3, 4), rng_key=0), eqpool.LIF(4, rng_key=0))


def named(*names):
    return {name: eqpool.LIF(3, rng_key=0) for name in names}


ROCKPOOL_CASES = {
    # rasters
    "objects for input": (
        lambda: net()(np.array([[1, 0, None]])),
        TypeError,
        r"Sequential: input_data must be an array; got object\[1,3\]",
    ),
    "integers beyond 64 bits": (
        lambda: net()([[1, 0, 2**70]]),
        TypeError,
        r"Sequential: input_data must be an array; got list \[\[1, 0, 1180591620717411303424\]\]",
    ),
    "words for input": (
        lambda: net()(np.array([["a", "b", "c"]])),
        TypeError,
        r"input_data must be an array; got <U1\[1,3\]",
    ),
    "keys for input": (
        lambda: net()(jax.random.split(jax.random.key(0), 3)[None]),
        TypeError,
        r"input_data must hold numbers, or spikes as booleans; got key<fry>\[1,3\]",
    ),
    "complex input under jit": (
        lambda: jax.jit(lambda net, x: net(x)[0])(net(), 1j * jnp.ones((5, 3))),
        TypeError,
        r"got complex64\[5,3\]: take its real part or its magnitude",
    ),
    "a boolean raster with swapped axes": (
        lambda: net()(np.ones((3, 10), bool)),
        ValueError,
        r"input_data has 10 channels .* look swapped",
    ),
    # modules with names
    "a module called like a method": (
        lambda: eqpool.Sequential({"encode": eqpool.Linear((3, 4)), "run": eqpool.LIF(4)}),
        ValueError,
        "Sequential: a module cannot be called 'run', which is an attribute of every Sequential",
    ),
    "a module called like a field": (
        lambda: eqpool.FFwdStack(named("a", "weights")),
        ValueError,
        "FFwdStack: a module cannot be called 'weights', which is an attribute of every FFwdStack",
    ),
    "a module called like a property": (
        lambda: eqpool.Residual({"name": eqpool.LIF(3)}),
        ValueError,
        "Residual: a module cannot be called 'name'",
    ),
    "a module called like weights": (
        lambda: eqpool.FFwdStack(named("0_1_weight", "a")),
        ValueError,
        "FFwdStack: two attributes or submodules are called '0_1_weight'",
    ),
    "a module called like the output of another": (
        lambda: eqpool.Sequential(named("a", "a_output")),
        ValueError,
        "with a module 'a' none can be called 'a_output', under which the record holds its output",
    ),
    "a module whose name is a number": (
        lambda: eqpool.Sequential({0: eqpool.LIF(3)}),
        TypeError,
        "Sequential: the names of modules must be strings; got int 0",
    ),
    "a name for what is no module": (
        lambda: eqpool.Sequential({"hidden": jnp.tanh}),
        TypeError,
        r"Sequential: 'hidden' is not a module; .* as `eqpool.Instant\(N, function\)`",
    ),
    "a dictionary behind a module": (
        lambda: eqpool.Sequential(eqpool.LIF(3), {"hidden": eqpool.LIF(3)}),
        TypeError,
        "Sequential: argument 1 is not a module; got dict .* a dictionary of modules stands first",
    ),
    "a name twice": (
        lambda: eqpool.Sequential({"1_LIFJax": eqpool.LIF(3)}, eqpool.LIF(3)),
        ValueError,
        "Sequential: two modules are called '1_LIFJax'; put all of them into the dictionary",
    ),
    "named modules that do not fit": (
        lambda: eqpool.Sequential({"a": eqpool.Linear((3, 5)), "b": eqpool.LIF(4)}),
        ValueError,
        r"module 0 \(LinearJax, shape \(3, 5\)\) has 5 outputs, but module 1 \(LIFJax",
    ),
    "a part that nobody has": (
        lambda: eqpool.Sequential(named("encode", "hidden"), name="net").hiden,
        AttributeError,
        r"Sequential 'net' has no attribute 'hiden'. Did you mean 'hidden'\? It has 'encode', 'hid",
    ),
    "weights that nobody has": (
        lambda: getattr(eqpool.FFwdStack(named("a", "b")), "1_2_weight"),
        AttributeError,
        r"Did you mean '0_1_weight'\? It has 'a', 'b', '0_1_weight'",
    ),
    "a module put in behind": (
        lambda: eqpool.Sequential().append(eqpool.LIF(3)),
        AttributeError,
        r"no attribute 'append'. Nothing is added in place; build anew, `Sequential\(\*net, module",
    ),
    "an empty network in a stack": (
        lambda: eqpool.FFwdStack(eqpool.LIF(3), eqpool.Sequential(), eqpool.LIF(3)),
        ValueError,
        "FFwdStack: an empty `eqpool.Sequential` has no size .* leave it out",
    ),
    "a Residual around nothing": (
        lambda: eqpool.Residual(eqpool.Sequential()),
        ValueError,
        "Residual: give at least one module",
    ),
}
