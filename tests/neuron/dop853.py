"""Spiking neurons by SciPy's DOP853 and NumPy alone, in float64."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp


Values = NDArray[np.float64]


class Layer(NamedTuple):
    """A layer of `N` neurons with `R` states each, all of which are integrated: `y` is `(R, N)`.

    - `slope`: `dy/dt`, per second; it may be asked a little beyond threshold.
    - `height`: distances from threshold `(N,)`, linear in `y`.
    - `fire`: `y` after a spike of neuron `i`, with what it sends over recurrent weights.
    - `arrive`: `y` after input on a channel, of a weight.
    - `scale`: size of each state `(R,)`; tolerances are relative to it.
    - `t_ref`: refractory periods, s, `(N,)`.
    - `resets`: whether a spike takes the neuron below threshold, where its first state is held
        while it is refractory; else a spike is an upward crossing.
    """

    slope: Callable[[Values], Values]
    height: Callable[[Values], Values]
    fire: Callable[[Values, int], Values]
    arrive: Callable[[Values, int, float], Values]
    scale: Sequence[float]
    t_ref: Any = 0.0
    resets: bool = True


def spikes(
    layer: Layer,
    y: Values,
    duration: float,
    arrivals: Sequence[tuple[float, int, float]] = (),
    tolerance: float = 1e-13,
) -> tuple[Values, NDArray[np.int64], Values]:
    """Times and neurons of all spikes, and `y` at the end.

    **Arguments:**

    - `arrivals`: time, channel and weight of each input, in order of time.
    """
    y = np.array(y, np.float64)
    shape, n = y.shape, y.shape[1]
    scale = np.repeat(np.asarray(layer.scale, np.float64), n)
    t_ref, ready, armed = np.ones(n) * layer.t_ref, np.zeros(n), layer.height(y) < 0.0
    now, fired, upcoming = 0.0, [], [*arrivals, (duration, 0, 0.0)]

    def heights(flat: Values) -> Values:
        return layer.height(flat.reshape(shape))

    while upcoming:
        stop = min([upcoming[0][0], *ready[ready > now]])
        active = ready <= now
        moving = active | (not layer.resets)

        def slope(_: float, flat: Values, moving: Any = moving) -> Values:
            dy = layer.slope(flat.reshape(shape))
            return np.concatenate([np.where(moving, dy[0], 0.0)[None], dy[1:]]).ravel()

        def move(start: float, end: float, flat: Values, events: Any = None) -> Any:
            # From rest it would go too far at first, beyond any potential.
            path = solve_ivp(
                slope, (start, end), flat, "DOP853", rtol=tolerance, atol=tolerance * scale,
                events=events, first_step=min(1e-5, end - start),
            )  # fmt: skip
            assert path.success, path.message
            return path

        end, i = stop, None
        if stop > now:
            # Upwards for a spike; downwards where one is over that has not been reset.
            watched = active if layer.resets else np.ones(n, bool)
            events = [_event(heights, i, armed[i] or layer.resets) for i in np.flatnonzero(watched)]
            path = move(now, stop, y.ravel(), events or None)
            end, y = path.t[-1], path.y[:, -1]
            if path.status == 1:
                i = np.flatnonzero(watched)[[len(t) > 0 for t in path.t_events].index(True)]
                # A step is more exact than dense output, which has found it.
                last = path.t[-2], path.y[:, -2]
                end, y = _crossing(heights, slope, move, last, end, i)
            y = y.reshape(shape)
        if i is not None and (layer.resets or (armed[i] and active[i])):
            fired.append((end, i))
            y = layer.fire(y, i)
            ready[i], armed[i] = end + t_ref[i], layer.resets
        elif i is not None:
            armed[i] = not armed[i]
        elif end == upcoming[0][0]:
            _, channel, weight = upcoming.pop(0)
            y = layer.arrive(y, channel, weight)
        now = end
    return np.array([t for t, _ in fired]), np.array([i for _, i in fired], np.int64), y


def _event(heights: Callable[[Values], Values], i: int, upwards: bool) -> Any:
    """An event of SciPy: neuron `i` meets its threshold."""

    def event(_: float, flat: Values) -> float:
        return heights(flat)[i]

    event.terminal, event.direction = True, 1 if upwards else -1
    return event


def _crossing(
    heights: Any, slope: Any, move: Any, last: tuple[float, Values], end: float, i: int
) -> tuple[float, Values]:
    """When neuron `i` meets its threshold, and `y` then: Newton's method from a point before."""
    start, before = last
    for _ in range(4):
        if end <= start:  # closer than the resolution of time
            return last
        y = move(start, end, before).y[:, -1]
        # Exact, since heights are linear.
        climb = heights(y + slope(end, y))[i] - heights(y)[i]
        end = max(end - heights(y)[i] / climb, np.nextafter(start, np.inf))
    return end, move(start, end, before).y[:, -1]
