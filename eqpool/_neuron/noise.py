"""Noise on what drives a layer."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._random import as_typed
from .._scan import scan_steps
from .._types import Key, PerNeuron


def add_noise(
    drive: Float[Array, "T N"], noise_std: PerNeuron, dt: Float[Array, ""], rng_key: Key
) -> tuple[Float[Array, "T N"], Key]:
    """`drive` plus normal noise of standard deviation `noise_std*sqrt(dt)`, and the next key.

    Each step draws with a key of its own, handed from step to step: two halves draw what one
    run draws.
    """

    def draw(key: Array, _: None) -> tuple[Array, Array]:
        following, now = jax.random.split(as_typed(key))
        return jax.random.key_data(following), jax.random.normal(now, drive.shape[1:], drive.dtype)

    def noisy(drive: Array, key: Array) -> tuple[Array, Array]:
        key, noise = scan_steps(draw, key, None, length=drive.shape[0])
        scale = jnp.broadcast_to(noise_std * jnp.sqrt(dt), drive.shape)
        return drive + scale * noise, key

    # Outside the scan and decided at run time: silence costs nothing, and a module with
    # noise shares its compiled function with one without.
    loud = jnp.any(noise_std > 0)
    return jax.lax.cond(loud, noisy, lambda drive, key: (drive, key), drive, rng_key)
