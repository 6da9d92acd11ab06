"""The time grid of a run: when its steps begin and end, and in which of them an event falls."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float, Int


RESOLUTION = 1e-9
"""Of times in pynapple, s."""

ROUNDING = 0.6 * RESOLUTION
"""How far rounding to the resolution, and to double precision, may move a time, s."""


def at(dt: float, step: Any) -> Any:
    """The time at which a step begins, s, as pynapple rounds it.

    Always a multiple of `dt`, never a sum of steps, so that runs join without a seam.
    """
    return np.round(step * dt, 9)


@dataclasses.dataclass(frozen=True)
class Grid:
    """Steps of one run: step `k` of it covers `[first + k, first + k + 1)*dt`.

    **Arguments:**

    - `dt`: time step, s.
    - `first`: number of the first step, counted from time 0.
    - `num_steps`: how many there are.
    """

    dt: float
    first: int
    num_steps: int

    @property
    def starts(self) -> Float[np.ndarray, " T"]:
        """When each step begins, s."""
        return at(self.dt, self.first + np.arange(self.num_steps))

    @property
    def ends(self) -> Float[np.ndarray, " T"]:
        """When each step ends, s."""
        return at(self.dt, self.first + 1 + np.arange(self.num_steps))

    @property
    def last(self) -> int:
        """Number of the step that would come next."""
        return self.first + self.num_steps

    @property
    def span(self) -> tuple[float, float]:
        """When the run begins and ends, s."""
        return float(at(self.dt, self.first)), float(at(self.dt, self.last))

    def step_of(self, times: Float[np.ndarray, " M"]) -> Int[np.ndarray, " M"]:
        """The step of this run in which each time falls; on a border, the later one."""
        return np.floor((times + ROUNDING) / self.dt).astype(np.int64) - self.first
