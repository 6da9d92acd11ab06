"""From NIR, the neuromorphic intermediate representation."""

import os
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._attribute import Constant
from .._combinators import from_graph
from .._errors import describe, extra
from .._models import Threshold
from .._module import AbstractModule
from ..graph import (
    AbstractNode,
    AliasConnection,
    ExponentialSynapses,
    Input,
    InstantFunction,
    LIFNeurons,
    LinearWeights,
    Output,
    Wiring,
)
from ._nir_normal import normalised
from ._nir_reader import check_discretisation, Discretisation, FORGETFUL, LASTING, Reader


def from_nir(
    source: str | os.PathLike[str] | Any,
    dt: float | None = None,
    *,
    discretisation: Discretisation = "exponential",
) -> AbstractModule:
    r"""A network from a graph of NIR, or a file of one.

    NIR describes differential equations; how they are stepped is a choice. With `"exponential"`
    steps, $v \leftarrow a v + (1 - a)(v_{leak} + R I)$ with $a = e^{-dt/\tau}$, exact for constant
    input, networks of [`eqpool.to_nir`][] come back with the same numbers. With `"euler"` steps,
    $a = 1 - dt/\tau$, networks of frameworks that step so come with theirs (snnTorch, with
    `dt=1e-4`).

    `Linear` and `Affine` become [`eqpool.LinearJax`][], as does `Scale`; `CubaLIF`, `LIF` (a
    synapse that forgets within a step) and `IF` (a membrane that never does) [`eqpool.LIFJax`][];
    `LI` and `I` [`eqpool.ExpSynJax`][], and `CubaLI` two of these; `Threshold` an
    [`eqpool.Threshold`][]. Resistances and input weights go into the weights in front, recurrent
    ones too. Graphs inside the graph are unpacked, what only hands on is left out (`Identity`, a
    `Flatten` to one axis, a `Delay` of 0), and edges around other nodes become
    [`eqpool.Residual`][]. Other than in NIR, a spike takes the threshold from the membrane
    potential, where NIR sets it to zero.

    **Arguments:**

    - `source`: a path, or a `nir.NIRGraph`. Needs the extra `nir`.
    - `dt`: time step, s. Default: what [`eqpool.to_nir`][] has noted.
    - `discretisation`: `"exponential"` (default) or `"euler"`.

    **Raises:** `ValueError`, naming the node, for what eqpool has no module for: other nodes, a
    reset to other than zero, recurrent biases, wiring that is neither row nor residual block; for
    a file that is broken; and without a `dt`. `TypeError` for what is no graph,
    `FileNotFoundError` where there is none.
    """
    nir = extra("nir", "nir")
    check_discretisation("from_nir", discretisation)
    graph = _read(nir, source) if isinstance(source, (str, os.PathLike)) else source
    if not isinstance(graph, nir.NIRGraph):
        raise TypeError(f"from_nir takes a path or a nir.NIRGraph; got {describe(source)}.")
    nodes, edges = normalised(nir, graph)
    return from_graph(_wired(Reader(nir, nodes, edges, dt, discretisation)))


def _read(nir: Any, path: str | os.PathLike[str]) -> Any:
    try:
        return nir.read(path)
    except FileNotFoundError:
        raise
    except Exception as error:  # whatever stumbles over what is in the file
        raise ValueError(
            f"from_nir: {os.fspath(path)!r} cannot be read as a file of NIR: {error}"
        ) from error


def _wired(reader: Reader) -> Any:
    wiring = Wiring()
    converted: dict[str, AbstractNode] = {}
    scales: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name in reader.nodes:
        converted[name], gain, offset = _converted(reader, name)
        if not (np.allclose(gain, 1.0, rtol=1e-5) and np.all(offset == 0.0)):
            scales[name] = (gain, offset)
    for name, (gain, offset) in scales.items():
        _scale_inputs(reader, converted, name, gain, offset)
    for name, node in converted.items():
        wiring.add(name, node, ())
    wiring.graph.add_edges_from(reader.edges)
    _name_aliases(reader, wiring, converted)
    return wiring.graph


def _scale_inputs(
    reader: Reader,
    converted: dict[str, AbstractNode],
    name: str,
    gain: np.ndarray,
    offset: np.ndarray,
) -> None:
    """Puts the gain of a neuron into the weights in front of it, or weights there that hold it."""
    into = [a for a, b in reader.edges if b == name]
    forward = [a for a in into if not reader.is_recurrent(a)]
    alone = len(forward) == 1 and sum(a == forward[0] for a, _ in reader.edges) == 1
    for source in into:
        node = converted[source]
        if isinstance(node, LinearWeights) and (reader.is_recurrent(source) or alone):
            biases = None if node.biases is None else np.asarray(node.biases) * gain
            if source in forward and np.any(offset):
                biases = offset if biases is None else biases + offset
            converted[source] = _weights(np.asarray(node.weights) * gain, biases)
            forward = [a for a in forward if a != source]
    if forward:
        between = f"{name}.gain"
        converted[between] = _weights(np.diag(gain), offset if np.any(offset) else None)
        reader.edges[:] = [
            (a, between) if b == name and a in forward else (a, b) for a, b in reader.edges
        ] + [(between, name)]


def _weights(weights: np.ndarray, biases: np.ndarray | None) -> LinearWeights:
    dtype = jnp.result_type(float)
    return LinearWeights(
        jnp.asarray(weights, dtype), None if biases is None else jnp.asarray(biases, dtype)
    )


def _name_aliases(reader: Reader, wiring: Wiring, converted: dict[str, AbstractNode]) -> None:
    """An edge around other nodes is the alias of a residual block."""
    graph, networkx = wiring.graph, extra("networkx", "graph")
    forward = graph.subgraph(
        [n for n in graph if n not in reader.nodes or not reader.is_recurrent(n)]
    )
    for first, last in list(forward.edges):
        rest = networkx.restricted_view(forward, [], [(first, last)])
        if networkx.has_path(rest, first, last):
            graph.remove_edge(first, last)
            alias = AliasConnection(converted[first].size_out)
            (name,) = wiring.add(f"{first}.alias.{last}", alias, (first,))
            graph.add_edge(name, last)


def _converted(reader: Reader, name: str) -> tuple[AbstractNode, np.ndarray, np.ndarray]:
    """A node of ours, and gain and offset of its input."""
    nir, node = reader.nir, reader.nodes[name]
    one, none = np.ones(1), np.zeros(1)
    match node:
        case nir.Input():
            return Input(reader.size(name)), one, none
        case nir.Output():
            return Output(reader.size(name)), one, none
        case nir.Affine():
            silent = reader.is_recurrent(name) and not np.any(node.bias)
            return _weights(reader.weights(name), None if silent else node.bias), one, none
        case nir.Linear():
            return _weights(reader.weights(name), None), one, none
        case nir.Scale() if node.metadata.get("alias"):
            return AliasConnection(reader.size(name)), one, none
        case nir.Scale():
            return _weights(np.diag(reader.each(name, node.scale)), None), one, none
        case nir.Threshold():
            n = reader.size(name)
            return InstantFunction(n, n, Threshold(reader.each(name, node.threshold))), one, none
        case nir.LI():
            tau, r, v_leak = (reader.each(name, x) for x in (node.tau, node.r, node.v_leak))
            a = reader.decay(name, tau)
            synapses = ExponentialSynapses((len(a),), reader.tau(name, a), dt=reader.step(name))
            return synapses, r * (1 - a) / a, v_leak * (1 - a) / a
        case nir.I():
            r = reader.each(name, node.r)
            tau, dt = Constant(LASTING * reader.step(name)), reader.step(name)
            return ExponentialSynapses((len(r),), tau, dt=dt), r * dt, none
        case nir.CubaLIF():
            a = reader.decay(name, reader.each(name, node.tau_syn))
            gain = reader.each(name, node.w_in) * (1 - a) / a
            neurons, r = _neurons(reader, name, node.tau_mem, reader.tau(name, a))
            return neurons, gain * r, none
        case nir.LIF():
            tau_syn = reader.tau(name, np.asarray(FORGETFUL))
            neurons, r = _neurons(reader, name, node.tau, Constant(tau_syn))
            return neurons, r / FORGETFUL, none
        case nir.IF():
            tau_syn = reader.tau(name, np.asarray(FORGETFUL))
            neurons, r = _neurons(reader, name, None, Constant(tau_syn))
            return neurons, r / FORGETFUL, none
    raise ValueError(
        f"from_nir: eqpool has no module for the node {name!r}, nir.{type(node).__name__}."
    )


def _neurons(reader: Reader, name: str, tau: Any, tau_syn: Any) -> tuple[LIFNeurons, np.ndarray]:
    """Neurons, and gain of their input; without `tau` they do not leak."""
    node = reader.nodes[name]
    if np.any(np.asarray(node.v_reset) != 0.0):
        raise ValueError(
            f"from_nir: the node {name!r} resets to v_reset = {np.ravel(node.v_reset)[0]:.3g}; "
            "eqpool's LIF neurons subtract the threshold, which is near a reset to zero."
        )
    dt, dtype, r = reader.step(name), jnp.result_type(float), reader.each(name, node.r)
    n = len(r)
    if tau is None:
        tau_mem, bias, gain = Constant(LASTING * dt), None, r * dt
    else:
        a = reader.decay(name, reader.each(name, tau))
        tau_mem, gain = reader.tau(name, a), (1 - a) * r
        bias = jnp.asarray((1 - a) * reader.each(name, node.v_leak), dtype)
    if not isinstance(tau_syn, Constant):
        tau_syn = tau_syn.reshape(n, 1)
    neurons = LIFNeurons(
        (n,),
        tau_mem=tau_mem,
        tau_syn=tau_syn,
        bias=bias,
        threshold=jnp.asarray(reader.each(name, node.v_threshold), dtype),
        max_spikes_per_dt=node.metadata.get("max_spikes_per_dt", 1.0),
        dt=dt,
    )
    return neurons, gain
