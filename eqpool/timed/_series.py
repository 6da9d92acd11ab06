"""From arrays over the steps of a run to time series."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._errors import describe
from .._module import AbstractModule
from .._types import NestedDict
from ._grid import Grid
from ._input import Series
from ._pynapple import nap


def as_series(owner: str, values: Any, grid: Grid, spiking: bool) -> Series:
    """What a run made in each step, `(T, ...)`, at the end of that step.

    **Returns:** a `TsGroup` of events if it is `spiking`; else a `Tsd` of a single channel, a
    `TsdFrame` of several, or a `TsdTensor` where there are more axes.
    """
    # A copy: arrays of JAX cannot be written to.
    values, support = np.array(values), nap.IntervalSet(*grid.span)
    if spiking:
        return _events(owner, values, grid, support)
    if values.ndim == 1 or values.shape[1:] == (1,):
        return nap.Tsd(t=grid.ends, d=values.reshape(-1), time_support=support)
    kind = nap.TsdFrame if values.ndim == 2 else nap.TsdTensor
    return kind(t=grid.ends, d=values, time_support=support)


def _events(owner: str, raster: np.ndarray, grid: Grid, support: nap.IntervalSet) -> nap.TsGroup:
    if not np.all((raster >= 0) & (raster == np.floor(raster)) & np.isfinite(raster)):
        raise ValueError(
            f"{owner}: a spiking module counts spikes, but its output is not made of whole numbers "
            f"from 0 on ({describe(raster)}); build it, or its last module, with "
            "`spiking_output=False`."
        )
    return as_group([np.repeat(grid.ends, column) for column in raster.astype(np.int64).T], support)


def as_group(trains: Sequence[np.ndarray], support: nap.IntervalSet) -> nap.TsGroup:
    """Events of each channel, which lie within the support."""
    return nap.TsGroup(
        {n: nap.Ts(train, time_support=support) for n, train in enumerate(trains)},
        time_support=support,
        bypass_check=True,
    )


def as_record(module: AbstractModule, record: NestedDict, grid: Grid) -> NestedDict:
    """A record as time series: `spikes` of spiking modules and what these put out as events."""
    inner = module.modules()
    series = {}
    for name, values in record.items():
        if isinstance(values, dict):
            series[name] = as_record(inner.get(name, module), values, grid)
            continue
        source = inner.get(name.removesuffix("_output"))
        counts = module.spiking_output if source is None else source.spiking_output
        spiking = counts and (name == "spikes" or source is not None)
        series[name] = as_series(f"{module.full_name}.{name}", values, grid, spiking)
    return series
