"""A neuron that keeps every promise, for others to spoil."""

import jax.numpy as jnp
from jaxtyping import Array

import eqpool


class AbstractLeaky(eqpool.AbstractNeuron):
    """tau dV/dt = i - V; what is declared here keeps every promise."""

    integrated = ("vmem",)
    decaying = {"isyn": "tau_syn"}
    spiking = ("vmem", "threshold")

    tau_mem: Array = eqpool.parameter(20e-3, "taus", "s")
    tau_syn: Array = eqpool.parameter(5e-3, "taus", "s")
    threshold: Array = eqpool.parameter(1.0, "thresholds")
    vmem: Array = eqpool.state(0.0)
    isyn: Array = eqpool.state(0.0)

    def derivative(self, y, at):
        return {"vmem": (at["isyn"] - y["vmem"]) / self.tau_mem}

    def arrive(self, s, spikes_in):
        return s | {"isyn": s["isyn"] + spikes_in}

    def fire(self, s, spikes):
        return s | {"vmem": jnp.where(spikes > 0, 0.0, s["vmem"])}
