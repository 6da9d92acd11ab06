"""What neurons do over time, and how often they fire."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import ArrayLike, Float, Num
from matplotlib.axes import Axes

from .._attribute import fields
from .._errors import describe, listing, suggestion
from ._style import curves, given, in_units, log_scale, whole_numbers
from ._time_series import event_trains, is_timed, sample_times


def raster(
    spikes: Any, dt: Float[ArrayLike, ""] | None = None, *, ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """A mark for each spike: neurons over time.

    **Arguments:**

    - `spikes`: spikes in each step, `(T, N)`, or `(T,)` of one neuron, of which those that are not
        0 are marked at the end of their step; or what has times: [`eqpool.Events`][], or a series
        of pynapple, as a `timed` module returns it.
    - `dt`: time step, s; for an array.
    - `ax`: axes to draw into. Default: new ones.
    - `kwargs`: of `Axes.eventplot`, as `colors` or `linewidths`.

    **Returns:** the axes; the neurons of a `TsGroup` stand at their keys.

    **Raises:** `ValueError` for a raster with other axes than time and neurons, and for an array
    without `dt`; `TypeError` for what is no raster and no axes.
    """
    ax = given(ax, "raster")
    trains = event_trains(spikes)
    if trains is None:
        values, times = _series(spikes, "raster", "spikes")
        if times is None:
            times = (np.arange(len(values)) + 1) * _time_step(dt, "raster")
        trains = {n: times[train != 0] for n, train in enumerate(values.T)}
    style: Any = {"colors": "black", "linelengths": 0.8, "linewidths": 1.0}
    style |= {"lineoffsets": list(trains)} | kwargs
    ax.eventplot(list(trains.values()), **style)
    ax.set_ylim(min(trains, default=0) - 0.6, max(trains, default=0) + 0.6)
    whole_numbers(ax.yaxis)
    in_units(ax.xaxis, "Time", "s")
    ax.set_ylabel("Neuron")
    return ax


def traces(
    module: Any,
    record: Mapping[str, Any],
    name: str,
    *,
    neurons: Sequence[int] | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """A recorded state over time, in its unit.

    Currents that are positive and span more than two decades get a logarithmic axis.

    **Arguments:**

    - `module`: whose record it is; it knows time step and units. Also a `timed` one.
    - `record`: of `module(x, record=True)`, without a batch; arrays, or series of pynapple.
    - `name`: what is drawn, as `"vmem"`.
    - `neurons`: which. Default: the first six.
    - `ax`: axes to draw into. Default: new ones.
    - `kwargs`: of `Axes.plot`, for every curve.

    **Returns:** the axes.

    **Raises:** `ValueError`, listing what there is, for an unknown name; for a series with other
    axes than time and neurons; `IndexError` for a neuron that does not exist; `TypeError` for what
    is no module or no axes.
    """
    ax = given(ax, "traces")
    inner = module.modules().get("module") if is_timed(module) else None
    declared = fields(module if inner is None else inner)
    if name not in record:
        raise ValueError(
            f"plot.traces: no {name!r} in the record; it has {listing(record)}."
            f"{suggestion(name, record)}"
        )
    values, time = _series(record[name], "traces", f"record[{name!r}]")
    count = values.shape[1]
    chosen = list(range(min(count, 6))) if neurons is None else list(neurons)
    for neuron in chosen:
        if not 0 <= neuron < count:
            raise IndexError(f"plot.traces: no neuron {neuron} among {count}.")
    if time is None:
        dt = _time_step(getattr(module, "dt", None), "traces")
        time = (np.arange(len(values)) + 1) * dt
    for neuron, style in zip(chosen, curves(), strict=False):
        style |= {"label": str(neuron), "marker": ""}
        ax.plot(time, values[:, neuron], **(style | kwargs))
    unit = declared[name].unit if name in declared else None
    shown = values[:, chosen]
    finite = shown[np.isfinite(shown)]
    if finite.size and finite.min() > 0 and finite.max() > 100 * finite.min():
        log_scale(ax, "y")
    in_units(ax.xaxis, "Time", "s")
    in_units(ax.yaxis, name, unit)
    if len(chosen) > 1:
        ax.legend(title="Neuron", loc="lower right")
    return ax


def fi_curve(
    currents: Float[ArrayLike, " C"],
    rates: Num[ArrayLike, "C *K"],
    *,
    labels: Sequence[str] | None = None,
    unit: str | None = "A",
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Firing rate over input current.

    **Arguments:**

    - `currents`: `(C,)`, ampere.
    - `rates`: Hz, `(C,)`, or `(C, K)` for K curves, as a sweep over a second attribute gives.
    - `labels`: a name for each curve. Default: none.
    - `unit`: of the currents. Default `"A"`; `None` for a model without units.
    - `ax`: axes to draw into. Default: new ones.
    - `kwargs`: of `Axes.plot`, for every curve.

    **Returns:** the axes. The axis of currents is logarithmic if they are spaced so.

    **Raises:** `ValueError` where shapes or the number of labels do not agree; `TypeError` for what
    is no axes.
    """
    ax = given(ax, "fi_curve")
    x, y = np.asarray(currents), np.asarray(rates)
    if x.ndim != 1 or y.ndim not in (1, 2) or len(y) != len(x):
        raise ValueError(
            f"plot.fi_curve: currents and rates must be (C,) and (C,) or (C, K); got {x.shape} "
            f"and {y.shape}."
        )
    y = y.reshape(len(x), -1)
    if labels is not None and len(labels) != y.shape[1]:
        raise ValueError(
            f"plot.fi_curve: {len(labels)} labels for {y.shape[1]} curves; give one for each."
        )
    for k, style in zip(range(y.shape[1]), curves(), strict=False):
        style |= {"markersize": 4, "label": None if labels is None else labels[k]}
        ax.plot(x, y[:, k], **(style | kwargs))
    if len(x) > 2 and np.all(x > 0) and np.allclose(np.diff(np.log(x)), np.log(x[1] / x[0]), 1e-3):
        log_scale(ax, "x")
    in_units(ax.xaxis, "Input current", unit)
    in_units(ax.yaxis, "Firing rate", "Hz")
    if labels is not None:
        ax.legend(frameon=False)
    return ax


def _series(values: Any, function: str, argument: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Values `(T, N)`, and their times if they have any."""
    times = sample_times(values)
    values = np.asarray(values)
    if values.dtype.kind not in "biufV":  # V: bfloat16 and the like
        raise TypeError(f"plot.{function}: {argument} must hold numbers; got {describe(values)}.")
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2:
        raise ValueError(
            f"plot.{function}: {argument} must be (T, N); got shape {values.shape}."
            + (" Choose one element of the batch." if values.ndim == 3 else "")
        )
    return values, times


def _time_step(dt: Any, function: str) -> float:
    if dt is None or np.ndim(dt) or not float(dt) > 0:
        raise ValueError(f"plot.{function}: dt must be a time step in s; got {describe(dt)}.")
    return float(dt)
