"""What may go into a module: which time series, of which channels, with which times."""

from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from .._errors import describe
from .._types import Shape
from ._pynapple import nap


EventSeries: TypeAlias = nap.TsGroup | nap.Ts
SampleSeries: TypeAlias = nap.Tsd | nap.TsdFrame | nap.TsdTensor
Series: TypeAlias = EventSeries | SampleSeries


def check_series(owner: str, series: Any, size: int, channels: Shape | None) -> None:
    """Raises, saying what to do, unless this is a sound series of `size` channels, or of one.

    `channels` is the shape of the input at one time step where it may have several axes.
    """
    if isinstance(series, EventSeries):
        _check_keys(owner, series, size)
        times = event_times(series)
    elif isinstance(series, SampleSeries):
        _check_shape(owner, series, size, channels)
        times = [sample_times(series)]
    else:
        raise TypeError(
            f"{owner}: ts_input must be a time series of pynapple: events as `nap.TsGroup` or "
            f"`nap.Ts`, samples as `nap.TsdFrame` or `nap.Tsd`; got {describe(series)}. An array "
            "goes into the module itself, `timed.module(input_data)`."
        )
    for t in times:
        if not np.all(np.isfinite(t)):
            raise ValueError(f"{owner}: a time of ts_input is NaN or infinite; drop it first.")
        if np.any(np.diff(t) < 0):
            raise ValueError(
                f"{owner}: the times of ts_input are out of order; sort them, with their values."
            )


def event_times(series: EventSeries) -> list[Float[np.ndarray, " M"]]:
    """The times of each channel, s."""
    trains = [series] if isinstance(series, nap.Ts) else [series[key] for key in series.keys()]
    return [np.asarray(train.t) for train in trains]


def sample_times(series: SampleSeries) -> Float[np.ndarray, " M"]:
    """The time of each sample, s."""
    return np.asarray(series.t)


def _check_keys(owner: str, series: EventSeries, size: int) -> None:
    keys = [0] if isinstance(series, nap.Ts) else [int(key) for key in series.keys()]
    if len(keys) not in (1, size):
        raise ValueError(
            f"{owner}: ts_input has {len(keys)} channels (keys {keys}); expected {size}, or one "
            "that all share. A channel without events is an empty `nap.Ts` in the group."
        )
    if keys != list(range(len(keys))):
        raise ValueError(
            f"{owner}: the keys of a TsGroup are channels, 0 to {size - 1}; got {keys}. Renumber "
            "them, `nap.TsGroup(list(ts_input.values()), time_support=ts_input.time_support)`."
        )


def _check_shape(owner: str, series: SampleSeries, size: int, channels: Shape | None) -> None:
    shape = series.shape
    permitted = [(), (1,), (size,), *([channels] if channels else [])]
    if shape[1:] not in permitted:
        as_well = f" or (T, {', '.join(map(str, channels))})" if channels else ""
        raise ValueError(
            f"{owner}: ts_input has shape {shape}; expected (T, {size}){as_well}, or a single "
            "channel that all share."
        )
    if np.iscomplexobj(series.values):
        raise TypeError(
            f"{owner}: ts_input must be real; got {series.values.dtype}. Take its real part or "
            "its magnitude."
        )
    if series.values.dtype.kind not in "biuf":
        raise TypeError(f"{owner}: ts_input must hold numbers; got {series.values.dtype}.")
    if not shape[0]:
        raise ValueError(f"{owner}: ts_input has no samples; leave it out for a run without input.")
