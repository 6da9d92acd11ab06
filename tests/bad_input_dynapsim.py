"""Wrong uses of `DynapSim`, each with what its message must say; as in `bad_input_cases.py`."""

import jax.numpy as jnp
import numpy as np

import eqpool
from eqpool import DynapSim


# name -> (what is done, the error, a pattern for its message)
DYNAPSIM_CASES = {
    "synapses as a string": (
        lambda: DynapSim(3, synapses="ampa"),
        TypeError,
        r"synapses must be a tuple of names, as \('ampa',\); got str 'ampa'",
    ),
    "unknown synapse": (
        lambda: DynapSim(3, synapses=("amp",)),
        ValueError,
        r"there is no synapse 'amp'\. Did you mean 'ampa'\? Give some of 'ampa', 'gaba'",
    ),
    "synapses in another order": (
        lambda: DynapSim(3, synapses=("gaba", "ampa")),
        ValueError,
        r"in this order, each once; got \('gaba', 'ampa'\)",
    ),
    "DynapSim that is not square": (
        lambda: DynapSim((5, 3)),
        ValueError,
        r"shape must be N, \(N, N\) or \(K\*N, N\) = \(12, 3\) with K = 4.*got \(5, 3\)",
    ),
    "wrong number of synapse channels": (
        lambda: DynapSim(3)(jnp.ones((10, 3))),
        ValueError,
        r"has 3 channels .* expected \(T, 12\) or \(B, T, 12\), or the same as \(T, 3, 4\)",
    ),
    "recurrent weights without synapse axis": (
        lambda: DynapSim((3, 3), has_rec=True, w_rec=jnp.ones((3, 3))),
        ValueError,
        r"DynapSim.w_rec: has shape \(3, 3\), expected \(3, 3, 4\) = \(N, N, K\)",
    ),
    "recurrent weights with synapse axis": (
        lambda: DynapSim((3, 3), has_rec=True, w_rec=jnp.ones((3, 3, 4)), synapses=("ampa",)),
        ValueError,
        r"DynapSim.w_rec: has shape \(3, 3, 4\), expected \(3, 3\) = \(N, N\)",
    ),
    "DynapSim weights without has_rec": (
        lambda: DynapSim(3, w_rec=jnp.ones((3, 3, 4))),
        ValueError,
        r"DynapSim: w_rec was given, but has_rec is False",
    ),
    "nanoamperes": (
        lambda: DynapSim(2, Itau_mem=[1e-12, 5.0]),
        UserWarning,
        r"Itau_mem = 5 A \(element 1\) is outside .* If it was meant in nA, give 5e-09, in A\.",
    ),
    "picoamperes": (
        lambda: DynapSim(2).set_attributes({"Idc": 4e3}),
        UserWarning,
        r"Idc = 4e\+03 A .* If it was meant in pA, give 4e-09, in A\.",
    ),
    "a current below the dark current": (
        lambda: DynapSim(2, Itau_mem=1e-14),
        UserWarning,
        r"Itau_mem = 1e-14 A .* hardware can do: \[5e-13, 2.25e-06\] A\.$",
    ),
    "negative current": (
        lambda: DynapSim(3, Itau_mem=-1e-12),
        ValueError,
        r"DynapSim.Itau_mem: every value must be finite and in \(0, inf\) A; got -1e-12 A",
    ),
    "zero capacitance": (
        lambda: DynapSim(3, C_mem=0.0),
        ValueError,
        r"DynapSim.C_mem: every value must be finite and in \(0, inf\) F; got 0 F",
    ),
    "current of a synapse that is not there": (
        lambda: DynapSim(3, synapses=("ampa",), Itau_gaba=1e-10),
        TypeError,
        r"has no argument 'Itau_gaba' with synapses=\('ampa',\).*these end in `_syn`",
    ),
    "misspelt current": (
        lambda: DynapSim(3, Itau_amp=1e-10),
        TypeError,
        r"no argument 'Itau_amp'.*Did you mean 'Itau_ampa'\?",
    ),
    "surrogate class": (
        lambda: DynapSim(3, surrogate=eqpool.FastSigmoid),
        TypeError,
        r"surrogate must be an object.*Did you mean `FastSigmoid\(\)`\?",
    ),
    "feedback as a string": (
        lambda: DynapSim(3, feedback="sigmoid"),
        TypeError,
        r"feedback must be an object: eqpool.ExponentialFeedback\(\) or",
    ),
    "mismatch in percent": (
        lambda: DynapSim(3, percent_mismatch=30),
        ValueError,
        r"percent_mismatch must be a fraction in \[0, 1\] \(0.3 is 30 %\); got 30",
    ),
    "mismatch of a family that is not there": (
        lambda: eqpool.mismatch(eqpool.Linear((3, 4)), 0, 0.3),
        ValueError,
        r"mismatch: nothing has the family 'currents'; families here: \[.*'weights'",
    ),
    "negative time constant": (
        lambda: DynapSim.from_specification(3, tau_mem=-20e-3),
        ValueError,
        r"tau_mem = -0.02 s \(element 0\) is impossible; it must be in \(0, inf\)",
    ),
    "infinite refractory period": (
        lambda: DynapSim.from_specification(3, t_ref=np.inf),
        ValueError,
        r"t_ref = inf s \(element 0\) is impossible; it must be in \(0, inf\)",
    ),
    "time constant that needs less than the dark current": (
        lambda: DynapSim.from_specification(3, tau_mem=[0.02, 10.0, 0.02]),
        ValueError,
        r"tau_mem = 10 s \(element 1\) needs Itau_mem = 1.06e-14 A, below the dark current Io, "
        r"5e-13 A; tau_mem must be at most 0.2128 s here",
    ),
    "pulse longer than the refractory period": (
        lambda: DynapSim.from_specification(3, t_pulse=3e-3),
        ValueError,
        r"t_pulse = 0.003 s .* must be in \(0, t_ref\] with t_ref = 0.001 s: a pulse must end",
    ),
    "unknown quantity": (
        lambda: DynapSim.from_specification(3, tau_membrane=1e-3),
        TypeError,
        r"there is no quantity 'tau_membrane'\. Did you mean 'tau_mem'\? There are 't_ref'",
    ),
    "quantity and current": (
        lambda: DynapSim.from_specification(3, tau_mem=20e-3, Itau_mem=1e-12),
        ValueError,
        r"Itau_mem is given twice, by itself and by tau_mem",
    ),
    "quantity of a synapse that is not there": (
        lambda: DynapSim.from_specification(3, tau_gaba=20e-3, synapses=("ampa",)),
        ValueError,
        r"tau_gaba is of a synapse that is not in synapses=\('ampa',\).*end in `_syn`",
    ),
    "quantity of several synapses": (
        lambda: DynapSim(3).tau_syn,
        AttributeError,
        r"has no 'tau_syn'; it has 'tau_ampa', 'tau_gaba', 'tau_nmda', 'tau_shunt'",
    ),
}
