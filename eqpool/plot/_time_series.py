"""Times of what has any. Series of pynapple are known without importing it: who has one, has it."""

import sys
from typing import Any

import numpy as np
from jaxtyping import Float

from .._events import Events


def event_trains(events: Any) -> dict[int, Float[np.ndarray, " M"]] | None:
    """The times of the events of each neuron, s; `None` for what is not made of events."""
    nap = sys.modules.get("pynapple")
    if isinstance(events, Events):
        return dict(enumerate(events.trains()))
    if nap is not None and isinstance(events, nap.TsGroup):
        return {int(key): np.asarray(events[key].t) for key in events.keys()}
    if nap is not None and isinstance(events, nap.Ts):
        return {0: np.asarray(events.t)}
    return None


def sample_times(series: Any) -> Float[np.ndarray, " T"] | None:
    """The times of samples, s; `None` for what is no series."""
    nap = sys.modules.get("pynapple")
    if nap is not None and isinstance(series, (nap.Tsd, nap.TsdFrame, nap.TsdTensor)):
        return np.asarray(series.t)
    return None


def is_timed(module: Any) -> bool:
    """Whether this is a module on time series."""
    timed = sys.modules.get("eqpool.timed")
    return timed is not None and isinstance(module, timed.TimedModule)
