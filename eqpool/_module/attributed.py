"""`AbstractAttributed`: dictionaries of attributes, other values, names and sizes."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import equinox as eqx

from .._attribute.blueprint import Blueprint
from .._attribute.selection import FamilyLike
from .._attribute.spec import Parameter, SimulationParameter, State
from .._types import AbstractVar, NestedDict, Shape
from .show import as_text
from .tree import attributes, attributes_named
from .update import reset, set_attributes


_M = TypeVar("_M", bound="AbstractAttributed")


class AbstractAttributed(eqx.Module):
    """What modules on arrays and modules on time series share: everything but how they run."""

    blueprint: AbstractVar[Blueprint]

    def parameters(self, family: FamilyLike = None) -> NestedDict:
        """A nested dictionary of the parameters of this module and its submodules.

        **Arguments:**

        - `family`: a name, several names, a predicate on `(path, field)`, or `None`
            (default) for all.

        **Raises:** `ValueError`, listing the families that exist, for one that nobody has.
        """
        return attributes(self, Parameter, family)

    def state(self, family: FamilyLike = None) -> NestedDict:
        """A nested dictionary of the states of this module and its submodules.

        Arguments and errors as of `parameters`.
        """
        return attributes(self, State, family)

    def simulation_parameters(self, family: FamilyLike = None) -> NestedDict:
        """A nested dictionary of the simulation parameters of this module and its submodules.

        Arguments and errors as of `parameters`.
        """
        return attributes(self, SimulationParameter, family)

    def attributes_named(self, name: str | Iterable[str]) -> NestedDict:
        """A nested dictionary of all attributes with this name, whatever their role.

        **Arguments:**

        - `name`: a name, or several names.

        **Raises:** `ValueError`, listing the names that exist, for one that nobody has;
        `TypeError` for anything else.
        """
        return attributes_named(self, name)

    def set_attributes(self: _M, attributes: Mapping[str, Any]) -> _M:
        """A new module with other values.

        **Arguments:**

        - `attributes`: a nested dictionary as of `parameters()`, `simulation_parameters()`,
            `state()` or `evolve`'s new state, whole or in part; also those of a module of Rockpool.
            States may have a leading batch axis.

        **Raises:** `ValueError`, listing what exists, for an unknown name; `ValueError` or
        `TypeError` for a value of another shape or kind, outside its bounds, or not finite;
        `ValueError` where Rockpool's settings, as `act_fn` or `_has_rec`, contradict the module.
        """
        return set_attributes(self, attributes)

    def reset_state(self: _M) -> _M:
        """A new module with every state as it was at construction (without batch axis)."""
        return reset(self, State)

    def reset_parameters(self: _M) -> _M:
        """A new module with every parameter as it was at construction, drawn values too."""
        return reset(self, Parameter)

    # Names and sizes

    @property
    def name(self) -> str:
        """The name given at construction, or `""`."""
        return self.blueprint.name

    @property
    def class_name(self) -> str:
        """The name of the class."""
        return type(self).__name__

    @property
    def shape(self) -> Shape:
        """`(N,)` or `(N_in, N_out)`, as given at construction."""
        return self.blueprint.shape

    @property
    def size_in(self) -> int:
        """Number of input channels; 0 of an empty `Sequential`, which takes any."""
        return self.blueprint.shape[0]

    @property
    def size_out(self) -> int:
        """Number of output channels."""
        return self.blueprint.shape[-1]

    @property
    def size(self) -> int:
        """The same as `size_out`."""
        return self.size_out

    @property
    def spiking_input(self) -> bool:
        """Whether the input is taken as spikes."""
        return self.blueprint.spiking_input

    @property
    def spiking_output(self) -> bool:
        """Whether the output is spikes."""
        return self.blueprint.spiking_output

    def __repr__(self) -> str:
        """A tree of submodules and attributes, with their shapes and families."""
        return as_text(self)
