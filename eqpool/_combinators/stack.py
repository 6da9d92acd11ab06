"""`AbstractStack`: what combinators of modules in a row have in common."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, TYPE_CHECKING

from jaxtyping import Array, Float

from .._errors import describe, listing
from .._module import AbstractModule
from .._types import NestedDict
from ..graph import Wiring


if TYPE_CHECKING:
    from typing import ClassVar as AbstractVar
else:
    from equinox import AbstractVar


class AbstractStack(AbstractModule):
    """Modules in a row, named by position and class, as in Rockpool."""

    layers: AbstractVar[tuple[AbstractModule, ...]]

    def __len__(self) -> int:
        """Number of modules."""
        return len(self.layers)

    def __iter__(self) -> Iterator[AbstractModule]:
        """The modules in order."""
        return iter(self.layers)

    def __getitem__(self, index: int | str) -> AbstractModule:
        """A module by position or by name, as `net[1]` or `net["1_RateJax"]`."""
        if isinstance(index, str):
            modules = self.modules()
            if index not in modules:
                raise KeyError(
                    f"{self.full_name} has no module {index!r}; it has {listing(modules)}."
                )
            return modules[index]
        return self.layers[index]


def check_modules(modules: Sequence[Any], owner: str, at_least: int = 1) -> None:
    """Raises for too few modules, and for what is not a module."""
    if len(modules) < at_least:
        few = "one module" if at_least == 1 else "two modules"
        raise ValueError(f"{owner}: give at least {few}.")
    for i, module in enumerate(modules):
        if not isinstance(module, AbstractModule):
            raise TypeError(
                f"{owner}: argument {i} is not a module; got {describe(module)}. Wrap a "
                "plain function as `eqpool.Instant(N, function)`."
            )


def check_row(modules: tuple[AbstractModule, ...], owner: str) -> None:
    """Raises where an output does not fit the next input."""
    check_modules(modules, owner)
    for i, (first, second) in enumerate(itertools.pairwise(modules)):
        if first.size_out != second.size_in:
            raise ValueError(
                f"{owner}: module {i} ({first.full_name}, shape {first.shape}) has "
                f"{first.size_out} outputs, but module {i + 1} ({second.full_name}, shape "
                f"{second.shape}) takes {second.size_in} inputs."
            )


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
