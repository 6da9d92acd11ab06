"""From NIR, the neuromorphic intermediate representation."""

import os
from typing import Any

import numpy as np

from .._attribute import Constant
from .._combinators import from_graph
from .._errors import describe, extra
from .._models import Threshold
from .._module import AbstractModule
from .._solver import ForwardEuler
from ..graph import (
    AbstractNode,
    AliasConnection,
    ExponentialSynapses,
    Input,
    InstantFunction,
    LIFNeurons,
    LinearWeights,
    Output,
    RateNeurons,
    Wiring,
)
from ._nir_file import read_file
from ._nir_normal import normalised, unused
from ._nir_reader import check_discretisation, Discretisation, FORGETFUL, LASTING, LINEAR, Reader
from ._nir_values import note


def from_nir(
    source: str | os.PathLike[str] | Any,
    dt: float | None = None,
    *,
    discretisation: Discretisation = "exponential",
    max_bytes: int | None = None,
) -> AbstractModule:
    r"""Builds a network from a graph of NIR, or from a file of one.

    NIR describes differential equations; how they are stepped is a choice. With `"exponential"`
    steps, $v \leftarrow a v + (1 - a)(v_{leak} + R I)$ with $a = e^{-dt/\tau}$, exact for constant
    input, networks of [`eqpool.to_nir`][] come back with the same numbers. With `"euler"` steps,
    $a = 1 - dt/\tau$, networks of frameworks that step so come with theirs (snnTorch, with
    `dt=1e-4`).

    `Linear` and `Affine` become [`eqpool.LinearJax`][], as does `Scale`; `CubaLIF`, `LIF` (a
    synapse that forgets within a step) and `IF` (a membrane that never does) [`eqpool.LIFJax`][];
    `LI` and `I` [`eqpool.ExpSynJax`][], or with recurrent weights a linear [`eqpool.RateJax`][],
    and `CubaLI` two of these; `Threshold` an [`eqpool.Threshold`][]. Resistances and input weights
    go into the weights in front, recurrent ones too. The bias of recurrent weights goes into the
    bias of the neurons, or, where a synapse filters it, into that of the weights in front. Graphs
    inside the graph are unpacked, what only hands on is left out (`Identity`, a `Flatten` to one
    axis, a `Delay` of 0), and edges around other nodes become [`eqpool.Residual`][]. Other than in
    NIR, a spike takes the threshold from the membrane potential, where NIR sets it to zero.

    A node with one value for each of its fields has as many channels as lead to it. Types that
    `nir` infers are not needed, and not checked.

    A file is checked before its arrays are read: every value must lie in the file itself, not
    behind a link or in external storage, and fit into `max_bytes`.

    **Arguments:**

    - `source`: a path, or a `nir.NIRGraph`. Needs the extra `nir`.
    - `dt`: time step, s. Default: what [`eqpool.to_nir`][] has noted.
    - `discretisation`: `"exponential"` (default) or `"euler"`.
    - `max_bytes`: the most memory that the arrays of a file may take together, and any one that is
        made in reading, such as the dense weights of a `Scale`, bytes. Default: for a file, 256 MiB
        or 32 times its size, whichever is more; 1 GiB for what is made.

    **Raises:** `ValueError`, naming the node, for what eqpool has no module for: other nodes, a
    reset to other than zero, wiring that is neither row nor residual block, a graph inside itself;
    for edges to nodes that do not exist; for values that are not finite, or not positive where they
    must be; for more memory than `max_bytes`; for what is no regular file, or a broken one; and
    without a `dt`. `TypeError` for what is no graph, and for values that are no numbers;
    `FileNotFoundError` for a path that does not exist.
    """
    nir = extra("nir", "nir")
    check_discretisation("from_nir", discretisation)
    if max_bytes is not None and (isinstance(max_bytes, bool) or not isinstance(max_bytes, int)):
        raise TypeError(
            f"from_nir: max_bytes must be an integer, or None; got {describe(max_bytes)}."
        )
    is_path = isinstance(source, (str, os.PathLike))
    graph = read_file(nir, source, max_bytes) if is_path else source
    if not isinstance(graph, nir.NIRGraph):
        raise TypeError(f"from_nir takes a path or a nir.NIRGraph; got {describe(source)}.")
    nodes, edges = normalised(nir, graph)
    return from_graph(_wired(Reader(nir, nodes, edges, dt, discretisation, max_bytes)))


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
    into = reader.into(name)
    forward = [a for a in into if not reader.is_recurrent(a)]
    alone = len(forward) == 1 and sum(a == forward[0] for a, _ in reader.edges) == 1
    for source in into:
        node = converted[source]
        if isinstance(node, LinearWeights) and (reader.is_recurrent(source) or alone):
            reader.check_sizes(source, name)
            biases = None if node.biases is None else np.asarray(node.biases) * gain
            if source in forward and np.any(offset):
                biases = offset if biases is None else biases + offset
            converted[source] = _weights(reader, name, np.asarray(node.weights) * gain, biases)
            forward = [a for a in forward if a != source]
    if forward:
        between = unused(f"{name}.gain", converted)
        diagonal = reader.diagonal(name, np.broadcast_to(gain, (reader.size(name),)))
        biases = np.broadcast_to(offset, (len(diagonal),)) if np.any(offset) else None
        converted[between] = _weights(reader, name, diagonal, biases)
        reader.edges[:] = [
            (a, between) if b == name and a in forward else (a, b) for a, b in reader.edges
        ] + [(between, name)]


def _weights(reader: Reader, name: str, weights: Any, biases: Any = None) -> LinearWeights:
    return LinearWeights(
        reader.cast(name, weights), None if biases is None else reader.cast(name, biases)
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
            (name,) = wiring.add(unused(f"{first}.alias.{last}", graph), alias, (first,))
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
        case nir.Affine() if not reader.is_recurrent(name):
            return (
                _weights(reader, name, reader.weights(name), reader.each(name, "bias")),
                one,
                none,
            )
        # The bias of recurrent weights is part of what drives the neurons.
        case nir.Affine() | nir.Linear():
            return _weights(reader, name, reader.weights(name)), one, none
        case nir.Scale() if note(node, "alias"):
            return AliasConnection(reader.size(name)), one, none
        case nir.Scale():
            diagonal = reader.diagonal(name, reader.each(name, "scale"))
            return _weights(reader, name, diagonal), one, none
        case nir.Threshold():
            n, threshold = reader.size(name), reader.cast(name, reader.each(name, "threshold"))
            return InstantFunction(n, n, Threshold(threshold)), one, none
        case nir.LI() | nir.I() if any(map(reader.is_recurrent, reader.into(name))):
            neurons, r = _rates(reader, name)
            return neurons, r, none
        case nir.LI():
            left, lost, tau = reader.decay(name, "tau", synaptic=True)
            synapses = ExponentialSynapses((len(left),), tau, dt=reader.step(name))
            gain = lost / left
            return synapses, reader.each(name, "r") * gain, reader.each(name, "v_leak") * gain
        case nir.I():
            r, dt = reader.each(name, "r"), reader.step(name)
            return ExponentialSynapses((len(r),), Constant(LASTING * dt), dt=dt), r * dt, none
        case nir.CubaLIF():
            left, lost, tau_syn = reader.decay(name, "tau_syn", synaptic=True)
            neurons, r = _neurons(reader, name, "tau_mem", tau_syn[:, None], 0.0)
            gain = reader.each(name, "w_in") * lost / left * r
            return neurons, gain, gain * reader.recurrent_bias(name)
        case nir.LIF() | nir.IF():
            # Past the synapse, which would not forget all of it.
            tau_syn = Constant(reader.cast(name, -reader.step(name) / np.log(FORGETFUL)))
            tau = "tau" if isinstance(node, nir.LIF) else None
            neurons, r = _neurons(reader, name, tau, tau_syn, reader.recurrent_bias(name))
            return neurons, r / FORGETFUL, none
    raise ValueError(
        f"from_nir: eqpool has no module for the node {name!r}, nir.{type(node).__name__}."
    )


def _neurons(
    reader: Reader, name: str, tau: str | None, tau_syn: Any, current: np.ndarray | float
) -> tuple[LIFNeurons, np.ndarray]:
    """Neurons under a constant current, and gain of their input; without `tau` they do not leak."""
    node, dt, r = reader.nodes[name], reader.step(name), reader.each(name, "r")
    v_reset, threshold = (reader.each(name, field) for field in ("v_reset", "v_threshold"))
    if np.any(v_reset != 0.0):
        raise ValueError(
            f"from_nir: the node {name!r} resets to v_reset = {v_reset[v_reset != 0.0][0]:.3g}; "
            "eqpool's LIF neurons subtract the threshold, which is near a reset to zero."
        )
    if not np.all(threshold > 0.0):
        raise ValueError(
            f"from_nir: v_threshold of the node {name!r} must be positive; got "
            f"{np.min(threshold):.3g}."
        )
    if tau is None:
        tau_mem, gain, rest = Constant(LASTING * dt), r * dt, 0.0
    else:
        _, lost, tau_mem = reader.decay(name, tau)
        gain, rest = lost * r, lost * reader.each(name, "v_leak")
    bias = gain * current + rest
    neurons = LIFNeurons(
        (len(r),),
        tau_mem=tau_mem,
        tau_syn=tau_syn,
        bias=None if tau is None and not np.any(bias) else reader.cast(name, bias),
        threshold=reader.cast(name, threshold),
        max_spikes_per_dt=_most_spikes(name, node),
        dt=dt,
    )
    return neurons, gain


def _rates(reader: Reader, name: str) -> tuple[RateNeurons, np.ndarray]:
    """Leaky integrators that hear each other, and gain of their input."""
    dt, r = reader.step(name), reader.each(name, "r")
    if isinstance(reader.nodes[name], reader.nir.LI):
        lost, v_leak = reader.decay(name, "tau").lost, reader.each(name, "v_leak")
    else:
        lost, v_leak, r = np.full_like(r, 1 / LASTING), 0.0, r * dt * LASTING
    neurons = RateNeurons(
        (len(r),),
        # With which a step of forward Euler loses the same.
        tau=reader.cast(name, dt / lost),
        bias=reader.cast(name, v_leak + r * reader.recurrent_bias(name)),
        activation_func=LINEAR,
        dt=dt,
        solver=ForwardEuler(),
    )
    return neurons, r


def _most_spikes(name: str, node: Any) -> Any:
    most = note(node, "max_spikes_per_dt", 1.0)
    if isinstance(most, (str, bytes)) or np.ndim(most):
        raise TypeError(
            f"from_nir: max_spikes_per_dt in the metadata of the node {name!r} must be a number; "
            f"got {describe(most)}."
        )
    return most
