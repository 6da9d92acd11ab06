"""The adaptive exponential integrate-and-fire neuron, in a coordinate without its divergence."""

from typing import TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


X: TypeAlias = Float[Array, "..."]


def adex_coordinate(u: X) -> X:
    r"""The coordinate $y = \ln\sigma(u) = -\ln(1 + e^{-u})$ of a membrane potential.

    Far below threshold it is $u$. Above, where $u$ runs to infinity in finite time, it goes to 0
    at a steady pace. So one and the same step serves both.

    **Arguments:**

    - `u`: $(V - V_T)/\Delta_T$, nats.
    """
    return jax.nn.log_sigmoid(u)


def adex_distance(y: X) -> X:
    r"""$u = y - \ln(1 - e^y)$, the inverse of [`eqpool.physics.adex_coordinate`][], nats.

    **Arguments:**

    - `y`: below 0.
    """
    return y - jnp.log(-jnp.expm1(y))


def adex_membrane(y: X, w: X, drive: X, rest: X, tau_m: X) -> X:
    r"""$\dot y$, 1/s, of the exponential integrate-and-fire membrane

    $$ C \dot V = -g_L (V - E_L) + g_L \Delta_T e^{(V - V_T)/\Delta_T} - w + I $$

    $$ \tau_m \dot u = u_L - u + e^u - w' + I', \qquad
       \tau_m \dot y = (1 - e^y)(u_L - u - w' + I') + e^y $$

    with currents $w'$ and $I'$ in units of $g_L \Delta_T$, and $\tau_m = C/g_L$.

    **Arguments:**

    - `y`: [`eqpool.physics.adex_coordinate`][] of the membrane potential, below 0.
    - `w`: adaptation current $w'$.
    - `drive`: all other currents, $I'$.
    - `rest`: $u_L = (E_L - V_T)/\Delta_T$, nats.
    - `tau_m`: membrane time constant, s.

    ??? cite

        Brette and Gerstner 2005,
        [doi:10.1152/jn.00686.2005](https://doi.org/10.1152/jn.00686.2005).
    """
    below = -jnp.expm1(y)
    return (below * (rest - adex_distance(y) - w + drive) + (1.0 - below)) / tau_m


def adex_adaptation(u: X, w: X, rest: X, coupling: X, tau_w: X) -> X:
    r"""$\dot w'$, 1/s, of the adaptation $\tau_w \dot w = a (V - E_L) - w$.

    **Arguments:**

    - `u`: $(V - V_T)/\Delta_T$, nats.
    - `w`: adaptation current $w'$, in units of $g_L \Delta_T$.
    - `rest`: $u_L = (E_L - V_T)/\Delta_T$, nats.
    - `coupling`: $a/g_L$, no unit.
    - `tau_w`: time constant of the adaptation, s.
    """
    return (coupling * (u - rest) - w) / tau_w


def adex_upstroke(y: X) -> X:
    r"""$G(y) = e^y + q \ln q$ with $q = 1 - e^y$: from 0 far below threshold to 1 at a spike.

    With $k = a \tau_m / (g_L \tau_w)$, the part $k\,G$ of $w'$ is what the last moments of a spike
    add, in which $\dot w'$ diverges like $\ln q$; the rest of it is smooth in time.

    **Arguments:**

    - `y`: [`eqpool.physics.adex_coordinate`][] of the membrane potential, below 0.
    """
    below = -jnp.expm1(y)
    return 1.0 - below + below * jnp.log(below)


def adex_smooth_adaptation(y: X, w: X, drive: X, rest: X, coupling: X, tau_w: X) -> X:
    r"""$\frac{d}{dt}(w' - k\,G(y))$, 1/s, which stays finite in a spike:

    $$ \tau_w \frac{d}{dt}(w' - k\,G) = \frac{a}{g_L}\Big(y - u_L + q \ln q
       \big((1-q)(u_L - w' + I' - u) - (2 - q)\big)\Big) - w', \qquad q = 1 - e^y $$

    It is [`eqpool.physics.adex_adaptation`][] minus the time derivative of $k\,G$, of
    [`eqpool.physics.adex_upstroke`][], where $y$ moves as of [`eqpool.physics.adex_membrane`][].

    **Arguments:**

    - `y`: [`eqpool.physics.adex_coordinate`][] of the membrane potential, below 0.
    - `w`, `drive`, `rest`: as of [`eqpool.physics.adex_membrane`][].
    - `coupling`, `tau_w`: as of [`eqpool.physics.adex_adaptation`][].
    """
    below = -jnp.expm1(y)
    current = rest - w + drive - adex_distance(y)
    # Of bounded derivative but for logarithms: nothing here is divided by what vanishes.
    bend = below * jnp.log(below) * ((1.0 - below) * current - (2.0 - below))
    return (coupling * (y - rest + bend) - w) / tau_w
