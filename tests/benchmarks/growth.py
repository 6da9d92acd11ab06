"""How time and memory of eqpool grow with the number of steps and the size of the batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .measure import CHECKPOINTED, compiled, Effort, interleaved, LAST, quartiles
from .models import Case, Model
from .peers import EQPOOL


def growth(
    model: Model, steps: Sequence[int], batches: Sequence[int], effort: Effort
) -> list[dict[str, Any]]:
    """One row for each axis and direction: sizes, seconds, bytes, and fitted exponents."""
    rows = []
    for axis, sizes in (("T", steps), ("B", batches)):
        for what in ("forward", "gradient", *((LAST, CHECKPOINTED) if axis == "T" else ())):
            seconds, memory = [], []
            for size in sizes:
                case = Case(64, size, 1) if axis == "T" else Case(64, 1000, size)
                x = model.inputs(case)
                made = compiled(EQPOOL, model, case, what, x, effort._replace(compilations=1))
                made.call()  # the first run touches the memory
                seconds.append(
                    quartiles(interleaved({EQPOOL: made.call}, effort)[EQPOOL])["median"]
                )
                memory.append(sum(made.numbers["memory_bytes"].values()))
            rows.append(
                {
                    "axis": axis,
                    "what": what,
                    "sizes": list(sizes),
                    "run_s": seconds,
                    "memory_bytes": memory,
                    "exponent_of_time": _exponent(sizes, seconds),
                    "exponent_of_memory": _exponent(sizes, memory),
                }
            )
    return rows


def _exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])
