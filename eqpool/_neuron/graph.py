"""A neuron as a vertex of a computational graph."""

import dataclasses
from typing import Any

from .._attribute import fields, Function, State
from ..graph import AbstractNeurons, Neurons


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
