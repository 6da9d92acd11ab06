"""Wrong uses of random keys, with what the message must say."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import eqpool


def rate(rng_key=0):
    return eqpool.RateJax(4, rng_key=rng_key)


KEY_CASES = {
    "a switch for a seed": (
        lambda: rate(rng_key=True),
        TypeError,
        r"rng_key must be a key .*, an integer seed or None; got bool True",
    ),
    "a number with a fraction for a seed": (
        lambda: rate(rng_key=np.float32(3)),
        TypeError,
        r"rng_key must be a key .*, an integer seed or None; got float32\[\]",
    ),
    "a seed that is too large": (
        lambda: rate(rng_key=2**64),
        ValueError,
        r"rng_key: a seed must be an integer from -2\*\*63 to 2\*\*63 - 1; got int 18446744073709",
    ),
    "several keys of rbg for one": (
        lambda: rate(rng_key=jax.random.split(jax.random.key(0, impl="rbg"), 3)),
        TypeError,
        r"rng_key must be a key .* got uint32\[3,2\]",
    ),
    "a key put into a module past its conversion": (
        lambda: eqx.tree_at(lambda mod: mod.rng_key, rate(), jax.random.key(0))(jnp.ones((3, 4))),
        TypeError,
        r"RateJax: 'rng_key' is key<fry>\[\]; a module holds its keys as raw .* `set_attributes`",
    ),
    "a raw key of rbg put into a module past its conversion": (
        lambda: eqx.tree_at(lambda mod: mod.rng_key, rate(), jnp.zeros(4, jnp.uint32))(
            jnp.ones((3, 4))
        ),
        TypeError,
        r"RateJax: 'rng_key' is uint32\[4\]; a module holds its keys as raw .* `set_attributes`",
    ),
}
