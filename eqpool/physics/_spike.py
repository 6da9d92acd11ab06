"""Spikes on a time grid: how many, the reset, the refractory period."""

from typing import TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float


X: TypeAlias = Float[Array, "..."]


def spike_count(u: X, max_spikes_per_dt: X | float = float("inf")) -> X:
    r"""Spikes in one step: $\lceil u\rceil$ between 0 and a maximum.

    One spike for each factor of $e$ above threshold. Its derivative is zero; the surrogates
    of eqpool put another one in its place.

    **Arguments:**

    - `u`: distance from threshold, $\ln(I_{mem}/I_{spkthr})$, nats.
    - `max_spikes_per_dt`: the most spikes in one step. Default: no limit.
    """
    return jnp.clip(jnp.ceil(u), 0.0, max_spikes_per_dt)


def reset(Imem: X, spikes: X, Io: X) -> X:
    """`Io` where a spike occurred, else `Imem`, A."""
    fired = jnp.clip(spikes, 0.0, 1.0)
    return fired * Io + (1.0 - fired) * Imem


def refractory_timer(timer: X, spikes: X, t_ref: X, dt: X) -> X:
    """`t_ref` where a spike occurred, else what is left after `dt`, s."""
    return jnp.where(spikes > 0.0, t_ref, jnp.maximum(timer - dt, 0.0))


def steps_left(timer: X, dt: X) -> X:
    """Whole steps that cover a time, `ceil(timer/dt)` up to rounding.

    A duration that is a multiple of `dt` but for rounding counts as that multiple.

    **Arguments:**

    - `timer`: time left, s.
    - `dt`: time step, s.
    """
    # A quotient of two rounded numbers, one of them the result of a few operations.
    slack = 1.0 - 8.0 * float(jnp.finfo(timer.dtype).eps)
    return jnp.ceil(timer / dt * slack)
