"""Default values and limits of the DYNAP-SE2 neuron, as in Rockpool 3.1 (A, F, V, s).

Bias currents follow from time constants and gain ratios: a membrane of 20 ms with gain 4,
synapses of 10 ms with gain 100, an adaptation of 50 ms with gain 1, pulses of 10 us
(1 us for the adaptation) and a refractory period of 1 ms.
"""

SYNAPSES = ("ampa", "gaba", "nmda", "shunt")
"""Every synapse type, in the order of input channels and weights."""

Io = 5e-13
I_MAX = 2.25e-6
"""Dark current, and the largest nominal current of the chip's bias generators, A."""

KAPPA_N, KAPPA_P, UT, VTH = 0.75, 0.66, 25e-3, 0.7
_UT_KAPPA = UT / ((KAPPA_N + KAPPA_P) / 2)

C_MEM, C_AHP, C_PULSE, C_REF = 3e-12, 40e-12, 0.5e-12, 1.5e-12
C_SYN = {"syn": 24.5e-12, "ampa": 24.5e-12, "gaba": 25e-12, "nmda": 25e-12, "shunt": 24.5e-12}

ITAU_MEM = _UT_KAPPA * C_MEM / 20e-3
ITAU_AHP = _UT_KAPPA * C_AHP / 50e-3
ITAU_SYN = {name: _UT_KAPPA * C / 10e-3 for name, C in C_SYN.items()}
IGAIN_MEM = 4 * ITAU_MEM
IGAIN_AHP = ITAU_AHP
IGAIN_SYN = {name: 100 * Itau for name, Itau in ITAU_SYN.items()}

IPULSE = VTH * C_PULSE / 10e-6
IPULSE_AHP = VTH * C_PULSE / 1e-6
IREF = VTH * C_REF / 1e-3
ISPKTHR = 0.1e-6
ISCALE = 10e-9
