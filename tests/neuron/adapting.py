"""Rate neurons of a user's own."""

import jax.numpy as jnp
from jaxtyping import Array

import eqpool


class AbstractAdapting(eqpool.AbstractRateNeuron):
    """Neurons that adapt, with a synapse each: what arrives acts at once and lingers."""

    integrated = ("x", "a")
    decaying = {"isyn": "tau_syn"}

    tau: Array = eqpool.parameter(10e-3, "taus", "s")
    tau_a: Array = eqpool.parameter(50e-3, "taus", "s")
    tau_syn: Array = eqpool.parameter(5e-3, "taus", "s")
    gain: Array = eqpool.parameter(0.8, "gains")
    x: Array = eqpool.state(0.1)
    a: Array = eqpool.state(0.0)
    isyn: Array = eqpool.state(0.0)

    def derivative(self, y, at):
        pull = at["drive"] + at["isyn"] - y["x"] - y["a"]
        return {"x": pull / self.tau, "a": (self.gain * y["x"] - y["a"]) / self.tau_a}

    def arrive(self, s, drive):
        return s | {"isyn": s["isyn"] + drive}

    def activation(self, s):
        return jnp.tanh(s["x"])


class Adapting(AbstractAdapting):
    """As it is."""


class Synapses(eqpool.AbstractRateNeuron):
    """Nothing is integrated: the layer that `ExpSynJax` is."""

    integrated = ()
    decaying = {"isyn": "tau"}

    tau: Array = eqpool.parameter(10e-3, "taus", "s")
    isyn: Array = eqpool.state(0.0)

    def arrive(self, s, drive):
        return s | {"isyn": s["isyn"] + drive}

    def activation(self, s):
        return s["isyn"]
