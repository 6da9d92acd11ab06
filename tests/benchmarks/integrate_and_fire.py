"""Layers of integrate-and-fire neurons: the gradient against the forward run, and Brian2."""

import jax.numpy as jnp
import numpy as np

import eqpool

from .brian import BRIAN, standalone
from .peers import LeftOut
from .sides import gradient_of_forward, of_module, Ratio


def lif_layer() -> list[Ratio]:
    """A feed-forward layer of `LIFJax`."""
    x = np.random.default_rng(0).normal(0.02, 0.1, (64, 250, 128))
    mod = eqpool.LIF(128, rng_key=0)
    return [gradient_of_forward(of_module(mod, jnp.asarray(x, jnp.float32)), 0.01)]


def adex(neurons: int) -> list[Ratio]:
    """Neurons that fire tonically, 100 ms in steps of 0.1 ms."""
    dt, steps = 1e-4, 1000
    current = np.linspace(0.8e-9, 1.6e-9, neurons)
    mod = eqpool.AdExLIF(
        neurons, Idc=current, dt=dt, solver=eqpool.ForwardEuler(), t_ref=1e-3, rng_key=0
    )
    ours = of_module(mod, jnp.zeros((steps, neurons)))
    output, seconds = ours.prepared("forward", jnp.mean)
    try:
        spikes, theirs = standalone(mod, current, dt, steps)
        np.testing.assert_allclose(np.sum(output), spikes, rtol=0.1)
        against = Ratio("forward", BRIAN, (seconds, theirs))
    except LeftOut as reason:
        against = Ratio("forward", BRIAN, reason)
    return [against, gradient_of_forward(ours, 1e-4)]
