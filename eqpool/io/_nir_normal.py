"""Graphs of NIR in fewer kinds of nodes: without graphs inside, and without what only passes on."""

import math
from typing import Any, TypeAlias

import numpy as np


Nodes: TypeAlias = dict[str, Any]
Edges: TypeAlias = list[tuple[str, str]]


def normalised(nir: Any, graph: Any) -> tuple[Nodes, Edges]:
    """Nodes and edges of a graph and the graphs in it.

    `CubaLI` is two `LI`. What hands on its input unchanged (`Identity`, `Flatten` to one axis, a
    `Delay` of 0) is left out, or is an alias where a second way leads past it.
    """
    nodes, edges = _flattened(nir, graph)
    edges = list(dict.fromkeys(edges))
    for name in list(nodes):
        if isinstance(nodes[name], nir.CubaLI):
            nodes, edges = _split(nir, nodes, edges, name)
    passing = [name for name, node in nodes.items() if _passes_on(nir, name, node)]
    for name, node in list(nodes.items()):
        after = [b for a, b in edges if a == name]
        if isinstance(node, nir.Input) and after and _all_flatten(nir, nodes, after, passing):
            nodes[name] = _flat(nir, node)
    for name in passing:
        nodes, edges = _without(nir, nodes, edges, name)
    return nodes, edges


def _flattened(nir: Any, graph: Any, prefix: str = "") -> tuple[Nodes, Edges]:
    nodes, edges = {}, [(prefix + a, prefix + b) for a, b in graph.edges]
    for name, node in graph.nodes.items():
        name = prefix + name
        if not isinstance(node, nir.NIRGraph):
            nodes[name] = node
            continue
        inner, wires = _flattened(nir, node, f"{name}.")
        entry, exit = (
            _one(name, inner, kind, [n for n in inner if "." not in n.removeprefix(f"{name}.")])
            for kind in (nir.Input, nir.Output)
        )
        edges = [(exit if a == name else a, entry if b == name else b) for a, b in edges] + wires
        nodes |= inner
        for passing in (entry, exit):
            nodes, edges = _without(nir, nodes, edges, passing)
    return nodes, edges


def _one(name: str, nodes: Nodes, kind: type, candidates: list[str]) -> str:
    found = [n for n in candidates if isinstance(nodes[n], kind)]
    if len(found) != 1:
        raise ValueError(f"from_nir: the graph {name!r} must have one {kind.__name__}.")
    return found[0]


def _split(nir: Any, nodes: Nodes, edges: Edges, name: str) -> tuple[Nodes, Edges]:
    node, synapse = nodes[name], f"{name}.synapse"
    none = np.zeros_like(node.v_leak)
    halves = {
        synapse: nir.LI(tau=node.tau_syn, r=node.w_in, v_leak=none, metadata=node.metadata),
        name: nir.LI(tau=node.tau_mem, r=node.r, v_leak=node.v_leak, metadata=node.metadata),
    }
    edges = [(a, synapse if b == name else b) for a, b in edges] + [(synapse, name)]
    return nodes | halves, edges


def _passes_on(nir: Any, name: str, node: Any) -> bool:
    if isinstance(node, nir.Delay):
        if np.any(np.asarray(node.delay) != 0.0):
            raise ValueError(
                f"from_nir: the node {name!r} is a nir.Delay of {np.max(node.delay):.3g} s; eqpool "
                "has no module that delays."
            )
        return True
    if isinstance(node, nir.Flatten):
        shape = node.output_type["output"]
        return shape is None or np.size(shape) == 1
    # Since NIR 1.0.7.
    return type(node).__name__ == "Identity"


def _all_flatten(nir: Any, nodes: Nodes, names: list[str], passing: list[str]) -> bool:
    return all(name in passing and isinstance(nodes[name], nir.Flatten) for name in names)


def _flat(nir: Any, node: Any) -> Any:
    """An input with all its channels on one axis, as what follows takes them."""
    (shape,) = node.input_type.values()
    return nir.Input({"input": np.array([math.prod(map(int, np.ravel(shape)))])})


def _without(nir: Any, nodes: Nodes, edges: Edges, name: str) -> tuple[Nodes, Edges]:
    into = [a for a, b in edges if b == name]
    out = [b for a, b in edges if a == name]
    through = [(a, b) for a in into for b in out]
    # Edges between the same two nodes would count once.
    if set(through) & set(edges):
        return nodes | {name: nir.Scale(np.ones(1), metadata={"alias": True})}, edges
    rest = [edge for edge in edges if name not in edge]
    return {n: node for n, node in nodes.items() if n != name}, rest + through
