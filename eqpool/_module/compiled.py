"""Runs, compiled once for all modules of one configuration."""

from functools import partial
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from .._errors import is_concrete, running
from .._events import Events
from .._explain import asked
from .._settings import DEBUG, settings_for
from .._types import NestedDict
from .arrays import check_arrays
from .batching import MeshAxis, run_batch, run_checked
from .checkpoint import run_segments
from .debug_checks import check_attributes, check_finite
from .event_input import check_values
from .explicit_axes import divided_by_xla
from .precision import module_with_dtype, run_dtype, state_as_before, with_dtype


def evolve_checked(
    module: Any,
    input_data: Array,
    record: bool,
    segment: int | None,
    over: MeshAxis | None = None,
    *,
    where: str,
) -> tuple[Array, NestedDict, NestedDict]:
    """A run over an input that was checked, as of `evolve`.

    Its place is an argument because messages are compiled in: equal layers at two places must
    not share them.
    """
    with settings_for(traced=not is_concrete(input_data)):
        return _evolve_checked(module, input_data, record, segment, over, where, asked())


# Compiled once for all modules of one configuration, so that a call outside `jit` is fast too.
@eqx.filter_jit
def _evolve_checked(
    module: Any,
    input_data: Array,
    record: bool,
    segment: int | None,
    over: MeshAxis | None,
    where: str,
    asked: int | None,
) -> tuple[Array, NestedDict, NestedDict]:
    del asked  # only a part of the key
    debug = DEBUG.on
    run_one = run_checked if segment is None else partial(run_segments, length=segment)

    def run(module: Any, input_data: Array) -> tuple[Array, NestedDict, NestedDict]:
        if input_data.ndim == 3:
            return run_batch(module, input_data, record, run_one, over)
        return run_one(module, input_data, record)

    with running(where, module):
        owner = module.full_name
        # Here, where it costs nothing once it is compiled.
        check_arrays(module, input_data.shape)
        before, dtype = module.state(), run_dtype(module, input_data)
        module, input_data = module_with_dtype(module, dtype), with_dtype(input_data, dtype)
        if debug:
            module = check_attributes(module, owner)
            input_data = check_finite(input_data, owner, "input_data")
        output, state, recorded = (run if over else divided_by_xla(run))(module, input_data)
        if debug:
            output = check_finite(output, owner, "the output")
    return output, state_as_before(state, before), recorded


def evolve_events_checked(
    module: Any,
    events: Events,
    duration: Float[Array, ""] | None,
    num_steps: int | None,
    *,
    where: str,
) -> tuple[Events, NestedDict]:
    """A run over events that were checked, as of `evolve_events`."""
    with settings_for(traced=not is_concrete(events.times)):
        return _evolve_events(module, events, duration, num_steps, where)


@eqx.filter_jit
def _evolve_events(
    module: Any,
    events: Events,
    duration: Float[Array, ""] | None,
    num_steps: int | None,
    where: str,
) -> tuple[Events, NestedDict]:
    with running(where, module):
        check_arrays(module, (0, module.size_in))
    before, dtype = module.state(), run_dtype(module, events)
    module = module_with_dtype(module, dtype)
    events, duration = with_dtype((events, duration), dtype)
    with running(where, module):
        events, duration = check_values(module, events, duration, num_steps)
        events, state = module.run_events(events, duration, num_steps)
    return events, state_as_before(state, before)
