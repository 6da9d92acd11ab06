"""`AbstractLayer`: what neurons that spike and neurons that emit rates have in common."""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from equinox import AbstractClassVar
from jaxtyping import Array

from .._attribute import Blueprint
from .._module import AbstractModule
from .._sparse import SparseWeights
from .._types import AbstractVar
from ..graph import LinearWeights, Wiring
from .graph import arguments_of, as_node, one_layer


States = dict[str, Array]
"""States of a layer by name."""

_L = TypeVar("_L", bound="AbstractLayer")


class AbstractLayer(AbstractModule):
    """A layer of declared neurons with recurrent weights: where it starts, and its graph."""

    integrated: AbstractClassVar[tuple[str, ...]]
    decaying: ClassVar[Mapping[str, str]] = {}
    node: ClassVar[type | None] = None

    blueprint: Blueprint
    w_rec: AbstractVar[Array | SparseWeights | None]

    def starting(self) -> States:
        """Where states start, if not where their declarations say, by name. Default: none."""
        return {}

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """Neurons, and weights back to them."""
        neurons = wiring.add(name, as_node(self), sources)
        wiring.add_recurrent(f"{name}.w_rec", self.w_rec, neurons)
        return neurons

    @classmethod
    def from_graph(cls: type[_L], se: Any, weights: LinearWeights | None = None) -> _L:
        """A module from neurons of a graph, with or without recurrent weights.

        **Arguments:**

        - `se`: a node as this class makes it in `as_graph`, or a graph of one layer of them.
        - `weights`: recurrent [`eqpool.graph.LinearWeights`][], without biases. Default: those of
            the graph, if any.

        **Raises:** `TypeError` for other nodes; `ValueError` for recurrent biases, and for values
        that these neurons cannot have.
        """
        return cls(**arguments_of(cls, *one_layer(cls.__name__, se, weights)))
