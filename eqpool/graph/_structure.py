"""Reading a graph: modules in a row, residual blocks, recurrent weights."""

import dataclasses
import operator
from typing import Any, TypeAlias

from .._errors import describe, extra, listing
from .._sparse import SparseWeights
from ._nodes import (
    AbstractNeurons,
    AbstractNode,
    AliasConnection,
    Input,
    LinearWeights,
    Output,
    RateNeurons,
)


@dataclasses.dataclass(frozen=True)
class Block:
    """One node, with the recurrent weights around it."""

    name: str
    node: AbstractNode
    w_rec: Any = None


@dataclasses.dataclass(frozen=True)
class Row:
    """Parts one after another."""

    parts: tuple["Structure", ...]


@dataclasses.dataclass(frozen=True)
class Skip:
    """Parts one after another, whose input is added to their output."""

    body: Row


Structure: TypeAlias = Block | Row | Skip


def structure(graph: Any) -> Row:
    """A graph as rows and residual blocks, nested.

    Found by reduction: recurrent weights are folded into their neurons; then two vertices in a row
    become one, and a vertex with an alias beside it becomes a residual block, until one is left.

    **Arguments:**

    - `graph`: a `networkx.DiGraph` as of `as_graph` or [`eqpool.graph.Wiring`][].

    **Raises:** `TypeError` for what is no such graph, and for vertices that hold no node;
    `ValueError`, naming the vertices, for recurrent biases, a cycle, vertices that lead nowhere,
    numbers of channels that do not fit, and wiring that is neither row nor residual block.
    """
    parts, graph = _parts(graph)
    parts, graph = _fold_recurrence(parts, graph)
    source, sink = (_only(parts, kind) for kind in (Input, Output))
    _check_paths(graph, source, sink)
    _check_sizes(parts, graph)
    graph = graph.copy()
    rows: dict[str, Row] = {
        name: Row(()) if isinstance(part.node, (Input, Output)) else Row((part,))
        for name, part in parts.items()
    }
    aliases = {name for name, part in parts.items() if isinstance(part.node, AliasConnection)}
    while _merge_row(graph, rows, aliases) or _merge_residual(graph, rows, aliases):
        pass
    if len(graph) > 1:
        left = [name for name in graph if name not in (source, sink)]
        raise ValueError(
            f"The wiring of {listing(left)} is neither a row of modules nor a residual block "
            "(one row, with an AliasConnection from its input to its output)."
        )
    (row,) = (rows[name] for name in graph)
    if not row.parts:
        raise ValueError("The graph has nothing between its Input and its Output.")
    return row


def _parts(graph: Any) -> tuple[dict[str, Block], Any]:
    networkx = extra("networkx", "graph")
    if not isinstance(graph, networkx.DiGraph) or graph.is_multigraph():
        raise TypeError(
            "A computational graph is a networkx.DiGraph, as `mod.as_graph()` gives it; got "
            f"{describe(graph)}."
        )
    parts = {}
    for name, data in graph.nodes(data=True):
        node = data.get("node")
        if not isinstance(node, AbstractNode):
            raise TypeError(
                f"The vertex {name!r} is unknown: its data 'node' must be one of the nodes of "
                f"eqpool.graph; got {describe(node)}."
            )
        try:
            sizes = operator.index(node.size_in), operator.index(node.size_out)
        except (AttributeError, IndexError, TypeError) as error:
            raise TypeError(
                f"The vertex {name!r}, {type(node).__name__}, has no numbers of channels; give its "
                f"shape as a tuple of integers, (N_in, N) or (N,): {error}."
            ) from error
        if min(sizes) < 1:
            raise ValueError(f"The vertex {name!r}, {node}, has no channels.")
        parts[name] = Block(name, node)
    return parts, graph


def _fold_recurrence(parts: dict[str, Block], graph: Any) -> tuple[dict[str, Block], Any]:
    graph, parts = graph.copy(), dict(parts)
    for name, part in list(parts.items()):
        if not isinstance(part.node, LinearWeights):
            continue
        around = set(graph.successors(name))
        if len(around) != 1 or around != set(graph.predecessors(name)) or name in around:
            continue
        (target,) = around
        neurons = parts[target]
        if not isinstance(neurons.node, AbstractNeurons):
            continue
        weights, sizes = part.node.weights, (neurons.node.size_out, neurons.node.size_in)
        if part.node.biases is not None:
            # A bias of its own may act elsewhere than the input does: behind a synapse.
            where = "" if isinstance(neurons.node, RateNeurons) else "es of the weights in front"
            raise ValueError(
                f"The recurrent weights {name!r} of {target!r} have biases, which recurrent "
                f"weights cannot have; add them to the bias{where} of {target!r}."
            )
        if weights.shape != sizes:
            raise ValueError(
                f"The recurrent weights {name!r} have shape {weights.shape}; expected {sizes}, "
                f"from the outputs of {target!r} to its inputs."
            )
        if neurons.w_rec is not None:
            weights = _dense(neurons.w_rec) + _dense(weights)
        parts[target] = dataclasses.replace(neurons, w_rec=weights)
        del parts[name]
        graph.remove_node(name)
    return parts, graph


def _dense(weights: Any) -> Any:
    return weights.todense() if isinstance(weights, SparseWeights) else weights


def _only(parts: dict[str, Block], kind: type) -> str:
    names = [name for name, part in parts.items() if isinstance(part.node, kind)]
    if len(names) != 1:
        raise ValueError(f"A graph has one {kind.__name__}; this one has {listing(names)}.")
    return names[0]


def _check_paths(graph: Any, source: str, sink: str) -> None:
    networkx = extra("networkx", "graph")
    if not networkx.is_directed_acyclic_graph(graph):
        cycle = [start for start, _ in networkx.find_cycle(graph)]
        raise ValueError(
            f"The vertices {listing(cycle)} form a cycle. Only weights may lead from neurons "
            "straight back to the same neurons."
        )
    reached = networkx.descendants(graph, source) | {source}
    used = networkx.ancestors(graph, sink) | {sink}
    for what, names in (
        ("get no input", [name for name in graph if name not in reached]),
        ("lead nowhere", [name for name in graph if name not in used]),
    ):
        if names:
            raise ValueError(
                f"The vertices {listing(names)} {what}: every one must lie on a way from "
                f"{source!r} to {sink!r}."
            )


def _check_sizes(parts: dict[str, Block], graph: Any) -> None:
    for first, second in graph.edges:
        out, into = parts[first].node.size_out, parts[second].node.size_in
        if out != into:
            raise ValueError(
                f"{first!r} has {out} outputs, but {second!r}, to which it leads, takes {into} "
                "inputs."
            )


def _merge_row(graph: Any, rows: dict[str, Row], aliases: set[str]) -> bool:
    for first, second in graph.edges:
        alone = graph.out_degree(first) == 1 and graph.in_degree(second) == 1
        if alone and not {first, second} & aliases:
            rows[first] = Row(rows[first].parts + rows[second].parts)
            graph.add_edges_from((first, after) for after in graph.successors(second))
            graph.remove_node(second)
            return True
    return False


def _merge_residual(graph: Any, rows: dict[str, Row], aliases: set[str]) -> bool:
    for alias in sorted(aliases & set(graph)):
        ends = (set(graph.predecessors(alias)), set(graph.successors(alias)))
        for name in graph:
            beside = (set(graph.predecessors(name)), set(graph.successors(name)))
            if name not in aliases and beside == ends:
                rows[name] = Row((Skip(rows[name]),))
                graph.remove_node(alias)
                return True
    return False
