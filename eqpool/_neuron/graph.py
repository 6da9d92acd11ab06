"""A neuron as a vertex of a computational graph, and from one."""

import dataclasses
from typing import Any

from .._attribute import fields, Function, State
from .._errors import describe, listing
from .._sparse import SparseWeights
from ..graph import AbstractNeurons, Block, LinearWeights, Neurons, structure


def as_node(mod: Any) -> AbstractNeurons:
    """The node of a declared neuron, of its own class or the general one."""
    states = [name for name, field in fields(type(mod)).items() if isinstance(field, State)]
    known = {"shape", "blueprint", "w_rec", *states}
    names = [f.name for f in dataclasses.fields(mod.node or mod) if f.name not in known]
    values = {name: getattr(mod, name) for name in names}
    values |= {name: x.unwrapped for name, x in values.items() if isinstance(x, Function)}
    if mod.node is None:
        return Neurons(mod.shape, type(mod), values)
    return mod.node(mod.shape, **values)


def one_layer(owner: str, se: Any, weights: Any) -> tuple[Any, Any]:
    """Neurons and their recurrent weights: as they are, or out of a graph of nothing else."""
    if not hasattr(se, "nodes"):
        return se, weights
    parts = structure(se).parts
    if len(parts) != 1 or not isinstance(parts[0], Block):
        raise ValueError(
            f"{owner}.from_graph takes a graph of one layer of neurons; got {listing(se)}. "
            "`eqpool.from_graph` rebuilds whole networks."
        )
    block = parts[0]
    if block.w_rec is None:
        return block.node, weights
    if weights is not None:
        raise ValueError(
            f"{owner}.from_graph: {block.name!r} has recurrent weights in the graph, and weights "
            "were given as well; give one of the two."
        )
    return block.node, LinearWeights(block.w_rec)


def arguments_of(cls: Any, node: Any, weights: Any, also: str = "") -> dict[str, Any]:
    """Arguments of the constructor from neurons and their recurrent weights.

    `also`: what else `cls.from_graph` takes, for the message.
    """
    owner, kind = cls.__name__, cls.node or Neurons
    if not isinstance(node, kind) or (kind is Neurons and node.model is not cls):
        taken = f"Neurons of {owner}" if kind is Neurons else kind.__name__
        raise TypeError(
            f"{owner}.from_graph takes {taken}{also}, or a graph of one of them; got {node!r}."
        )
    given: dict[str, Any] = {"shape": node.shape} | node.arguments()
    if weights is None:
        return given
    if not isinstance(weights, LinearWeights):
        raise TypeError(
            f"{owner}.from_graph: weights must be LinearWeights; got {describe(weights)}."
        )
    if weights.biases is not None:
        raise ValueError(
            f"{owner}.from_graph: the recurrent weights {weights} have biases, which recurrent "
            "weights cannot have; give the neurons a constant input."
        )
    w_rec, expected = weights.weights, (node.size_out, node.size_in)
    if w_rec.shape != expected:
        raise ValueError(
            f"{owner}.from_graph: the recurrent weights have shape {w_rec.shape}; expected "
            f"{expected}, from neurons to synapses."
        )
    declared: Any = fields(cls)["w_rec"].shape
    if (
        len(declared) == 3
        and node.size_in != node.size_out
        and not isinstance(w_rec, SparseWeights)
    ):
        w_rec = w_rec.reshape(len(w_rec), node.size_out, -1)
    return given | dict(w_rec=w_rec, has_rec=True)
