"""What all pictures share: colours, axes, units."""

import itertools
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, MaxNLocator

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


def in_units(axis: Any, label: str, unit: str | None) -> None:
    """Labels an axis; ticks get SI prefixes if there is a unit."""
    axis.set_label_text(label)
    if unit is not None:
        axis.set_major_formatter(EngFormatter(unit=unit))


def whole_numbers(axis: Any) -> None:
    """Ticks only where there is a neuron."""
    axis.set_major_locator(MaxNLocator(integer=True))
