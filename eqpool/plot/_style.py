"""What all pictures share: colours, axes, units."""

import itertools
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import (
    EngFormatter,
    LogFormatterSciNotation,
    LogLocator,
    MaxNLocator,
    NullFormatter,
)

from .._errors import describe


COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, told apart by the colour-blind; of different lightness."""

STYLES = ("-", "--", "-.", ":")
"""Line styles, which tell curves apart in grey."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def curves() -> Iterator[dict[str, Any]]:
    """Colours, line styles and markers for one curve after another."""
    for color, style, marker in zip(
        itertools.cycle(COLORS), itertools.cycle(STYLES), itertools.cycle(MARKERS), strict=False
    ):
        yield {"color": color, "linestyle": style, "marker": marker}


def given(ax: Any, function: str, size: tuple[float, float] | None = None) -> Axes:
    """The axes that were given, or new ones in a figure of their own.

    **Raises:** `TypeError` for what is no axes.
    """
    if ax is None:
        return plt.subplots(figsize=size, layout="constrained")[1]
    if not isinstance(ax, Axes):
        raise TypeError(
            f"plot.{function}: ax must be the axes to draw into, as from `plt.subplots()`; "
            f"got {describe(ax)}."
        )
    return ax


def log_scale(ax: Axes, axis: str = "both") -> Axes:
    """Makes axes logarithmic, with labels that stand apart also where they span little.

    There are labels at powers of 10; where these are few, at 2 and 5 times them, too.

    **Arguments:**

    - `ax`: axes to change.
    - `axis`: `"x"`, `"y"` or `"both"` (default).

    **Returns:** the axes.

    **Raises:** `ValueError` for another `axis`; `TypeError` for what is no axes.
    """
    if axis not in ("x", "y", "both"):
        raise ValueError(f"plot.log_scale: axis must be 'x', 'y' or 'both'; got {axis!r}.")
    ax = given(ax, "log_scale")
    for name in "xy" if axis == "both" else axis:
        ax.set(**{f"{name}scale": "log"})
        one = ax.xaxis if name == "x" else ax.yaxis
        one.set_major_locator(_LogTicks())
        one.set_major_formatter(_LogLabels())
        one.set_minor_formatter(NullFormatter())
    return ax


class _LogTicks(LogLocator):
    def tick_values(self, vmin: float, vmax: float) -> Any:
        few = vmax < 50.0 * vmin
        self.set_params(subs=(1.0, 2.0, 5.0) if few else (1.0,))
        return super().tick_values(vmin, vmax)


class _LogLabels(LogFormatterSciNotation):
    """Plain numbers on an axis that has no large or small ones."""

    _plain = False

    def set_locs(self, locs: Any = None) -> None:
        # Not by the ticks, some of which are out of sight.
        axis: Any = self.axis
        low, high = sorted(axis.get_view_interval())
        self._plain = 0.01 <= low and high <= 1000.0
        self._sublabels = None  # all have a label

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if self._plain else super().__call__(x, pos)


def in_units(axis: Any, label: str, unit: str | None) -> None:
    """Labels an axis; ticks get SI prefixes if there is a unit."""
    axis.set_label_text(label)
    if unit is not None:
        axis.set_major_formatter(EngFormatter(unit=unit))


def whole_numbers(axis: Any) -> None:
    """Ticks only where there is a neuron."""
    axis.set_major_locator(MaxNLocator(integer=True))
