"""Computational graphs: what modules compute, as plain data over a `networkx` graph."""

from ._connect import Wiring as Wiring
from ._nodes import (
    AbstractNeurons as AbstractNeurons,
    AbstractNode as AbstractNode,
    AdExNeurons as AdExNeurons,
    AliasConnection as AliasConnection,
    DynapseNeurons as DynapseNeurons,
    ExponentialFilter as ExponentialFilter,
    ExponentialSynapses as ExponentialSynapses,
    Input as Input,
    InstantFunction as InstantFunction,
    LIFNeurons as LIFNeurons,
    LinearWeights as LinearWeights,
    Neurons as Neurons,
    Output as Output,
    RateNeurons as RateNeurons,
)
from ._structure import (
    Block as Block,
    Row as Row,
    Skip as Skip,
    Structure as Structure,
    structure as structure,
)
