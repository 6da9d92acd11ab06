"""Writes the network of Norse that the tests of NIR read: `norse.nir` and its traces.

    pip install norse nir nirtorch && python tests/data/generate_norse.py

`norse.nir` holds what `norse.torch.to_nir` makes of two layers; `norse.npz` beside it an input
`(T, N_in)`, the spikes of the first layer `(T, N)`, and the potentials of the second `(T, N_out)`.
Norse 1.1.0, torch 2.14.1, nir 1.0.8, nirtorch 2.6.
"""

import pathlib

import nir
import norse.torch as norse
import numpy as np
import torch
from norse.torch.functional.reset import reset_subtract


HERE = pathlib.Path(__file__).parent
STEPS = 200


def linear(n_in, n_out):
    layer = torch.nn.Linear(n_in, n_out)
    torch.nn.init.normal_(layer.weight, mean=2.0 / n_in, std=6.0 / n_in**0.5)
    return layer


if __name__ == "__main__":
    torch.manual_seed(0)
    spiking = norse.LIFBoxParameters(
        tau_mem_inv=torch.linspace(50.0, 200.0, 10),
        v_th=torch.linspace(0.5, 1.5, 10),
        v_leak=torch.zeros(10),
        reset_method=reset_subtract,
    )
    leaky = norse.LIBoxParameters(
        tau_mem_inv=torch.tensor([20.0, 100.0, 300.0]), v_leak=torch.zeros(3)
    )
    net = norse.SequentialState(
        linear(4, 10), norse.LIFBoxCell(spiking), linear(10, 3), norse.LIBoxCell(leaky)
    )
    x = (torch.rand(STEPS, 4) < 0.3).float()
    spikes, potentials = [], []
    states = [None, None]
    with torch.no_grad():
        for row in x:
            spike, states[0] = net[1](net[0](row), states[0])
            potential, states[1] = net[3](net[2](spike), states[1])
            spikes.append(spike.numpy())
            potentials.append(potential.numpy())
    # Norse 1.1.0 writes dt/tau_mem_inv: with its default of 1e-3, a time constant is not in s.
    graph = norse.to_nir(net, x[0], dt=1.0)
    nir.write(HERE / "norse.nir", graph)
    np.savez_compressed(
        HERE / "norse.npz",
        input=x.numpy(),
        spikes=np.stack(spikes),
        potentials=np.stack(potentials),
    )
    print(np.stack(spikes).sum(0), np.std(potentials), list(graph.nodes), graph.edges)
