"""Transistors below threshold: what a current means as a time constant, pulse or voltage."""

from typing import TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float


X: TypeAlias = Float[Array, "..."]


def slope_factor(kappa_n: X, kappa_p: X) -> X:
    r"""Mean subthreshold slope factor $\kappa = (\kappa_n + \kappa_p)/2$, no unit."""
    return (kappa_n + kappa_p) / 2.0


def time_constant(I: X, C: X, kappa: X, Ut: X) -> X:
    r"""Time constant $\tau = C\,U_t/(\kappa I)$ of a log-domain integrator, s.

    **Arguments:**

    - `I`: leak current, A.
    - `C`: capacitance, F.
    - `kappa`: subthreshold slope factor, no unit.
    - `Ut`: thermal voltage, V.

    ??? cite

        Bartolozzi and Indiveri 2007,
        [doi:10.1162/neco.2007.19.10.2581](https://doi.org/10.1162/neco.2007.19.10.2581).
    """
    return C * Ut / (kappa * I)


def leak_current(tau: X, C: X, kappa: X, Ut: X) -> X:
    r"""The current $I = C\,U_t/(\kappa\tau)$, A, whose time constant is `tau`, s.

    Arguments as of [`eqpool.physics.time_constant`][], whose inverse it is.
    """
    return C * Ut / (kappa * tau)


def pulse_width(I: X, C: X, Vth: X) -> X:
    """Time `Vth*C/I` in which a current charges a capacitor to a switching voltage, s.

    **Arguments:**

    - `I`: charging current, A.
    - `C`: capacitance, F.
    - `Vth`: switching voltage of the transistor, V.
    """
    return Vth * C / I


def pulse_current(t: X, C: X, Vth: X) -> X:
    """The current `Vth*C/t`, A, whose pulse width is `t`, s.

    Arguments as of [`eqpool.physics.pulse_width`][], whose inverse it is.
    """
    return Vth * C / t


def membrane_potential(Imem: X, Io: X, kappa: X, Ut: X) -> X:
    r"""Gate voltage $V_{mem} = \frac{U_t}{\kappa}\ln(I_{mem}/I_o)$ behind a current, V.

    **Arguments:**

    - `Imem`: membrane current, A.
    - `Io`: dark current, A.
    - `kappa`: subthreshold slope factor, no unit.
    - `Ut`: thermal voltage, V.
    """
    return Ut / kappa * jnp.log(Imem / Io)
