"""`Sequential`: one module after another."""

from jaxtyping import Array, Float

from .._attribute import Blueprint
from .._events import Events
from .._module import AbstractModule, initialise
from .._types import NestedDict
from ..graph import Wiring
from .stack import AbstractStack, check_modules, check_row, run_row, wire_row


class Sequential(AbstractStack):
    """Feeds the output of each module into the next.

    Its submodules are named by position and class, as in Rockpool: `net.parameters()` is
    `{"0_LinearJax": {...}, "1_RateJax": {...}, ...}`. With `record=True` the record holds, for
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
        check_modules(modules, "Sequential")
        self.layers = modules
        initialise(
            self,
            (modules[0].size_in, modules[-1].size_out),
            name=name,
            spiking_input=modules[0].spiking_input,
            spiking_output=modules[-1].spiking_output,
        )

    def __check_init__(self) -> None:
        check_row(self.layers, "Sequential")

    def run(
        self, input_data: Float[Array, "T N_in"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """Each module in turn."""
        return run_row(self, input_data, record)

    def run_events(
        self, events: Events, duration: Float[Array, ""] | None, num_steps: int | None
    ) -> tuple[Events, NestedDict]:
        """Each module in turn."""
        state = {}
        for name, module in self.modules().items():
            events, state[name] = module.run_events(events, duration, num_steps)
        return events, state

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """Each module in turn."""
        return wire_row(self, wiring, sources, name)
