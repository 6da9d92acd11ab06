"""Default values and limits of the DYNAP-SE2 neuron, as in Rockpool 3.1 (A, F, V, s).

Bias currents follow from time constants, gain ratios and pulse widths.
"""

SYNAPSES = ("ampa", "gaba", "nmda", "shunt")
"""Every synapse type, in the order of input channels and weights."""

TAU = {"mem": 20e-3, "ahp": 50e-3} | dict.fromkeys(("syn", *SYNAPSES), 10e-3)
R_GAIN = {"mem": 4.0, "ahp": 1.0} | dict.fromkeys(("syn", *SYNAPSES), 100.0)
T_REF, T_PULSE, T_PULSE_AHP = 1e-3, 10e-6, 1e-6

Io = 5e-13
I_MAX = 2.25e-6
"""Dark current, and the largest nominal current of the chip's bias generators, A."""

KAPPA_N, KAPPA_P, UT, VTH = 0.75, 0.66, 25e-3, 0.7
_UT_KAPPA = UT / ((KAPPA_N + KAPPA_P) / 2)

C_MEM, C_AHP, C_PULSE, C_REF = 3e-12, 40e-12, 0.5e-12, 1.5e-12
C_SYN = {"syn": 24.5e-12, "ampa": 24.5e-12, "gaba": 25e-12, "nmda": 25e-12, "shunt": 24.5e-12}

ITAU_MEM = _UT_KAPPA * C_MEM / TAU["mem"]
ITAU_AHP = _UT_KAPPA * C_AHP / TAU["ahp"]
ITAU_SYN = {name: _UT_KAPPA * C / TAU[name] for name, C in C_SYN.items()}
IGAIN_MEM = R_GAIN["mem"] * ITAU_MEM
IGAIN_AHP = R_GAIN["ahp"] * ITAU_AHP
IGAIN_SYN = {name: R_GAIN[name] * Itau for name, Itau in ITAU_SYN.items()}

IPULSE = VTH * C_PULSE / T_PULSE
IPULSE_AHP = VTH * C_PULSE / T_PULSE_AHP
IREF = VTH * C_REF / T_REF
ISPKTHR = 0.1e-6
ISCALE = 10e-9
