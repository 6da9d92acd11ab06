"""Graphs of NIR in fewer kinds of nodes: without graphs inside, and without what only passes on."""

import math
from collections.abc import Container
from typing import Any, TypeAlias

import numpy as np

from .._errors import describe, listing
from ._nir_values import channels, numbers


Nodes: TypeAlias = dict[str, Any]
Edges: TypeAlias = list[tuple[str, str]]

# Graphs within graphs.
_DEPTH = 100


def normalised(nir: Any, graph: Any) -> tuple[Nodes, Edges]:
    """Nodes and edges of a graph and the graphs in it.

    `CubaLI` is two `LI`. What hands on its input unchanged (`Identity`, `Flatten` to one axis, a
    `Delay` of 0) is left out, or is an alias where a second way leads past it.
    """
    nodes, edges = _flattened(nir, graph, "", ())
    edges = list(dict.fromkeys(edges))
    for name in list(nodes):
        if isinstance(nodes[name], nir.CubaLI):
            nodes, edges = _split(nir, nodes, edges, name)
    passing = [name for name, node in nodes.items() if _passes_on(nir, name, node)]
    for name, node in list(nodes.items()):
        after = [b for a, b in edges if a == name]
        if isinstance(node, nir.Input) and after and _all_flatten(nir, nodes, after, passing):
            nodes[name] = _flat(nir, name, node)
    for name in passing:
        nodes, edges = _without(nir, nodes, edges, name)
    return nodes, edges


def unused(name: str, taken: Container[str]) -> str:
    """A name like this one that no other node has."""
    while name in taken:
        name += "_"
    return name


def _flattened(nir: Any, graph: Any, where: str, around: tuple[Any, ...]) -> tuple[Nodes, Edges]:
    if any(graph is outer for outer in around):
        raise ValueError(f"from_nir: the graph {where!r} is inside itself.")
    if len(around) > _DEPTH:
        raise ValueError(f"from_nir: there are graphs within graphs, more than {_DEPTH} deep.")
    own, edges = _checked(graph, where)
    nodes: Nodes = {}
    entries, exits = {}, {}
    for name, node in own.items():
        if not isinstance(node, nir.NIRGraph):
            nodes[name] = node
            continue
        inner, wires = _flattened(nir, node, f"{where}.{name}" if where else name, (*around, graph))
        names: dict[str, str] = {}
        for one in inner:
            names[one] = unused(f"{name}.{one}", own.keys() | nodes.keys())
            nodes[names[one]] = inner[one]
        edges += [(names[a], names[b]) for a, b in wires]
        entries[name] = names[_one(name, inner, node.nodes, nir.Input)]
        exits[name] = names[_one(name, inner, node.nodes, nir.Output)]
    edges = [(exits.get(a, a), entries.get(b, b)) for a, b in edges]
    for passing in (*entries.values(), *exits.values()):
        nodes, edges = _without(nir, nodes, edges, passing)
    return nodes, edges


def _checked(graph: Any, where: str) -> tuple[Nodes, Edges]:
    """Nodes and edges of a graph, which may have been put together by hand."""
    of = f" of the graph {where!r}" if where else ""
    nodes, edges = graph.nodes, []
    if not isinstance(nodes, dict) or not all(isinstance(name, str) for name in nodes):
        raise TypeError(
            f"from_nir: the nodes{of} must be a dictionary by name; got {describe(nodes)}."
        )
    if not isinstance(graph.edges, (list, tuple, set)):
        raise TypeError(f"from_nir: the edges{of} must be a list; got {describe(graph.edges)}.")
    for edge in graph.edges:
        if not isinstance(edge, (tuple, list)) or len(edge) != 2:
            raise TypeError(
                f"from_nir: the edges{of} must be pairs of names; got {describe(edge)}."
            )
        for end in edge:
            if not isinstance(end, str) or end not in nodes:
                raise ValueError(
                    f"from_nir: the edge ({edge[0]!r}, {edge[1]!r}){of} leads to or from {end!r}, "
                    f"which is no node; there are {listing(nodes)}."
                )
        edges.append((edge[0], edge[1]))
    return nodes, edges


def _one(name: str, nodes: Nodes, candidates: Nodes, kind: type) -> str:
    found = [n for n in candidates if isinstance(nodes.get(n), kind)]
    if len(found) != 1:
        raise ValueError(f"from_nir: the graph {name!r} must have one {kind.__name__}.")
    return found[0]


def _split(nir: Any, nodes: Nodes, edges: Edges, name: str) -> tuple[Nodes, Edges]:
    synapse, metadata = unused(f"{name}.synapse", nodes), nodes[name].metadata
    tau_syn, tau_mem, r, v_leak, w_in = (
        numbers(name, nodes[name], field) for field in ("tau_syn", "tau_mem", "r", "v_leak", "w_in")
    )
    none = np.zeros(v_leak.shape)
    halves = {
        synapse: nir.LI(tau=tau_syn, r=w_in, v_leak=none, metadata=metadata),
        name: nir.LI(tau=tau_mem, r=r, v_leak=v_leak, metadata=metadata),
    }
    edges = [(a, synapse if b == name else b) for a, b in edges] + [(synapse, name)]
    return nodes | halves, edges


def _passes_on(nir: Any, name: str, node: Any) -> bool:
    if isinstance(node, nir.Delay):
        delay = numbers(name, node, "delay")
        if np.any(delay != 0.0):
            raise ValueError(
                f"from_nir: the node {name!r} is a nir.Delay of {np.max(delay):.3g} s; eqpool "
                "has no module that delays."
            )
        return True
    if isinstance(node, nir.Flatten):
        shape = node.output_type["output"]
        return shape is None or np.size(shape) == 1
    # Of NIR 1.0.7.
    return type(node).__name__ == "Identity"


def _all_flatten(nir: Any, nodes: Nodes, names: list[str], passing: list[str]) -> bool:
    return all(name in passing and isinstance(nodes[name], nir.Flatten) for name in names)


def _flat(nir: Any, name: str, node: Any) -> Any:
    """An input with all its channels on one axis, as what follows takes them."""
    shape = channels(name, node)
    return node if shape is None else nir.Input({"input": np.array([math.prod(shape)])})


def _without(nir: Any, nodes: Nodes, edges: Edges, name: str) -> tuple[Nodes, Edges]:
    into = [a for a, b in edges if b == name]
    out = [b for a, b in edges if a == name]
    through = [(a, b) for a in into for b in out]
    # Edges between the same two nodes would count once.
    if set(through) & set(edges):
        return nodes | {name: nir.Scale(np.ones(1), metadata={"alias": True})}, edges
    rest = [edge for edge in edges if name not in edge]
    return {n: node for n, node in nodes.items() if n != name}, rest + through
