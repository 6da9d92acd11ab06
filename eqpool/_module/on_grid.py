"""A run over events by a module that knows only a time grid."""

from typing import Any

from .._events import Events
from .._types import NestedDict


def run_on_grid(module: Any, events: Events, num_steps: int | None) -> tuple[Events, NestedDict]:
    """`run` over the raster of `events`, and the events of its output."""
    if num_steps is None:
        solver = getattr(module, "solver", None)
        kind = type(solver).__name__
        how = "" if solver is None or kind == "RockpoolEuler" else f" with {kind}"
        raise ValueError(
            f"{module.full_name}{how} runs on a time grid: duration must be a whole number of its "
            "dt, the same for all modules; inside `jit`, where dt is not known, give num_steps."
        )
    spikes, state, _ = module.run(events.raster(module.dt, num_steps), False)
    return Events.from_raster(spikes, module.dt), state
