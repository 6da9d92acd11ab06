"""`Sequential`: one module after another."""

from collections.abc import Mapping

from jaxtyping import Array, Float

from .._attribute import Blueprint
from .._errors import running
from .._events import Events
from .._module import AbstractModule, initialise, place
from .._types import NestedDict
from ..graph import Wiring
from .stack import (
    AbstractStack,
    as_layers,
    check_modules,
    check_row,
    Layers,
    run_row,
    sized,
    wire_row,
)


class Sequential(AbstractStack):
    """Feeds the output of each module into the next.

    Its submodules are named by position and class, as in Rockpool: `net.parameters()` is
    `{"0_LinearJax": {...}, "1_RateJax": {...}, ...}`; or by the keys of a dictionary. They are
    found as `net[1]`, as `net["1_RateJax"]` and, by names of their own, as `net.hidden`. With
    `record=True` the record holds, for each, its own record under its name and its output under
    `"<name>_output"`.

    !!! example

        ```python
        net = eqpool.Sequential(
            eqpool.Linear((12, 50)), eqpool.RateJax((50, 50), has_rec=True), eqpool.Linear((50, 9))
        )
        output, state, _ = net(jnp.ones((8, 29, 12)))
        net[1].tau
        named = eqpool.Sequential({"encode": eqpool.Linear((12, 50)), "hidden": eqpool.LIF(50)})
        named.hidden.tau_mem
        ```
    """

    blueprint: Blueprint
    layers: Layers

    def __init__(self, *modules: AbstractModule | Mapping[str, AbstractModule], name: str = ""):
        """**Arguments:**

        - `*modules`: any number of modules; or a dictionary of them by name, in its order (modules
            behind it are named by position from 1 on, and class). Without any, the output is the
            input, of whatever size, and `size_in` and `size_out` are 0.
        - `name`: a name for messages. Default: none.

        **Raises:** `TypeError` for an argument that is not a module; `ValueError` where an output
        does not fit the next input, and for a name that is an attribute of every `Sequential`.
        """
        self.layers = as_layers(modules, "Sequential")
        check_modules(self, at_least=0)
        parts = sized(self)
        if not parts:
            sizes = tuple((axis, 0) for axis in ("N_in", "N_out", "N"))
            self.blueprint = Blueprint(initial={}, name=name, sizes=sizes)
            return
        initialise(
            self,
            (parts[0].size_in, parts[-1].size_out),
            name=name,
            spiking_input=parts[0].spiking_input,
            spiking_output=parts[-1].spiking_output,
        )

    def __check_init__(self) -> None:
        check_modules(self, at_least=0)
        check_row(self)

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
            with running(place(module), module):
                events, state[name] = module.run_events(events, duration, num_steps)
        return events, state

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """Each module in turn."""
        return wire_row(self, wiring, sources, name)
