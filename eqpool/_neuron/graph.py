"""A neuron as a vertex of a computational graph."""

import dataclasses
from typing import Any

from .._attribute import fields, State
from ..graph import AbstractNeurons, Neurons


def as_node(mod: Any) -> AbstractNeurons:
    """The node of an `AbstractNeuron`, of its own class or the general one."""
    if mod.node is not None:
        names = [field.name for field in dataclasses.fields(mod.node) if field.name != "shape"]
        return mod.node(mod.shape, **{name: getattr(mod, name) for name in names})
    names = [name for name, field in fields(mod).items() if not isinstance(field, State)]
    values = {name: getattr(mod, name) for name in names if name != "w_rec"}
    values |= dict(solver=mod.solver, surrogate=mod.surrogate)
    return Neurons(mod.shape, type(mod), values)
