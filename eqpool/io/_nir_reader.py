"""Reading the nodes of NIR: sizes, time steps, decays."""

import dataclasses
from typing import Any, Literal, TypeAlias

import jax.numpy as jnp
import numpy as np


Discretisation: TypeAlias = Literal["exponential", "euler"]


def flattened(nir: Any, graph: Any, prefix: str = "") -> tuple[dict[str, Any], list[Any]]:
    """Nodes and edges, with those of graphs inside in place of them."""
    nodes, edges = {}, [(prefix + a, prefix + b) for a, b in graph.edges]
    for name, node in graph.nodes.items():
        name = prefix + name
        if not isinstance(node, nir.NIRGraph):
            nodes[name] = node
            continue
        inner, wires = flattened(nir, node, f"{name}.")
        entry, exit = (
            _one(name, inner, kind, [n for n in inner if "." not in n.removeprefix(f"{name}.")])
            for kind in (nir.Input, nir.Output)
        )
        edges = [(exit if a == name else a, entry if b == name else b) for a, b in edges] + wires
        for passing in (entry, exit):
            into = [a for a, b in edges if b == passing]
            out = [b for a, b in edges if a == passing]
            edges = [edge for edge in edges if passing not in edge]
            edges += [(a, b) for a in into for b in out]
            del inner[passing]
        nodes |= inner
    return nodes, edges


def _one(name: str, nodes: dict[str, Any], kind: type, candidates: list[str]) -> str:
    found = [n for n in candidates if isinstance(nodes[n], kind)]
    if len(found) != 1:
        raise ValueError(f"from_nir: the graph {name!r} must have one {kind.__name__}.")
    return found[0]


@dataclasses.dataclass(frozen=True)
class Reader:
    """Nodes and edges of NIR, and how they are to be stepped."""

    nir: Any
    nodes: dict[str, Any]
    edges: list[tuple[str, str]]
    dt: float | None
    discretisation: Discretisation

    def sources(self, name: str) -> list[str]:
        """Where the input of a node comes from, but for recurrent weights."""
        return [a for a, b in self.edges if b == name and not self.is_recurrent(a)]

    def is_recurrent(self, name: str) -> bool:
        """Whether a node leads from another straight back to it."""
        into = {a for a, b in self.edges if b == name}
        return len(into) == 1 and into == {b for a, b in self.edges if a == name}

    def size(self, name: str, seen: tuple[str, ...] = ()) -> int:
        """Number of outputs; scalars stand for as many as come in."""
        node = self.nodes[name]
        if isinstance(node, (self.nir.Input, self.nir.Output)):
            (shape,) = (node.input_type or node.output_type).values()
            return _flat(name, shape)
        if isinstance(node, (self.nir.Linear, self.nir.Affine)):
            return node.weight.shape[0]
        own = [np.size(x) for x in vars(node).values() if isinstance(x, np.ndarray)]
        if own and max(own) > 1:
            return max(own)
        for source in self.sources(name):
            if source not in seen:
                return self.size(source, (*seen, name))
        raise ValueError(f"from_nir: the number of channels of {name!r} is not known.")

    def each(self, name: str, value: Any) -> np.ndarray:
        """A value for each channel of a node."""
        value, n = np.asarray(value, np.float64).reshape(-1), self.size(name)
        if value.size not in (1, n):
            raise ValueError(f"from_nir: {name!r} has {value.size} values for {n} channels.")
        return np.broadcast_to(value, (n,))

    def step(self, name: str) -> float:
        """The time step, s."""
        dt = self.dt if self.dt is not None else self.nodes[name].metadata.get("dt")
        if dt is None:
            raise ValueError(
                f"from_nir: the node {name!r} does not say its time step, which NIR has no place "
                "for; give dt, in s."
            )
        return float(dt)

    def decay(self, name: str, tau: np.ndarray) -> np.ndarray:
        """What is left after a step."""
        dt = self.step(name)
        a = np.exp(-dt / tau) if self.discretisation == "exponential" else 1.0 - dt / tau
        if not np.all((a > 0.0) & (a < 1.0)):
            raise ValueError(
                f"from_nir: the node {name!r} has a time constant of {np.min(tau):.3g} s, too "
                f"short for {self.discretisation} steps of dt = {dt:.3g} s."
            )
        return a

    def tau(self, name: str, a: np.ndarray) -> Any:
        """The time constant of which `a` is left after an exponential step."""
        return jnp.asarray(-self.step(name) / np.log(a), jnp.result_type(float))


def _flat(name: str, shape: Any) -> int:
    shape = np.ravel(shape)
    if shape.size != 1:
        raise ValueError(
            f"from_nir: {name!r} has channels of shape {tuple(map(int, shape))}; eqpool's modules "
            "take one axis of channels. {listing([])}"
        )
    return int(shape[0])
