"""`FFwdStack`: modules with weights between them."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from jaxtyping import Array, Float

from .. import physics
from .._attribute import Blueprint, kaiming, Parameter
from .._module import AbstractModule, initialise, promoted
from .._types import NestedDict
from ..graph import LinearWeights, Wiring
from .stack import AbstractStack, as_layers, check_modules, Layers, sized


class FFwdStack(AbstractStack):
    """Feeds the output of each module through weights into the next.

    The weights are attributes of the stack itself, `"0_1_weight"` between the first and the
    second module, of shape `(size_out, size_in)` of these two, and so on; submodules are named by
    position and class, both as in Rockpool, or by the keys of a dictionary. Either is found by its
    name, as `getattr(net, "0_1_weight")`. With `record=True` the record holds, for each module,
    its own record under its name, and for all but the last its output under
    `"<name>_output"`.

    !!! example

        ```python
        net = eqpool.FFwdStack(eqpool.RateJax(12), eqpool.LIF((20, 10)), eqpool.ExpSyn(3))
        list(net.parameters("weights"))  # "0_1_weight", "1_2_weight"
        ```
    """

    blueprint: Blueprint
    layers: Layers
    weights: dict[str, Float[Array, "_ _"]]

    def __init__(
        self,
        *modules: AbstractModule | Mapping[str, AbstractModule],
        weight_init_func: Callable[..., Any] = kaiming,
        rng_key: Any = None,
        name: str = "",
    ):
        """**Arguments:**

        - `*modules`: at least two modules, of any sizes; or a dictionary of them as of
            [`eqpool.Sequential`][].
        - `weight_init_func`: `f(shape)` or `f(shape, key)`. Default: [`eqpool.kaiming`][].
            (Rockpool's default is zeros.)
        - `rng_key`: key or seed of the weights. Default: a fresh seed.
        - `name`: a name for messages. Default: none.

        **Raises:** `TypeError` for an argument that is not a module; `ValueError` for fewer than
        two.
        """
        self.layers = as_layers(modules, "FFwdStack")
        check_modules(self, at_least=2)
        parts = sized(self)
        between = {
            f"{i}_{i + 1}_weight": Parameter(
                family="weights",
                shape=(first.size_out, second.size_in),
                init_func=weight_init_func,
                permit_reshape=False,
            )
            for i, (first, second) in enumerate(itertools.pairwise(parts))
        }
        initialise(
            self,
            (parts[0].size_in, parts[-1].size_out),
            name=name,
            rng_key=rng_key,
            members={"weights": between},
            spiking_input=parts[0].spiking_input,
            spiking_output=parts[-1].spiking_output,
        )

    def __check_init__(self) -> None:
        check_modules(self, at_least=2)
        if len(sized(self)) < len(self):
            raise ValueError(
                "FFwdStack: an empty `eqpool.Sequential` has no size that weights could lead to; "
                "leave it out."
            )

    def run(
        self, input_data: Float[Array, "T N_in"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """Each module in turn, through the weights between them."""
        output, state, recorded = input_data, {}, {}
        for i, (name, module) in enumerate(self.modules().items()):
            if i:
                # A function of the user's may have returned another dtype.
                factors = promoted(output, self.weights[f"{i - 1}_{i}_weight"])
                output = physics.stepwise_product(*factors)
            output, state[name], inner = module.evolve(output, record)
            if record:
                last = i == len(self) - 1
                recorded |= {name: inner} | ({} if last else {f"{name}_output": output})
        return output, state, recorded

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """Each module in turn, and the weights between them."""
        for i, (inner, module) in enumerate(self.modules().items()):
            if i:
                weights = f"{i - 1}_{i}_weight"
                node = LinearWeights(self.weights[weights])
                sources = wiring.add(f"{name}.{weights}", node, sources)
            sources = module.wire(wiring, sources, f"{name}.{inner}")
        return sources
