"""From a time series to one value for each step and channel."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ._grid import Grid, ROUNDING
from ._input import event_times, EventSeries, sample_times, SampleSeries, Series


def sample(
    owner: str, series: Series | None, grid: Grid, size: int, add_events: bool
) -> Float[np.ndarray, "T N_in"]:
    """One value for each step and channel; zeros, of `size` channels, without a series.

    The series was checked, and is defined at the start of each step. Events of one step are counted
    with `add_events`, or stand for one.
    """
    if series is None:
        return np.zeros((grid.num_steps, size))
    if isinstance(series, EventSeries):
        counts = _count(series, grid)
        return counts if add_events else np.minimum(counts, 1.0)
    return _interpolate(owner, series, grid)


def _count(series: EventSeries, grid: Grid) -> Float[np.ndarray, "T N"]:
    """Events in each step; those behind the last are for the next run."""
    trains = event_times(series)
    counts = np.zeros((grid.num_steps, len(trains)))
    for n, times in enumerate(trains):
        step = grid.step_of(times)
        within = (step >= 0) & (step < grid.num_steps)
        counts[:, n] = np.bincount(step[within], minlength=grid.num_steps)
    return counts


def _interpolate(owner: str, series: SampleSeries, grid: Grid) -> Float[np.ndarray, "T N"]:
    """Linear between samples, at the start of each step; the first and the last are held."""
    starts, times = grid.starts, sample_times(series)
    # A sample that stands on a grid point is met to the last bit, however its time was rounded.
    following = times[np.minimum(np.searchsorted(times, starts - ROUNDING), len(times) - 1)]
    starts = np.where(np.abs(following - starts) <= ROUNDING, following, starts)
    columns = np.reshape(series.values, (len(times), -1)).T
    values = np.stack([np.interp(starts, times, column) for column in columns], axis=1)
    # Also what only the precision of the module makes infinite.
    finite = np.abs(values) <= jnp.finfo(jnp.result_type(float)).max
    if not np.all(finite):
        step, channel = np.argwhere(~finite)[0]
        raise ValueError(
            f"{owner}: ts_input is NaN or infinite around {starts[step]:.9g} s in channel "
            f"{channel}; to interpolate over such samples, leave them out with "
            "`ts_input.dropna(update_time_support=False)`."
        )
    return values
