"""Spiking networks for the tests."""

import numpy as np

import eqpool


def neurons(**kwargs):
    kwargs = dict(synapses=("ampa",), Iscale=2e-7, has_rec=True, rng_key=0) | kwargs
    return eqpool.DynapSim((3, 3), **kwargs)


def spiking_net():
    """2 channels in, 3 neurons out, and a layer of 4 before them."""
    return eqpool.Sequential(
        eqpool.Linear((2, 4), np.full((2, 4), 0.5)),
        eqpool.DynapSim(4, synapses=("ampa",), Iscale=1e-7, rng_key=0),
        eqpool.Linear((4, 3), np.full((4, 3), 0.5)),
        neurons(),
    )
