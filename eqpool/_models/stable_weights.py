"""Default recurrent weights of `LIFJax`, over which activity does not feed on itself."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._attribute import AbstractAttribute


def is_drawn(w_rec: Any) -> bool:
    """Whether the declared initialiser draws the weights for this argument."""
    if isinstance(w_rec, AbstractAttribute):
        return w_rec.data is None and w_rec.init_func is None
    return w_rec is None


def stable_weights(mod: Any) -> Float[Array, "N N_in"]:
    """The uniform weights of a `LIFJax`, within half of what makes a spike bring on one spike.

    A synapse hands on `1/(e^(dt/tau) - 1)` of its input over all time steps, and the threshold
    of its neuron becomes one spike. So the rows of up to four neurons sum to 1 at most, and the
    eigenvalues of many fill a disc of radius 0.3.
    """
    charge = jnp.minimum(jnp.expm1(mod.dt / mod.tau_syn), 1.0)  # of a synapse shorter than dt
    shape = mod.isyn.shape
    threshold = jnp.broadcast_to(mod.threshold, shape[:1])[:, None]
    scale = 0.5 / shape[1] ** 0.5 * jnp.broadcast_to(charge, shape) * threshold
    return mod.w_rec * scale.reshape(1, -1)
