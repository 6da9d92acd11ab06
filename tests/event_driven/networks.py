"""Networks for tests of exact spikes."""

import diffrax
import jax.numpy as jnp
import numpy as np

import eqpool


def tight(tolerance=1e-11, **kwargs):
    """An event-driven solver whose own error does not show in finite differences."""
    controller = diffrax.PIDController(rtol=tolerance, atol=tolerance)
    return eqpool.EventDriven(stepsize_controller=controller, **kwargs)


def random_network(seed, n=20, num_events=100, duration=0.2, solver=None):
    """Recurrent, all four synapse types, every neuron different; with input events."""
    rng = np.random.default_rng(seed)
    mod = eqpool.DynapSim(
        n,
        has_rec=True,
        w_rec=rng.normal(0.02, 0.05, (n, n, 4)) * [1.0, 0.3, 1.0, 0.3],
        Idc=rng.uniform(5e-12, 3e-10, n),
        Iw_ahp=rng.uniform(5e-13, 1e-7, n),
        Itau_mem=rng.uniform(3e-12, 1e-11, n),
        If_nmda=2e-11,
        solver=solver or eqpool.EventDriven(),
    )
    events = eqpool.Events(
        np.sort(rng.uniform(0.0, duration, num_events)),
        rng.integers(0, 4 * n, num_events),
        4 * n,
        rng.uniform(0.0, 0.8, num_events),
    )
    return mod, events


def one_neuron(synapses=("ampa", "gaba", "nmda", "shunt"), solver=None, **kwargs):
    return eqpool.DynapSim(1, synapses=synapses, solver=solver or eqpool.EventDriven(), **kwargs)


def without_synapses(mod):
    """Synapse currents start at zero, as in the reference data."""
    names = [f"i{name}" for name in mod.synapses]
    return mod.set_attributes({name: jnp.zeros(mod.size_out) for name in names})


def sum_of(events, weights=(1.0, -2.0, 3.0)):
    """A function of the times of all spikes."""
    times = jnp.where(events.valid, events.times, 0.0)
    pattern = jnp.resize(jnp.asarray(weights, times.dtype), times.shape)
    return jnp.sum(times * pattern)
