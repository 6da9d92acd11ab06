"""What a study found."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..studies import Measurement
from ._style import curves, given, in_units, log_scale


ERRORS = {
    "trace_error": ("Error of traces", None),
    "spike_time_error": ("Error of spike times", "s"),
    "gradient_error": ("Relative error of the gradient", None),
}


def work_precision(
    found: Sequence[Measurement],
    error: str = "trace_error",
    *,
    time: str = "run_time",
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Run time over error, a curve for each solver: the lower left is best.

    **Arguments:**

    - `found`: as of [`eqpool.studies.compare_solvers`][] or [`eqpool.studies.work_precision`][].
    - `error`: `"trace_error"` (default), `"spike_time_error"` or `"gradient_error"`.
    - `time`: `"run_time"` (default), `"gradient_time"` or `"compile_time"`.
    - `ax`: axes to draw into. Default: new ones.
    - `kwargs`: of `Axes.plot`, for every curve.

    **Returns:** the axes, logarithmic both. Points without a positive error are left out: a
    reference compared with itself has none.

    **Raises:** `ValueError` for an unknown error or time; `TypeError` for what is no axes.
    """
    ax = given(ax, "work_precision")
    times = ("run_time", "gradient_time", "compile_time")
    for argument, value, there in (("error", error, tuple(ERRORS)), ("time", time, times)):
        if value not in there:
            raise ValueError(
                f"plot.work_precision: {argument} must be one of {there}; got {value!r}."
            )
    solvers = list(dict.fromkeys(m.solver for m in found))
    for solver, style in zip(solvers, curves(), strict=False):
        points = np.array(
            [(getattr(m, error), getattr(m, time)) for m in found if m.solver == solver]
        )
        points = points[(points[:, 0] > 0) & np.isfinite(points).all(1)]
        order = np.argsort(points[:, 0])
        ax.plot(*points[order].T, **({"label": solver, "markersize": 5} | style | kwargs))
    log_scale(ax)
    label, unit = ERRORS[error]
    in_units(ax.xaxis, label, unit)
    in_units(ax.yaxis, time.replace("_", " ").capitalize(), "s")
    if solvers:
        ax.legend(frameon=False)
    return ax
