"""The leaky integrate-and-fire neuron with subtractive reset: its spikes."""

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


X: TypeAlias = Float[Array, "..."]


@jax.custom_jvp
def lif_spikes(vmem: X, threshold: X, max_spikes_per_dt: X | float, window: X | float = 0.5) -> X:
    r"""Spikes in one step: $\lfloor v/\theta\rfloor$ at and above threshold, up to a maximum.

    The derivative of that staircase is zero; in its place stands that of $v/\theta$ from
    `window` below the threshold on, and zero below.

    **Arguments:**

    - `vmem`: membrane potential before the reset, no unit.
    - `threshold`: $\theta$, in the same unit.
    - `max_spikes_per_dt`: the most spikes in one step.
    - `window`: how far below the threshold the derivative begins. Default 0.5.
    """
    spikes = jnp.where(vmem < threshold, 0.0, jnp.floor(vmem / threshold))  # NaN of NaN
    return jnp.clip(spikes, 0.0, max_spikes_per_dt)


@lif_spikes.defjvp
def _jvp(primals: Any, tangents: Any) -> tuple[X, X]:
    vmem, threshold, _, window = primals
    vmem_dot, threshold_dot, _, _ = tangents
    slope = jnp.where(vmem < threshold - window, 0.0, 1.0 / threshold)
    return lif_spikes(*primals), slope * (vmem_dot - vmem / threshold * threshold_dot)
