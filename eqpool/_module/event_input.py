"""Checks of events that go into a module, and of the time that it runs for."""

import operator
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._errors import describe, is_concrete
from .._events import Events
from .precision import check_precision
from .tree import tagged_leaves


def checked_events(module: Any, events: Any) -> Events:
    """`events`, if they fit the module; or a clear error."""
    owner, n_in = module.full_name, module.size_in
    if not isinstance(events, Events):
        raise TypeError(
            f"{owner}: events must be an eqpool.Events(times, channels, num_channels); got "
            f"{describe(events)}. A raster goes into `evolve`."
        )
    if events.times.ndim != 1:
        raise ValueError(
            f"{owner}: these events have a batch axis (times of shape {events.times.shape}); map "
            "over it, as `eqx.filter_vmap(lambda e: mod.evolve_events(e, duration))(events)`."
        )
    if events.num_channels != (n_in or events.num_channels):
        raise ValueError(
            f"{owner}: events have {events.num_channels} channels; expected {n_in}, the inputs "
            "of the module."
        )
    check_precision(module, events.times, events.weights, events.matrix)
    return events


def run_time(
    module: Any, events: Events, duration: Any, num_steps: Any
) -> tuple[Float[Array, ""] | None, int | None]:
    """Duration and number of steps of a run; `None` for what is not given and not known."""
    owner = module.full_name
    if (duration is None) == (num_steps is None):
        raise ValueError(f"{owner}: give either duration, in s, or num_steps.")
    if duration is None:
        if operator.index(num_steps) < 1:
            raise ValueError(f"{owner}: num_steps must be at least 1; got {num_steps}.")
        return None, operator.index(num_steps)
    try:
        array = jnp.asarray(duration, jnp.result_type(float))
    except (TypeError, ValueError):
        array = None
    if array is None or array.ndim:
        raise TypeError(f"{owner}: duration must be a number, in s; got {describe(duration)}.")
    if not is_concrete(array):
        return array, None
    if not (np.isfinite(array) and array > 0.0):
        raise ValueError(f"{owner}: duration must be positive and finite; got {float(array)} s.")
    events.check(array)
    steps = {float(leaf) for path, _, leaf in tagged_leaves(module) if path[-1] == "dt"
             and is_concrete(leaf)}  # fmt: skip
    if len(steps) != 1:
        return array, None
    wanted = float(array) / steps.pop()
    whole = abs(wanted - round(wanted)) <= 1e-5 * max(wanted, 1.0) and round(wanted) > 0
    return array, round(wanted) if whole else None


def check_values(
    module: Any, events: Events, duration: Float[Array, ""] | None, num_steps: int | None
) -> tuple[Events, Float[Array, ""] | None]:
    """The same, with an error at run time for what is wrong with their values."""
    last = duration
    if last is None:
        # The end of a last step may be rounded either way.
        ends = [num_steps * leaf for path, _, leaf in tagged_leaves(module) if path[-1] == "dt"]
        last = 1.000001 * jnp.min(jnp.stack(ends)) if ends else jnp.inf
    last = jnp.asarray(last, events.times.dtype)
    for bad, message in events.faults(last):
        events = eqx.error_if(events, jnp.any(bad), f"{module.full_name}: {message}")
    if duration is not None:
        wrong = ~(jnp.isfinite(duration) & (duration > 0.0))
        message = f"{module.full_name}: duration must be positive and finite."
        duration = eqx.error_if(duration, wrong, message)
    return events, duration
