"""Wrong uses of what Rockpool's users know, with what the message must say."""

import jax
import jax.numpy as jnp
import numpy as np

import eqpool


def net():
    return eqpool.Sequential(eqpool.Linear((3, 4), rng_key=0), eqpool.LIF(4, rng_key=0))


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
}
