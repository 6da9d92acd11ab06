"""To NIR, the neuromorphic intermediate representation."""

from typing import Any

import numpy as np

from .._errors import extra
from .._models import Threshold
from .._models.instant import identity
from .._module import AbstractModule
from ..graph import (
    AliasConnection,
    ExponentialFilter,
    ExponentialSynapses,
    Input,
    InstantFunction,
    LIFNeurons,
    LinearWeights,
    Output,
)


def to_nir(module: AbstractModule) -> Any:
    r"""A network as a graph of NIR, for `nir.write(path, graph)` and other frameworks.

    NIR describes differential equations, so that each node says what its module approximates:

    | eqpool | NIR |
    |---|---|
    | `Linear` | `Linear`, with a bias `Affine` |
    | `LIF` with one synapse per neuron | `CubaLIF`, recurrent weights as a `Linear` back to it |
    | `ExpSyn`, `ExpSmooth` without a function | `LI` |
    | `Instant` with [`eqpool.Threshold`][] | `Threshold` |
    | `Sequential`, `FFwdStack` | edges |
    | `Residual` | edges, and a `Scale` by 1 around its modules |

    Resistances are chosen so that exponential steps of length `dt`, exact for constant input,
    give eqpool's numbers. `dt` and what else NIR has no place for stands in the `metadata` of the
    nodes, where [`eqpool.from_nir`][] finds it. A reset is to zero in NIR; eqpool's LIF neurons
    subtract the threshold.

    **Arguments:**

    - `module`: a network. Needs the extra `nir`.

    **Returns:** a `nir.NIRGraph`.

    **Raises:** `ValueError`, naming the module, for what NIR cannot express: other models,
    noise, several synapses on a neuron, other functions.

    !!! example

        ```python
        nir.write("net.nir", eqpool.to_nir(net))
        net = eqpool.from_nir("net.nir")
        ```

    ??? cite

        Pedersen et al. 2024,
        [doi:10.1038/s41467-024-52259-9](https://doi.org/10.1038/s41467-024-52259-9).
    """
    nir = extra("nir", "nir")
    graph = module.as_graph().copy()
    for name, data in list(graph.nodes(data=True)):
        node = data["node"]
        if isinstance(node, InstantFunction) and node.function is identity:
            into, out = list(graph.predecessors(name)), list(graph.successors(name))
            graph.remove_node(name)
            graph.add_edges_from((first, last) for first in into for last in out)
    nodes = {name: _converted(nir, name, data["node"]) for name, data in graph.nodes(data=True)}
    return nir.NIRGraph(nodes=nodes, edges=list(graph.edges), metadata={"made by": "eqpool"})


def _converted(nir: Any, name: str, node: Any) -> Any:
    match node:
        case Input():
            return nir.Input({"input": np.array([node.size])})
        case Output():
            return nir.Output({"output": np.array([node.size])})
        case LinearWeights(biases=None):
            return nir.Linear(np.asarray(node.weights).T)
        case LinearWeights():
            return nir.Affine(np.asarray(node.weights).T, np.asarray(node.biases))
        case AliasConnection():
            return nir.Scale(np.ones(node.size), metadata={"alias": True})
        case LIFNeurons():
            return _cuba_lif(nir, name, node)
        case ExponentialSynapses():
            _no_noise(name, node)
            return _leaky(nir, node, before_decay=True)
        case ExponentialFilter(activation_fun=function) if function is identity:
            return _leaky(nir, node, before_decay=False)
        case InstantFunction(function=Threshold() as function):
            return nir.Threshold(_each(function.threshold, node.n_out))
        case InstantFunction() | ExponentialFilter():
            raise ValueError(
                f"NIR has no node for the function of {name!r}; it has one for `eqpool.Threshold`."
            )
    raise ValueError(f"NIR has no node for {name!r}, {node}.")


def _cuba_lif(nir: Any, name: str, node: LIFNeurons) -> Any:
    _no_noise(name, node)
    n = node.size_out
    if node.size_in != n:
        raise ValueError(
            f"NIR has no node for {name!r}, {node}: its neurons have one synapse each, these "
            f"{node.size_in // n}."
        )
    dt = float(np.asarray(node.dt))
    tau_mem, tau_syn = _each(node.tau_mem, n), _each(node.tau_syn, n)
    a_mem, a_syn = np.exp(-dt / tau_mem), np.exp(-dt / tau_syn)
    return nir.CubaLIF(
        tau_mem=tau_mem,
        tau_syn=tau_syn,
        r=a_syn / ((1 - a_syn) * (1 - a_mem)),
        v_leak=_each(node.bias, n) / (1 - a_mem),
        v_threshold=_each(node.threshold, n),
        metadata={"dt": dt, "max_spikes_per_dt": float(np.asarray(node.max_spikes_per_dt))},
    )


def _leaky(nir: Any, node: ExponentialSynapses | ExponentialFilter, before_decay: bool) -> Any:
    dt, tau = float(np.asarray(node.dt)), _each(node.tau, node.size_out)
    a = np.exp(-dt / tau)
    r = (a if before_decay else 1.0) / (1 - a)
    return nir.LI(tau=tau, r=r, v_leak=np.zeros_like(tau), metadata={"dt": dt})


def _no_noise(name: str, node: Any) -> None:
    if np.any(np.asarray(node.noise_std) != 0):
        raise ValueError(f"NIR has no noise, and {name!r}, {node}, has some; set noise_std to 0.")


def _each(value: Any, n: int) -> np.ndarray:
    return np.broadcast_to(np.asarray(value, np.float64).reshape(-1), (n,)).copy()
