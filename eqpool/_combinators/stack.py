"""`AbstractStack`: what combinators of modules in a row have in common."""

import dataclasses
import itertools
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from jaxtyping import Array, Float

from .._errors import describe, listing, suggestion
from .._module import AbstractModule, attribute_value
from .._types import AbstractVar, NestedDict
from ..graph import Wiring


# A plain dictionary would be flattened in the order of its keys.
Layers: TypeAlias = tuple[AbstractModule, ...] | OrderedDict[str, AbstractModule]


class AbstractStack(AbstractModule):
    """Modules in a row, named by position and class or by the keys of a dictionary, as in Rockpool.

    Each is found by position, `net[1]`, and by name, `net["1_RateJax"]` or, where the name is one
    of Python's, `net.hidden`.
    """

    layers: AbstractVar[Layers]

    def __len__(self) -> int:
        """Number of modules."""
        return len(self.layers)

    def __iter__(self) -> Iterator[Any]:
        """The modules in order."""
        return iter(self.layers.values() if isinstance(self.layers, dict) else self.layers)

    # `Any`, since the attributes of a module depend on its class, which no index tells.
    def __getitem__(self, index: int | str) -> Any:
        """A module by position or by name, as `net[1]` or `net["1_RateJax"]`."""
        if isinstance(index, str):
            modules = self.modules()
            if index not in modules:
                raise KeyError(
                    f"{self.full_name} has no module {index!r}; it has {listing(modules)}."
                )
            return modules[index]
        return tuple(self)[index]

    def __getattr__(self, name: str) -> Any:
        """A module by name, as `net.hidden`, or weights between modules."""
        # Python asks only for what the class lacks; also while a copy has no fields yet.
        own = vars(self)
        if name.startswith("__") or "layers" not in own or "blueprint" not in own:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        modules = self.modules()
        if name in modules:
            return modules[name]
        weights = [member.name for member in self.blueprint.members]
        if name in weights:
            return attribute_value(self, name)
        known = [*modules, *weights]
        remedy = suggestion(name, known)
        if name == "append":
            remedy = f" Nothing is added in place; build anew, `{self.class_name}(*net, module)`."
        raise AttributeError(
            f"{self.full_name} has no attribute {name!r}.{remedy} It has {listing(known)}."
        )

    def __dir__(self) -> list[str]:
        """Names for completion: those of the modules too."""
        return [*super().__dir__(), *self.modules()]


def as_layers(modules: Sequence[Any], owner: str) -> Any:
    """Modules with names, if a dictionary stands first, or in a tuple.

    As in Rockpool, those behind a dictionary are named by position from 1 on, and class.
    """
    if not (modules and isinstance(modules[0], Mapping)):
        return tuple(modules)
    named = [(f"{i}_{type(one).__name__}", one) for i, one in enumerate(modules[1:], start=1)]
    for name, _ in named:
        if name in modules[0]:
            raise ValueError(
                f"{owner}: two modules are called {name!r}; put all of them into the dictionary."
            )
    return OrderedDict([*modules[0].items(), *named])


def check_modules(stack: AbstractStack, at_least: int = 1) -> None:
    """Raises for too few modules, for what is not a module, and for names that are taken."""
    owner = type(stack).__name__
    for i, module in enumerate(stack):
        if not isinstance(module, AbstractModule):
            which = (
                repr(list(stack.layers)[i]) if isinstance(stack.layers, dict) else f"argument {i}"
            )
            raise TypeError(
                f"{owner}: {which} is not a module; got {describe(module)}. Wrap a plain function "
                "as `eqpool.Instant(N, function)`; a dictionary of modules stands first."
            )
    if len(sized(stack)) < at_least:
        few = "one module" if at_least == 1 else "two modules"
        raise ValueError(f"{owner}: give at least {few}.")
    if isinstance(stack.layers, dict):
        _check_names(type(stack), list(stack.layers))


def _check_names(cls: type, names: list[Any]) -> None:
    taken = {*dir(cls), *(entry.name for entry in dataclasses.fields(cls))}
    for name in names:
        if not isinstance(name, str):
            raise TypeError(
                f"{cls.__name__}: the names of modules must be strings; got {describe(name)}."
            )
        if not name or "." in name:  # a dot stands between the parts of a path
            raise ValueError(
                f"{cls.__name__}: a module cannot be called {name!r}; give a name without dots."
            )
        if name in taken or name.startswith("__"):
            raise ValueError(
                f"{cls.__name__}: a module cannot be called {name!r}, which is an attribute of "
                f"every {cls.__name__}; choose another name."
            )
        if f"{name}_output" in names:
            raise ValueError(
                f"{cls.__name__}: with a module {name!r} none can be called '{name}_output', under "
                "which the record holds its output; choose another name."
            )


def sized(modules: AbstractStack) -> list[AbstractModule]:
    """The modules that have a size: all but an empty `Sequential`, which takes any input."""
    return [module for module in modules if module.size_in]


def check_row(stack: AbstractStack) -> None:
    """Raises where an output does not fit the next input, and the ends not the shape."""
    owner = type(stack).__name__
    places = [(i, module) for i, module in enumerate(stack) if module.size_in]
    for (i, first), (j, second) in itertools.pairwise(places):
        if first.size_out != second.size_in:
            raise ValueError(
                f"{owner}: module {i} ({first.full_name}, shape {first.shape}) has "
                f"{first.size_out} outputs, but module {j} ({second.full_name}, shape "
                f"{second.shape}) takes {second.size_in} inputs."
            )
    ends = (places[0][1].size_in, places[-1][1].size_out) if places else (0, 0)
    if (stack.size_in, stack.size_out) != ends:  # as in a file made by hand
        raise ValueError(f"{owner}: has shape {stack.shape}, but its modules have {ends}.")


def run_row(
    stack: AbstractModule, input_data: Float[Array, "T N_in"], record: bool
) -> tuple[Array, NestedDict, NestedDict]:
    """Output, new state and record of the modules of `stack`, one after another."""
    output, state, recorded = input_data, {}, {}
    for name, module in stack.modules().items():
        output, state[name], inner = module.evolve(output, record)
        if record:
            recorded |= {name: inner, f"{name}_output": output}
    return output, state, recorded


def wire_row(
    stack: AbstractModule, wiring: Wiring, sources: tuple[str, ...], name: str
) -> tuple[str, ...]:
    """Adds the modules of `stack` to a graph, one after another."""
    for inner, module in stack.modules().items():
        sources = module.wire(wiring, sources, f"{name}.{inner}")
    return sources
