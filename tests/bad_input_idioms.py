"""Wrong uses of Equinox and JAX around modules, with what the message must say."""

import equinox as eqx
import jax
import jax.numpy as jnp

import eqpool


def net():
    return eqpool.Sequential(
        eqpool.RateJax((4, 4), has_rec=True, rng_key=0), eqpool.RateJax((4, 4), has_rec=True)
    )


def shared():
    return eqx.nn.Shared(net(), lambda net: net[1].w_rec, lambda net: net[0].w_rec)


IDIOM_CASES = {
    "jit of a module": (
        lambda: jax.jit(net())(jnp.ones((3, 4))),
        TypeError,
        r"Sequential holds arrays and cannot be hashed.*`eqx\.filter_jit\(net\)`.*argument, `jax",
    ),
    "a tied value set": (
        lambda: shared().pytree.set_attributes({"1_RateJax": {"w_rec": jnp.eye(4)}}),
        ValueError,
        r"Sequential\.1_RateJax\.w_rec: is tied to another attribute by `eqx\.nn\.Shared`",
    ),
    "a run of a network that is tied": (
        lambda: shared().pytree(jnp.ones((3, 4))),
        TypeError,
        r"Sequential: '1_RateJax\.w_rec' is tied .*`shared\(\)\(x\)`",
    ),
    "a tied network saved": (
        lambda: eqpool.save("net.safetensors", shared()),
        TypeError,
        r"'pytree\.layers\.1\.w_rec' is tied .*`eqpool\.save\(path, shared\(\)\)`",
    ),
    "dropout in training": (
        lambda: eqpool.Instant(3, eqx.nn.Dropout(0.5), name="drop")(jnp.ones((5, 3))),
        ValueError,
        r"InstantJax 'drop': its function has dropout, .*`eqx\.nn\.inference_mode\(net\)`",
    ),
    "a surrogate that cannot be called": (
        lambda: eqpool.CustomSurrogate(3),
        TypeError,
        r"CustomSurrogate\.function: must be a function; got int 3",
    ),
}
