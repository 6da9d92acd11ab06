"""To NIR, the neuromorphic intermediate representation."""

from typing import Any

import jax
import numpy as np

from .._errors import describe, extra, is_concrete
from .._models import Threshold
from .._models.instant import identity
from .._module import AbstractModule
from .._solver import ForwardEuler, RockpoolEuler
from .._sparse import SparseWeights
from ..graph import (
    AliasConnection,
    ExponentialFilter,
    ExponentialSynapses,
    Input,
    InstantFunction,
    LIFNeurons,
    LinearWeights,
    Output,
    RateNeurons,
)
from ._nir_reader import check_discretisation, Discretisation, FORGETFUL, LINEAR


_WRITTEN = (
    "to_nir writes Linear, LIF with one synapse per neuron, ExpSyn, ExpSmooth without a function, "
    "Rate with jnp.subtract for one, and Instant with a Threshold, in Sequential, FFwdStack and "
    "Residual."
)


def to_nir(module: AbstractModule, *, discretisation: Discretisation = "exponential") -> Any:
    r"""Describes a network as a graph of NIR, for `nir.write(path, graph)` and other frameworks.

    NIR describes differential equations, so that each node says what its module approximates:

    | eqpool | NIR |
    |---|---|
    | `Linear` | `Linear`, with a bias `Affine` |
    | `LIF` with one synapse per neuron | `CubaLIF`, recurrent weights as a `Linear` back to it |
    | the same, as read from `LIF` or `IF` | `LIF`, `IF` |
    | `ExpSyn`, `ExpSmooth` without a function | `LI`; as read from `I`, `I` |
    | `Rate` with `jnp.subtract` for a function | `LI`, with recurrent weights |
    | `Instant` with [`eqpool.Threshold`][] | `Threshold` |
    | `Sequential`, `FFwdStack` | edges |
    | `Residual` | edges, and a `Scale` by 1 around its modules |

    Time constants and resistances are chosen so that steps of length `dt` give eqpool's numbers:
    exponential ones, exact for constant input, or those of forward Euler, for frameworks that step
    so, as snnTorch with a `dt` of 1e-4. `dt` and what else NIR has no place for stands in the
    `metadata` of the nodes, where [`eqpool.from_nir`][] finds it. A reset is to zero in NIR;
    eqpool's LIF neurons subtract the threshold.

    **Arguments:**

    - `module`: a network. Needs the extra `nir`.
    - `discretisation`: `"exponential"` (default) or `"euler"`, for [`eqpool.from_nir`][] too.

    **Returns:** a `nir.NIRGraph`.

    **Raises:** `ValueError`, naming the module, for what NIR has no node for: other models
    (`DynapSim`, `AdExLIF`, `Softmax`, a `Rate` that is not linear), noise, several synapses on a
    neuron, other functions. `TypeError` for what is no module, and inside `jit`, `grad` or `vmap`.

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
    check_discretisation("to_nir", discretisation)
    if not hasattr(module, "as_graph"):
        raise TypeError(f"to_nir takes a module of eqpool; got {describe(module)}.")
    if not all(map(is_concrete, jax.tree.leaves(module))):
        raise TypeError(
            "to_nir writes the values of a module, which do not exist inside jit, grad or vmap; "
            "call it outside."
        )
    graph = module.as_graph().copy()
    for name, data in list(graph.nodes(data=True)):
        node = data["node"]
        if isinstance(node, InstantFunction) and node.function is identity:
            into, out = list(graph.predecessors(name)), list(graph.successors(name))
            # Left out where it is the only way on, or back; else a way beside it would be alone.
            alone = all(graph.out_degree(n) == 1 for n in into)
            if (alone or all(graph.in_degree(n) == 1 for n in out)) and len(graph) > 3:
                graph.remove_node(name)
                graph.add_edges_from((first, last) for first in into for last in out)
    nodes = {name: _converted(nir, name, data["node"]) for name, data in graph.nodes(data=True)}
    if discretisation == "euler":
        for node in nodes.values():
            _for_euler(node)
    return nir.NIRGraph(nodes=nodes, edges=list(graph.edges), metadata={"made by": "eqpool"})


def _converted(nir: Any, name: str, node: Any) -> Any:
    match node:
        case Input():
            return nir.Input({"input": np.array([node.size])})
        case Output():
            return nir.Output({"output": np.array([node.size])})
        case LinearWeights(biases=None):
            return nir.Linear(_dense(node.weights).T)
        case LinearWeights():
            return nir.Affine(_dense(node.weights).T, np.asarray(node.biases))
        case AliasConnection():
            return nir.Scale(np.ones(node.size), metadata={"alias": True})
        case LIFNeurons():
            return _cuba_lif(nir, name, node)
        case ExponentialSynapses():
            _no_noise(name, node)
            return _leaky(nir, node, before_decay=True)
        case RateNeurons(activation_func=function) if function is LINEAR:
            return _leaky_rates(nir, name, node)
        case ExponentialFilter(activation_fun=function) if function is identity:
            return _leaky(nir, node, before_decay=False)
        case InstantFunction() if node.function is identity:
            return nir.Scale(np.ones(node.n_out))
        case InstantFunction(function=Threshold() as function):
            return nir.Threshold(_each(function.threshold, node.n_out))
        case InstantFunction() | ExponentialFilter():
            raise ValueError(
                f"NIR has no node for the function of {name!r}; it has one for `eqpool.Threshold`."
            )
    raise ValueError(f"NIR has no node for {name!r}, {node}. {_WRITTEN}")


def _dense(weights: Any) -> np.ndarray:
    # NIR has dense weights only.
    return np.asarray(weights.todense() if isinstance(weights, SparseWeights) else weights)


def _cuba_lif(nir: Any, name: str, node: LIFNeurons) -> Any:
    _no_noise(name, node)
    n = node.size_out
    if node.t_ref is not None or not isinstance(node.solver, RockpoolEuler | None):
        raise ValueError(
            f"NIR has no node for {name!r}, {node}: its LIF neurons have no refractory period, and "
            "what is written is the discretisation of eqpool.RockpoolEuler. Leave out t_ref and "
            "solver."
        )
    if node.size_in != n:
        raise ValueError(
            f"NIR has no node for {name!r}, {node}: its neurons have one synapse each, these "
            f"{node.size_in // n}. {_WRITTEN}"
        )
    dt = float(np.asarray(node.dt))
    tau_mem, tau_syn, bias = (_each(x, n) for x in (node.tau_mem, node.tau_syn, node.bias))
    lost, left_syn = -np.expm1(-dt / tau_mem), np.exp(-dt / tau_syn)
    common: dict[str, Any] = dict(
        v_threshold=_each(node.threshold, n),
        metadata={"dt": dt, "max_spikes_per_dt": float(np.asarray(node.max_spikes_per_dt))},
    )
    v_leak = bias / lost
    if not np.allclose(left_syn, FORGETFUL, rtol=1e-4, atol=0.0):
        r = left_syn / (-np.expm1(-dt / tau_syn) * lost)
        return nir.CubaLIF(tau_mem=tau_mem, tau_syn=tau_syn, r=r, v_leak=v_leak, **common)
    if np.all(1.0 - lost == 1.0) and not np.any(bias):
        return nir.IF(r=left_syn / dt, **common)
    return nir.LIF(tau=tau_mem, r=left_syn / lost, v_leak=v_leak, **common)


def _leaky(nir: Any, node: ExponentialSynapses | ExponentialFilter, before_decay: bool) -> Any:
    dt, tau = float(np.asarray(node.dt)), _each(node.tau, node.size_out)
    left, lost = np.exp(-dt / tau), -np.expm1(-dt / tau)
    if np.all(left == 1.0):
        return nir.I(r=np.full_like(tau, 1 / dt), metadata={"dt": dt})
    r = (left if before_decay else 1.0) / lost
    return nir.LI(tau=tau, r=r, v_leak=np.zeros_like(tau), metadata={"dt": dt})


def _leaky_rates(nir: Any, name: str, node: RateNeurons) -> Any:
    _no_noise(name, node)
    dt, tau = float(np.asarray(node.dt)), _each(node.tau, node.size_out)
    if not isinstance(node.solver, ForwardEuler) or np.any(np.asarray(node.threshold)):
        raise ValueError(
            f"NIR has no node for {name!r}, {node}: of linear rate neurons it has one for those "
            "with a threshold of 0, and ForwardEuler for a solver."
        )
    if np.any(tau <= dt):
        raise ValueError(
            f"NIR has no node for {name!r}, {node}, whose time constant of {np.min(tau):.3g} s is "
            f"not longer than its dt of {dt:.3g} s."
        )
    tau = -dt / np.log1p(-dt / tau)
    v_leak = _each(node.bias, len(tau))
    return nir.LI(tau=tau, r=np.ones_like(tau), v_leak=v_leak, metadata={"dt": dt})


def _for_euler(node: Any) -> None:
    """Time constants with which a step of forward Euler leaves what an exponential one did."""
    for name in ("tau", "tau_mem", "tau_syn"):
        if hasattr(node, name):
            dt = node.metadata["dt"]
            setattr(node, name, -dt / np.expm1(-dt / getattr(node, name)))


def _no_noise(name: str, node: Any) -> None:
    if np.any(np.asarray(node.noise_std) != 0):
        raise ValueError(f"NIR has no noise, and {name!r}, {node}, has some; set noise_std to 0.")


def _each(value: Any, n: int) -> np.ndarray:
    return np.broadcast_to(np.asarray(value, np.float64).reshape(-1), (n,)).copy()
