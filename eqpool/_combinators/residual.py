"""`Residual`: modules in a row, and a way around them."""

from collections.abc import Mapping

from jaxtyping import Array, Float

from .._attribute import Blueprint
from .._module import AbstractModule, initialise, promoted
from .._types import NestedDict
from ..graph import AliasConnection, Wiring
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


class Residual(AbstractStack):
    r"""Adds its input to the output of modules in a row.

    $$ y = x + f_n(\dots f_1(x)) $$

    Names and records are as of [`eqpool.Sequential`][].

    !!! example

        ```python
        block = eqpool.Residual(eqpool.Linear((20, 20)), eqpool.LIF(20))
        output, state, _ = block(jnp.ones((100, 20)))
        ```

    ??? cite

        He et al. 2016, [doi:10.1109/CVPR.2016.90](https://doi.org/10.1109/CVPR.2016.90).
    """

    blueprint: Blueprint
    layers: Layers

    def __init__(self, *modules: AbstractModule | Mapping[str, AbstractModule], name: str = ""):
        """**Arguments:**

        - `*modules`: at least one module, or a dictionary of them as of [`eqpool.Sequential`][];
            the last has as many outputs as the first has inputs.
        - `name`: a name for messages. Default: none.

        **Raises:** as [`eqpool.Sequential`][], and `ValueError` without a module, and where the
        sizes of input and output differ.
        """
        self.layers = as_layers(modules, "Residual")
        check_modules(self)
        first, last = sized(self)[0], sized(self)[-1]
        initialise(
            self,
            (first.size_in, last.size_out),
            name=name,
            spiking_input=first.spiking_input,
            # The sum counts spikes only where both do.
            spiking_output=first.spiking_input and last.spiking_output,
        )

    def __check_init__(self) -> None:
        check_modules(self)
        check_row(self)
        n_in, n_out = self.size_in, self.size_out
        if n_in != n_out:
            raise ValueError(
                f"Residual: the input, {n_in} channels, is added to the output, {n_out} channels; "
                "they must be as many. End with an `eqpool.Linear` that brings them back."
            )

    def run(
        self, input_data: Float[Array, "T N"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """Each module in turn, and the input added."""
        output, state, recorded = run_row(self, input_data, record)
        output, skipped = promoted(output, input_data)
        return output + skipped, state, recorded

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """Each module in turn, and an alias from the input to the output."""
        alias = wiring.add(f"{name}.alias", AliasConnection(self.size_in), sources)
        return wire_row(self, wiring, sources, name) + alias
