"""`summary`: how many numbers a network has, by family."""

import dataclasses
import math
from typing import Any

import jax.tree_util as jtu

from .._attribute.spec import AbstractAttribute, Parameter, SimulationParameter, State
from .._errors import describe
from .tree import is_module, tagged_leaves


@dataclasses.dataclass(frozen=True)
class Summary:
    """How many numbers a network has; `print` gives a table.

    **Attributes:**

    - `modules`: for each module that has parameters of its own, by its place (names joined by
        `/`, `""` for the network itself), the number of parameters of each family.
    - `families`: the number of parameters of each family, over all modules.
    - `parameters`, `states`, `simulation_parameters`: how many there are in all.
    """

    modules: dict[str, dict[str, int]]
    families: dict[str, int]
    parameters: int
    states: int
    simulation_parameters: int

    def __str__(self) -> str:
        heads = ["module", *self.families, "parameters"]
        rows = [
            [place or "(itself)", *(counts.get(f, 0) for f in self.families), sum(counts.values())]
            for place, counts in self.modules.items()
        ]
        total = ["total", *self.families.values(), self.parameters]
        cells = [[_cell(entry) for entry in row] for row in (heads, *rows, total)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(
                [row[0].ljust(widths[0])]
                + [cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)]
            )
            for row in cells
        ]
        rule = "─" * len(lines[0])
        rest = f"states {self.states:,}, simulation parameters {self.simulation_parameters:,}"
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], rest])


def summary(model: Any) -> Summary:
    """Counts parameters by module and family.

    **Arguments:**

    - `model`: a module, or any pytree of modules. Of an ensemble every member counts, and what a
        [`eqpool.Constant`][] has fixed counts among the simulation parameters.

    **Returns:** a [`eqpool.Summary`][].

    **Raises:** `TypeError` for a pytree without any module.

    !!! example

        ```python
        print(eqpool.summary(net))
        eqpool.summary(net).families["weights"]
        ```
    """
    if not any(map(is_module, jtu.tree_leaves(model, is_leaf=is_module))):
        raise TypeError(
            f"eqpool.summary takes a module or a pytree of them; got {describe(model)}."
        )
    modules: dict[str, dict[str, int]] = {}
    totals: dict[type[AbstractAttribute], int] = {Parameter: 0, State: 0, SimulationParameter: 0}

    for path, field, leaf in tagged_leaves(model):
        size = math.prod(getattr(leaf, "shape", (0,)))
        totals[type(field)] += size
        if isinstance(field, Parameter):
            own = modules.setdefault("/".join(path[:-1]), {})
            family = str(field.family)
            own[family] = own.get(family, 0) + size
    families: dict[str, int] = {}
    for counts in modules.values():
        for family, size in counts.items():
            families[family] = families.get(family, 0) + size
    modules = dict(sorted(modules.items(), key=lambda entry: entry[0] != ""))
    return Summary(modules, families, totals[Parameter], totals[State], totals[SimulationParameter])


def _cell(entry: Any) -> str:
    return f"{entry:,}" if isinstance(entry, int) else str(entry)
