"""A run over events by a neuron whose solver has a time grid only."""

from typing import Any

from .._events import Events
from .._types import NestedDict


def run_on_grid(module: Any, events: Events, num_steps: int | None) -> tuple[Events, NestedDict]:
    """`run` over the raster of `events`, and the events of its output."""
    if num_steps is None:
        solver = module.solver
        how = "" if solver.model_discretisation else f" with {type(solver).__name__}"
        raise ValueError(
            f"{module.full_name}{how} runs on a time grid: duration must be a whole number of its "
            "dt, the same for all modules; inside `jit`, where dt is not known, give num_steps."
        )
    spikes, state, _ = module.run(events.raster(module.dt, num_steps), False)
    return Events.from_raster(spikes, module.dt), state
