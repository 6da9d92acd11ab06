"""Writes the networks of snnTorch that the tests of NIR read: `snntorch_*.nir` and their traces.

    pip install torch snntorch nir nirtorch
    python tests/data/generate_snntorch.py [name ...]

Each file holds what `snntorch.export_nir.export_to_nir` makes of a network; the `.npz` beside it
holds an input `(T, N_in)`, the spikes of the last layer `(T, N_out)`, and its membrane potentials.
Without names all are written. snnTorch 1.0.0, torch 2.14.1, nir 1.0.8, nirtorch 2.6.
"""

import pathlib
import sys

import nir
import numpy as np
import snntorch as snn
import torch
from snntorch import utils
from snntorch.export_nir import export_to_nir


HERE = pathlib.Path(__file__).parent
STEPS = 200
LAST = dict(init_hidden=True, output=True)
PROMPT = dict(reset_delay=False)


def linear(n_in, n_out, bias=True):
    layer = torch.nn.Linear(n_in, n_out, bias=bias)
    torch.nn.init.normal_(layer.weight, mean=0.3 / n_in, std=1.0 / n_in**0.5)
    if bias:
        torch.nn.init.normal_(layer.bias, std=0.01)
    return layer


NETWORKS = {
    # a potential that never spikes, and no synapse
    "leaky_silent": lambda: [
        linear(4, 5),
        snn.Leaky(beta=torch.linspace(0.8, 0.98, 5), threshold=1e6 * torch.ones(5), **LAST),
    ],
    # synapses that filter twice
    "synaptic_silent": lambda: [
        linear(4, 5, bias=False), snn.Synaptic(
            alpha=torch.linspace(0.5, 0.9, 5), beta=torch.linspace(0.8, 0.95, 5),
            threshold=1e6 * torch.ones(5), **LAST,
        ),
    ],
    # two spiking layers
    "leaky": lambda: [
        linear(4, 20),
        snn.Leaky(beta=0.9 * torch.ones(20), threshold=1.0 * torch.ones(20), init_hidden=True),
        linear(20, 3),
        snn.Leaky(beta=0.95 * torch.ones(3), threshold=0.7 * torch.ones(3), **LAST),
    ],
    # recurrent weights in a graph of their own
    "recurrent": lambda: [
        linear(4, 10),
        snn.RSynaptic(
            alpha=0.8, beta=0.9, threshold=8.0, linear_features=10, all_to_all=True, **LAST
        ),
    ],
    # a reset in the step of the spike; no potential reaches twice the threshold
    "prompt_leaky": lambda: [
        linear(4, 10),
        snn.Leaky(
            beta=torch.linspace(0.8, 0.98, 10), threshold=torch.linspace(1.5, 3.0, 10),
            **LAST, **PROMPT,
        ),
    ],
    "prompt_leaky_twice": lambda: [
        linear(4, 20),
        snn.Leaky(
            beta=0.9 * torch.ones(20), threshold=3.5 * torch.ones(20), init_hidden=True, **PROMPT
        ),
        linear(20, 5),
        snn.Leaky(
            beta=0.95 * torch.ones(5), threshold=1.0 * torch.ones(5), **LAST, **PROMPT
        ),
    ],
    "prompt_synaptic": lambda: [
        linear(4, 10, bias=False),
        snn.Synaptic(
            alpha=torch.linspace(0.5, 0.9, 10), beta=torch.linspace(0.95, 0.8, 10),
            threshold=torch.linspace(4.0, 8.0, 10), **LAST, **PROMPT,
        ),
    ],
    "prompt_recurrent": lambda: [
        linear(4, 10),
        snn.RLeaky(
            beta=0.9, threshold=2.0, linear_features=10, all_to_all=True, **LAST, **PROMPT
        ),
    ],
}  # fmt: skip


def run(net, x):
    """Spikes and potentials of the last layer, step by step."""
    utils.reset(net)
    spikes, potentials = [], []
    for row in x:
        spike, *_, potential = net(row)
        spikes.append(spike.detach().numpy())
        potentials.append(potential.detach().numpy())
    return np.stack(spikes), np.stack(potentials)


if __name__ == "__main__":
    for seed, (name, build) in enumerate(NETWORKS.items()):
        if name not in (sys.argv[1:] or NETWORKS):
            continue
        torch.manual_seed(seed)
        net = torch.nn.Sequential(*build())
        for layer in net:
            if isinstance(layer, (snn.RLeaky, snn.RSynaptic)):
                torch.nn.init.normal_(layer.recurrent.weight, std=0.1)
                torch.nn.init.zeros_(layer.recurrent.bias)
        x = (torch.rand(STEPS, 4) < 0.3).float()
        spikes, potentials = run(net, x)
        graph = export_to_nir(net, x[0])
        nir.write(HERE / f"snntorch_{name}.nir", graph)
        np.savez_compressed(
            HERE / f"snntorch_{name}.npz", input=x.numpy(), spikes=spikes, potentials=potentials
        )
        print(name, spikes.sum(0), potentials.std(), list(graph.nodes), graph.edges)
