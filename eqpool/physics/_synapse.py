"""The differential pair integrator (DPI): synapses, and adaptation, which is the same circuit."""

from typing import TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float


X: TypeAlias = Float[Array, "..."]


def dpi_decay(t: X, tau: X) -> X:
    r"""Fraction $e^{-t/\tau}$ of its current that a DPI keeps over a time `t`.

    **Arguments:**

    - `t`: time, s.
    - `tau`: time constant, s.
    """
    return jnp.exp(-t / tau)


def dpi_charge(t_pulse: X, tau: X) -> X:
    r"""Fraction $1 - e^{-t_{pulse}/\tau}$ of its steady state that a pulse adds to a DPI.

    Accurate for pulses of any length; `1 - exp(-x)` in float32 is wrong by 1e-3 for `x` = 2e-5.

    **Arguments:**

    - `t_pulse`: length of the pulse, s.
    - `tau`: time constant, s.
    """
    return -jnp.expm1(-t_pulse / tau)


def dpi_steady_state(Iw: X, Igain: X, Itau: X) -> X:
    r"""The current $\frac{I_{gain}}{I_\tau} I_w$ that a DPI approaches during a pulse, A.

    **Arguments:**

    - `Iw`: weight current, A.
    - `Igain`: gain current, A.
    - `Itau`: leak current, A.

    ??? cite

        Bartolozzi and Indiveri 2007,
        [doi:10.1162/neco.2007.19.10.2581](https://doi.org/10.1162/neco.2007.19.10.2581).
    """
    return Igain / Itau * Iw
