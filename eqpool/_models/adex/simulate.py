"""A run of `AdExLIF`: over its time grid, or from event to event."""

import functools
from typing import Any

import jax
from jaxtyping import Array, Float

from ..._event_driven import exact_events, exact_raster
from ..._events import Events
from ..._module import run_on_grid, with_dtype
from ..._scan import scan_steps
from ..._solver import EventDriven
from ..._sparse import as_factor
from ..._types import NestedDict
from .coefficients import coefficients
from .flow import AdExFlow, beginning
from .step import Carry, grid_step


def simulate(
    mod: Any, input_data: Float[Array, "T N"], record: bool
) -> tuple[Array, NestedDict, NestedDict]:
    """Spikes, new state and record of an `AdExLIF`."""
    c = coefficients(mod)
    if isinstance(mod.solver, EventDriven):
        flow = AdExFlow(c)
        return exact_raster(mod, flow, beginning(mod, flow), input_data, record)
    # The backward pass keeps the state before each step and computes the rest again.
    surrogate = with_dtype(mod.surrogate, input_data.dtype)
    advance = jax.checkpoint(
        functools.partial(grid_step, c, mod.solver, surrogate), prevent_cse=False
    )

    w_rec = None if mod.w_rec is None else as_factor(mod.w_rec)

    def step(carry: Carry, arriving: Array) -> tuple[Carry, tuple[Array, NestedDict]]:
        if w_rec is not None:
            arriving = arriving + carry.spikes @ w_rec
        carry = advance(carry, arriving)
        return carry, (carry.spikes, _recorded(carry) if record else {})

    start = Carry(mod.vmem, mod.iadapt, mod.isyn, mod.spikes, mod.timer_ref)
    end, (spikes, recorded) = scan_steps(step, start, input_data)
    return spikes, end._asdict(), recorded


def simulate_events(
    mod: Any, events: Events, duration: Float[Array, ""] | None, num_steps: int | None
) -> tuple[Events, NestedDict]:
    """Output events and new state of an `AdExLIF`."""
    if isinstance(mod.solver, EventDriven):
        flow = AdExFlow(coefficients(mod))
        time = mod.dt * num_steps if duration is None else duration
        return exact_events(mod, flow, beginning(mod, flow), events, time)
    return run_on_grid(mod, events, num_steps)


def _recorded(carry: Carry) -> NestedDict:
    found = carry._asdict()
    return {name: found[name] for name in ("vmem", "iadapt", "isyn", "spikes")}
