"""`from_graph`: from a computational graph to a module."""

from typing import Any

from .._models import (
    AdExLIF,
    DynapSim,
    ExpSmoothJax,
    ExpSynJax,
    InstantJax,
    LIFJax,
    LinearJax,
    RateJax,
)
from .._module import AbstractModule
from ..graph import (
    AbstractNeurons,
    AdExNeurons,
    Block,
    DynapseNeurons,
    ExponentialFilter,
    ExponentialSynapses,
    InstantFunction,
    LIFNeurons,
    LinearWeights,
    Neurons,
    RateNeurons,
    Row,
    Skip,
    Structure,
    structure,
)
from .residual import Residual
from .sequential import Sequential


_WITH_RECURRENCE: dict[type, Any] = {RateNeurons: RateJax, LIFNeurons: LIFJax, AdExNeurons: AdExLIF}
_WITHOUT: dict[type, Any] = {ExponentialSynapses: ExpSynJax, ExponentialFilter: ExpSmoothJax}


def from_graph(graph: Any) -> AbstractModule:
    """The module that computes what a graph describes.

    Rows become [`eqpool.Sequential`][], or the module itself where there is only one; rows with an
    alias beside them become [`eqpool.Residual`][]. States start afresh, and noise is drawn anew.

    **Arguments:**

    - `graph`: a `networkx.DiGraph` as of `as_graph` or [`eqpool.graph.Wiring`][].

    **Raises:** as [`eqpool.graph.structure`][]; and `ValueError`, naming the vertex, for what no
    module can do.

    !!! example

        ```python
        net = eqpool.Sequential(eqpool.Linear((3, 4)), eqpool.LIF(4))
        same = eqpool.from_graph(net.as_graph())
        ```
    """
    return _module(structure(graph))


def _module(part: Structure) -> AbstractModule:
    match part:
        case Row((single,)):
            return _module(single)
        case Row(parts):
            return Sequential(*(_module(one) for one in parts))
        case Skip(body):
            return Residual(*(_module(one) for one in body.parts))
    try:
        return _from_block(part)
    except (TypeError, ValueError) as error:
        if repr(part.name) not in str(error):
            error.add_note(f"In the vertex {part.name!r}, {part.node}.")
        raise


def _from_block(block: Block) -> AbstractModule:
    node, w_rec = block.node, block.w_rec
    match node:
        case LinearWeights():
            return LinearJax(node.weights.shape, node.weights, node.biases)
        case DynapseNeurons():
            return DynapSim.from_graph(node, None if w_rec is None else LinearWeights(w_rec))
        case InstantFunction():
            return InstantJax((node.n_in, node.n_out), node.function)
    if isinstance(node, AbstractNeurons):
        make = node.model if isinstance(node, Neurons) else _WITH_RECURRENCE.get(type(node))
        if make is not None:
            recurrent = {} if w_rec is None else dict(w_rec=w_rec, has_rec=True)
            return make(node.shape, **node.arguments(), **recurrent)
        make = _WITHOUT.get(type(node))
        if make is not None and w_rec is None:
            return make(node.shape, **node.arguments())
    what = "recurrent weights around it" if w_rec is not None else "it"
    raise ValueError(f"The vertex {block.name!r}, {node}: no module of eqpool has {what}.")
