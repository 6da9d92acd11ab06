"""Putting a graph together."""

import math
from collections.abc import Iterable
from typing import Any

from .._errors import describe, extra, listing
from .._sparse import SparseWeights
from ._nodes import AbstractNode, LinearWeights


class Wiring:
    """A computational graph in the making.

    The result, `graph`, is a `networkx.DiGraph` whose vertices are names. What a vertex computes
    stands in its data as `"node"`: `graph.nodes["1_LIFJax"]["node"].tau_mem`.

    !!! example

        ```python
        wiring = eqpool.graph.Wiring()
        source = wiring.add("input", eqpool.graph.Input(2), ())
        weights = wiring.add("weights", eqpool.graph.LinearWeights(jnp.ones((2, 3))), source)
        neurons = wiring.add("neurons", eqpool.graph.LIFNeurons((3,), tau_mem=10e-3), weights)
        wiring.add("output", eqpool.graph.Output(3), neurons)
        net = eqpool.from_graph(wiring.graph)
        ```
    """

    def __init__(self):
        self.graph: Any = extra("networkx", "graph").DiGraph()

    def add(self, name: str, node: AbstractNode, sources: Iterable[str]) -> tuple[str, ...]:
        """Adds a vertex.

        **Arguments:**

        - `name`: of the vertex.
        - `node`: what it computes.
        - `sources`: the vertices whose outputs are summed into its input, each once.

        **Returns:** the name, as what comes next takes its sources.

        **Raises:** `ValueError` for a name that exists, and for sources that do not or come twice;
        `TypeError` for what is no node.
        """
        if name in self.graph:
            raise ValueError(f"Wiring: there is a vertex {name!r} already.")
        if not isinstance(node, AbstractNode):
            raise TypeError(
                f"Wiring: the vertex {name!r} takes one of the nodes of eqpool.graph; got "
                f"{describe(node)}."
            )
        sources = [sources] if isinstance(sources, str) else list(sources)
        unknown = [source for source in sources if source not in self.graph]
        if unknown or len(set(sources)) < len(sources):
            raise ValueError(
                f"Wiring: {name!r} takes its input from {listing(sources)}, of which each must "
                f"exist and come once; there are {listing(self.graph)}."
            )
        self.graph.add_node(name, node=node)
        self.graph.add_edges_from((source, name) for source in sources)
        return (name,)

    def without_prefix(self, prefix: str) -> Any:
        """The graph with vertices whose names begin with `prefix` called without it."""
        names = {name: name.removeprefix(prefix) for name in self.graph}
        # A submodule may be called like the ends of the graph, and must not become one with them.
        names = {name: name if short in self.graph else short for name, short in names.items()}
        return extra("networkx", "graph").relabel_nodes(self.graph, names)

    def add_recurrent(self, name: str, w_rec: Any, neurons: tuple[str, ...]) -> None:
        """Adds weights from neurons back to themselves, unless `w_rec` is `None`."""
        if w_rec is not None:
            matrix = (w_rec.shape[0], math.prod(w_rec.shape[1:]))
            sparse = isinstance(w_rec, SparseWeights)
            w_rec = w_rec.with_shape(matrix) if sparse else w_rec.reshape(matrix)
            (weights,) = self.add(name, LinearWeights(w_rec), neurons)
            self.graph.add_edges_from((weights, neuron) for neuron in neurons)
