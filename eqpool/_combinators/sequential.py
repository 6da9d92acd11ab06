"""`Sequential`: one module after another."""

import itertools
from collections.abc import Iterator

from jaxtyping import Array, Float

from .._attribute import Blueprint
from .._errors import describe, listing
from .._events import Events
from .._module import AbstractModule, initialise
from .._types import NestedDict


class Sequential(AbstractModule):
    """Feeds the output of each module into the next.

    Its submodules are named by position and class, as in Rockpool: `net.parameters()` is
    `{"0_Linear": {...}, "1_RateJax": {...}, ...}`. With `record=True` the record holds, for
    each, its own record under its name and its output under `"<name>_output"`.

    !!! example

        ```python
        net = eqpool.Sequential(
            eqpool.Linear((12, 50)), eqpool.RateJax((50, 50), has_rec=True), eqpool.Linear((50, 9))
        )
        output, state, _ = net(jnp.ones((8, 29, 12)))
        net[1].tau
        ```
    """

    blueprint: Blueprint
    layers: tuple[AbstractModule, ...]

    def __init__(self, *modules: AbstractModule, name: str = ""):
        """**Arguments:**

        - `*modules`: at least one module.
        - `name`: a name for messages. Default: none.

        **Raises:** `TypeError` for an argument that is not a module; `ValueError` without any,
        and where an output does not fit the next input.
        """
        if not modules:
            raise ValueError("Sequential: give at least one module.")
        for i, module in enumerate(modules):
            if not isinstance(module, AbstractModule):
                raise TypeError(
                    f"Sequential: argument {i} is not a module; got {describe(module)}. Wrap a "
                    "plain function as `eqpool.Instant(N, function)`."
                )
        for i, (first, second) in enumerate(itertools.pairwise(modules)):
            if first.size_out != second.size_in:
                raise ValueError(
                    f"Sequential: module {i} ({first.full_name}, shape {first.shape}) has "
                    f"{first.size_out} outputs, but module {i + 1} ({second.full_name}, shape "
                    f"{second.shape}) takes {second.size_in} inputs."
                )
        self.layers = modules
        initialise(
            self,
            (modules[0].size_in, modules[-1].size_out),
            name=name,
            spiking_input=modules[0].spiking_input,
            spiking_output=modules[-1].spiking_output,
        )

    def run(
        self, input_data: Float[Array, "T N_in"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """Each module in turn."""
        output, state, recorded = input_data, {}, {}
        for name, module in self.modules().items():
            output, state[name], inner = module.evolve(output, record)
            if record:
                recorded |= {name: inner, f"{name}_output": output}
        return output, state, recorded

    def run_events(
        self, events: Events, duration: Float[Array, ""] | None, num_steps: int | None
    ) -> tuple[Events, NestedDict]:
        """Each module in turn."""
        state = {}
        for name, module in self.modules().items():
            events, state[name] = module.run_events(events, duration, num_steps)
        return events, state

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
