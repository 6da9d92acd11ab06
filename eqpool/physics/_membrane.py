"""The membrane of the DYNAP-SE2 silicon neuron: input, leak, positive feedback, slope."""

from typing import TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


X: TypeAlias = Float[Array, "..."]


def nmda_gate(Inmda: X, If_nmda: X, Imem: X) -> X:
    r"""NMDA current that passes at this membrane current: $I_{nmda}/(1 + I_{f,nmda}/I_{mem})$, A.

    **Arguments:**

    - `Inmda`: NMDA synapse current, A.
    - `If_nmda`: the membrane current at which half of it passes, A.
    - `Imem`: membrane current, A.
    """
    return Inmda / (1.0 + If_nmda / Imem)


def leak(Itau_mem: X, Iahp: X, Igaba: X | float) -> X:
    """Leak current `Itau_mem + Iahp + Igaba`, A: adaptation and GABA shorten the time constant."""
    return Itau_mem + Iahp + Igaba


def membrane_input(
    Iexc: X, Ishunt: X | float, Idc: X, Ileak: X, active: Bool[Array, "..."], Io: X
) -> X:
    """Input current of the membrane, never below the dark current, A.

    `max((Iexc - Ishunt + Idc - Ileak)*active, Io)`.

    **Arguments:**

    - `Iexc`: AMPA and gated NMDA current together, A.
    - `Ishunt`: current of the shunting synapse, A.
    - `Idc`: constant input, A.
    - `Ileak`: leak current, A.
    - `active`: whether the neuron is outside its refractory period.
    - `Io`: dark current, A.
    """
    return jnp.maximum(jnp.where(active, Iexc - Ishunt + Idc - Ileak, 0.0), Io)


def exponential_feedback(Vmem: X, Io: X, kappa: X, Ut: X) -> X:
    r"""Positive feedback $I_a = I_o\,e^{\frac{\kappa^2}{\kappa+1} V_{mem}/U_t}$ below threshold, A.

    **Arguments:**

    - `Vmem`: membrane potential, V.
    - `Io`: dark current, A.
    - `kappa`: subthreshold slope factor, no unit.
    - `Ut`: thermal voltage, V.

    ??? cite

        Livi and Indiveri 2009,
        [doi:10.1109/ISCAS.2009.5118408](https://doi.org/10.1109/ISCAS.2009.5118408).
    """
    return Io * jnp.exp(kappa**2 / (kappa + 1.0) / Ut * Vmem)


def sigmoid_feedback(Imem: X, Ia_gain: X, Ia_th: X, Ia_norm: X) -> X:
    r"""Positive feedback $I_a = I_{a,gain}/(1 + e^{-(I_{mem} + I_{a,th})/I_{a,norm}})$, A.

    **Arguments:**

    - `Imem`: membrane current, A.
    - `Ia_gain`: largest feedback current, A.
    - `Ia_th`: *minus* the membrane current at which half of it flows, A.
    - `Ia_norm`: width of the transition, A.

    ??? cite

        Chicca et al. 2014, [doi:10.1109/JPROC.2014.2313954](https://doi.org/10.1109/JPROC.2014.2313954).
    """
    # Not divided: the derivative of a quotient passes through 1/Ia_norm**2 before the currents.
    return Ia_gain / (1.0 + jnp.exp(-(Imem + Ia_th) * (1.0 / Ia_norm)))


def membrane_derivative(
    Imem: X, Iin: X, Ileak: X, Iahp: X, Ia: X, Itau_mem: X, Igain_mem: X, C_mem: X, kappa: X, Ut: X
) -> X:
    r"""Slope of the membrane current, A/s.

    $$ \dot I_{mem} = \frac{I_{mem}}{\tau\,(I_{mem} + I_{gain})} \left(
    \frac{I_{gain}}{I_{\tau}} (I_{in} - I_{leak}) + \frac{I_a}{I_{leak}} (I_{mem} + I_{gain})
    - I_{mem} \Big(1 + \frac{I_{ahp}}{I_{\tau}}\Big) \right), \quad
    \tau = \frac{C_{mem} U_t}{\kappa I_{leak}} $$

    **Arguments:**

    - `Imem`: membrane current, A.
    - `Iin`, `Ileak`, `Iahp`, `Ia`: input, leak, adaptation and positive feedback, A.
    - `Itau_mem`, `Igain_mem`: bias currents of the membrane, A.
    - `C_mem`: membrane capacitance, F.
    - `kappa`: subthreshold slope factor, no unit.
    - `Ut`: thermal voltage, V.

    ??? cite

        Chicca et al. 2014, [doi:10.1109/JPROC.2014.2313954](https://doi.org/10.1109/JPROC.2014.2313954).
    """
    # tau and the two factors of the feedback cancel but for these; one division is left.
    steady = Igain_mem / Itau_mem * (Iin - Ileak)
    pull = steady - Imem * (1.0 + Iahp * (1.0 / Itau_mem))
    return kappa / (C_mem * Ut) * Imem * (Ia + Ileak * pull / (Imem + Igain_mem))
