"""How long a run is, and whether its input is there all the time."""

import operator
from typing import Any

import numpy as np

from .._errors import describe
from ._grid import at, Grid, RESOLUTION
from ._pynapple import nap


def plan(
    owner: str,
    dt: float,
    first: int,
    support: nap.IntervalSet | None,
    duration: Any,
    num_timesteps: Any,
) -> Grid:
    """The steps of a run from step `first` on, with an input that is defined at the start of each.

    The input is defined in `support`, `None` for a run without. Without `duration`, s, and
    `num_timesteps` the support decides how long the run is.
    """
    now = float(at(dt, first))
    if support is not None:
        _check_support(owner, support)
        _check_start(owner, dt, now, support)
    wanted = _wanted_steps(owner, dt, duration, num_timesteps)
    if wanted is None:
        if support is None:
            raise ValueError(
                f"{owner}: how long is this run? Give ts_input, duration (s) or num_timesteps."
            )
        # A last step that the input covers in part counts, so that no event is left over.
        wanted = max(1, int(np.ceil((support.end[-1] - RESOLUTION) / dt)) - first)
    grid = Grid(dt, first, wanted)
    if support is not None:
        _check_coverage(owner, grid, support)
    return grid


def _wanted_steps(owner: str, dt: float, duration: Any, num_timesteps: Any) -> int | None:
    steps = None if num_timesteps is None else _step_count(owner, num_timesteps)
    if duration is None:
        return steps
    try:
        if isinstance(duration, bool):
            raise TypeError
        seconds = float(duration)
    except (TypeError, ValueError):
        raise TypeError(
            f"{owner}: duration must be a number, in s; got {describe(duration)}."
        ) from None
    if not 0.0 < seconds < np.inf:
        raise ValueError(f"{owner}: duration must be positive and finite; got {seconds:g} s.")
    exact = seconds / dt
    whole = round(exact)
    # A thousandth of a step leaves room for numbers in single precision.
    if whole < 1 or abs(exact - whole) > 1e-3:
        choices = " or ".join(str(n) for n in (int(exact), int(exact) + 1) if n)
        raise ValueError(
            f"{owner}: duration={seconds:g} s is {exact:.6g} steps of dt={dt:g} s, and must be a "
            f"whole number of them: num_timesteps={choices}."
        )
    if steps not in (None, whole):
        raise ValueError(
            f"{owner}: duration={seconds:g} s is {whole} steps of dt={dt:g} s, but "
            f"num_timesteps={steps}; give one of the two."
        )
    return whole


def _step_count(owner: str, num_timesteps: Any) -> int:
    try:
        if isinstance(num_timesteps, bool):  # meant for record
            raise TypeError
        steps = operator.index(num_timesteps)
    except TypeError:
        raise TypeError(
            f"{owner}: num_timesteps must be an integer; got {describe(num_timesteps)}."
        ) from None
    if steps < 1:
        raise ValueError(f"{owner}: num_timesteps must be at least 1; got {steps}.")
    return steps


def _check_support(owner: str, support: nap.IntervalSet) -> None:
    if not len(support):
        raise ValueError(
            f"{owner}: ts_input has an empty time_support, so that nothing says when it is "
            "defined. Build it with one, as `nap.Ts(times, time_support=nap.IntervalSet(0.0, 1.0))`"
            "; for a run without input leave it out."
        )
    if not np.all(np.isfinite(support.values)):
        raise ValueError(
            f"{owner}: the time_support of ts_input is not finite; cut it with "
            "`ts_input.restrict(nap.IntervalSet(start, end))`."
        )


def _check_start(owner: str, dt: float, now: float, support: nap.IntervalSet) -> None:
    start, end = float(support.start[0]), float(support.end[-1])
    if start < now - RESOLUTION / 2:
        rest = (
            f"hand over what is left, `ts_input.restrict(nap.IntervalSet({now:.9g}, {end:.9g}))`"
            if end > now + RESOLUTION
            else f"shift its times by {now - start:.9g} s"
        )
        raise ValueError(
            f"{owner}: ts_input begins at {start:.9g} s, but the clock stands at {now:.9g} s, and "
            f"what lies before is past: {rest}, or put the clock back with `reset_state()`."
        )
    if start > now + RESOLUTION:
        steps = int((start + RESOLUTION) / dt) - round(now / dt)
        ahead = f", or run up to there without input, `evolve(num_timesteps={steps})`"
        raise ValueError(
            f"{owner}: the run begins at {now:.9g} s, where the clock stands, but ts_input is "
            f"defined from {start:.9g} s on only: if nothing happens before, build it with "
            f"`time_support=nap.IntervalSet({now:.9g}, {end:.9g})`{ahead if steps else ''}."
        )


def _check_coverage(owner: str, grid: Grid, support: nap.IntervalSet) -> None:
    starts = grid.starts
    epoch = np.searchsorted(support.start, starts + RESOLUTION, side="right") - 1
    bare = starts > support.end[epoch] + RESOLUTION
    if not bare.any():
        return
    where = int(epoch[np.argmax(bare)])
    end = float(support.end[where])
    if where == len(support) - 1:
        raise ValueError(
            f"{owner}: ts_input ends at {end:.9g} s, but the run goes on to {grid.span[1]:.9g} s: "
            "make it shorter, or, if nothing more happens, build ts_input with a longer "
            f"time_support, `nap.IntervalSet({grid.span[0]:.9g}, {grid.span[1]:.9g})`."
        )
    raise ValueError(
        f"{owner}: ts_input is not defined between {end:.9g} and "
        f"{float(support.start[where + 1]):.9g} s, a gap of its time_support inside the run. Run "
        "the epochs one by one, `ts_input.restrict(epoch)`, and without input in between; or, if "
        "nothing happens in the gap, build ts_input with a time_support that spans it."
    )
