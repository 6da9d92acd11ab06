"""Runs of wrong input, or from a state that does not fit it; as in `bad_input_cases.py`."""

import equinox as eqx
import jax
import jax.numpy as jnp

import eqpool
from eqpool import RateJax


def network():
    return eqpool.Sequential(
        eqpool.Linear((3, 4), rng_key=0), RateJax((4, 4), has_rec=True, rng_key=1)
    )


def rate(**kwargs):
    return RateJax(4, rng_key=0, **kwargs)


def in_double(build):
    with jax.enable_x64(True):
        return build()


RUN_CASES = {
    # input
    "wrong channel count": (
        lambda: network()(jnp.ones((10, 5))),
        ValueError,
        r"Sequential: input_data has 5 channels \(shape \(10, 5\)\); expected \(T, 3\) or \(B, T",
    ),
    "swapped axes": (
        lambda: network()(jnp.ones((3, 10))),
        ValueError,
        r"last two axes look swapped, try `input_data.swapaxes\(-1, -2\)`",
    ),
    "missing time axis": (
        lambda: network()(jnp.ones(3)),
        ValueError,
        r"has 1 axes, shape \(3,\).*add the missing axis, perhaps with `input_data\[None\]`",
    ),
    "missing channel axis": (
        lambda: RateJax(1)(jnp.ones(10)),
        ValueError,
        r"perhaps with `input_data\[:, None\]`",
    ),
    "too many axes": (
        lambda: network()(jnp.ones((1, 2, 10, 3))),
        ValueError,
        r"has 4 axes, shape \(1, 2, 10, 3\); expected \(T, 3\) or \(B, T, 3\)",
    ),
    "empty batch": (
        lambda: network()(jnp.ones((0, 10, 3))),
        ValueError,
        r"is an empty batch \(shape \(0, 10, 3\)\); give at least one element",
    ),
    "complex input": (
        lambda: network()(1j * jnp.ones((10, 3))),
        TypeError,
        r"got complex64\[10,3\]: take its real part or its magnitude",
    ),
    "a string for input": (
        lambda: network()("noise"),
        TypeError,
        "Sequential: input_data must be an array; got str 'noise'",
    ),
    "a ragged list for input": (
        lambda: network()([[1.0, 2.0, 3.0], [1.0]]),
        TypeError,
        "input_data must be an array; got list",
    ),
    "a module for input": (lambda: network()(network()), TypeError, "got a module. If this came"),
    "wrong input inside jit": (
        lambda: jax.jit(lambda net, x: net(x))(network(), jnp.ones((10, 5))),
        ValueError,
        "input_data has 5 channels",
    ),
    # states
    "a batched state and unbatched input": (
        lambda: network().set_attributes({"1_RateJax": {"x": jnp.ones((2, 4))}})(jnp.ones((9, 3))),
        ValueError,
        r"'1_RateJax.x' has batch size 2, but input_data .* has no batch axis.*`reset_state\(\)`",
    ),
    "a float64 module without double precision": (
        lambda: in_double(lambda: rate())(jnp.ones((9, 4))),
        TypeError,
        r"RateJax: 'noise_std' is float64, but double precision is off: switch it on, `jax.config",
    ),
    "a state of another batch size": (
        lambda: rate().set_attributes({"x": jnp.ones((2, 4))})(jnp.ones((5, 9, 4))),
        ValueError,
        "'x' has batch size 2, but input_data .* has batch size 5: give input of the same batch",
    ),
    "an ensemble outside vmap": (
        lambda: eqx.filter_vmap(lambda key: RateJax(4, rng_key=key))(
            jax.random.split(jax.random.key(0), 3)
        )(jnp.ones((10, 4))),
        ValueError,
        r"has shape \(3, 4\): this is an ensemble. Map over it",
    ),
}
