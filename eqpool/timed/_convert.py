"""Between `Events`, whose times count from the start of a run, and events of pynapple."""

import numpy as np

from .._events import Events
from ._input import check_series, event_times, EventSeries
from ._pynapple import nap
from ._series import as_group


def to_events(series: EventSeries, t_start: float | None = None) -> Events:
    """Events for `evolve_events`, with their times counted from the start of a run.

    **Arguments:**

    - `series`: a `TsGroup` with keys 0 to N-1, or a `Ts` for a single channel.
    - `t_start`: when the run starts, s. Default: where the time support begins.

    **Returns:** an [`eqpool.Events`][] with as many channels; in JAX's default float type, so
    that times have seven digits unless double precision is on.

    **Raises:** `TypeError` for anything else; `ValueError` for other keys, for times that are
    not finite or before `t_start`, and without either time support or `t_start`.

    !!! example

        ```python
        mod = eqpool.DynapSim(2, synapses=("ampa",), solver=eqpool.EventDriven())
        spikes, state = mod.evolve_events(to_events(series), duration=0.1)
        series = from_events(spikes, duration=0.1)
        ```
    """
    if not isinstance(series, EventSeries):
        raise TypeError(
            f"to_events: takes a `nap.TsGroup` or a `nap.Ts`; got {type(series).__name__}."
        )
    size = len(series) if isinstance(series, nap.TsGroup) else 1
    check_series("to_events", series, size, None)
    if t_start is None:
        if not len(series.time_support):
            raise ValueError("to_events: the series has no time support; give t_start, in s.")
        t_start = float(series.time_support.start[0])
    trains = event_times(series)
    times = np.concatenate([np.zeros(0), *trains]) - t_start
    channels = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
    order = np.argsort(times, kind="stable")
    return Events(times[order], channels[order], len(trains))


def from_events(events: Events, duration: float, t_start: float = 0.0) -> nap.TsGroup:
    """A `TsGroup` from what `evolve_events` returns.

    **Arguments:**

    - `events`: a weight of 2 stands for two events at once.
    - `duration`: of the run, s.
    - `t_start`: when it started, s. Default 0.

    **Returns:** one `Ts` for each channel, defined from `t_start` to `t_start + duration`.

    **Raises:** `ValueError` for events behind the end, weights that are not whole numbers, and
    behind a linear layer, where an event belongs to many channels.
    """
    events.trains()  # raises behind a linear layer
    events.check(duration)
    valid = np.asarray(events.valid)
    times, channels, weights = (
        np.asarray(x)[valid] for x in (events.times, events.channels, events.weights)
    )
    if np.any((weights < 0) | (weights != np.floor(weights))):
        raise ValueError(
            "from_events: weights must be whole numbers from 0 on, since each event of a TsGroup "
            f"counts once; got {weights}."
        )
    support = nap.IntervalSet(t_start, t_start + duration)
    # Rounding to single precision may put an event just behind the end.
    times = np.minimum(times.astype(np.float64) + t_start, support.end[0])
    counts = weights.astype(np.int64)
    trains = [
        np.repeat(times[channels == n], counts[channels == n]) for n in range(events.num_channels)
    ]
    return as_group(trains, support)
