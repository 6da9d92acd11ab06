"""Intervals of permitted values."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool


@dataclasses.dataclass(frozen=True)
class Interval:
    """The values that a quantity may take.

    **Arguments:**

    - `lower`, `upper`: the ends, in the unit of the quantity. Default: the whole line.
    - `closed`: whether the ends themselves belong to it. Default `True`. (An infinite
        end never does.)

    **Raises:** `ValueError` if `lower < upper` does not hold.
    """

    lower: float = -math.inf
    upper: float = math.inf
    closed: bool = True

    def __post_init__(self) -> None:
        if not self.lower < self.upper:
            raise ValueError(
                f"Interval: lower must be below upper, got lower={self.lower}, upper={self.upper}."
            )

    def contains(self, x: Array | np.ndarray) -> Bool[Array | np.ndarray, "..."]:
        """Elementwise whether `x` lies inside; `False` for `NaN` and infinity."""
        if self.closed:
            inside = (x >= self.lower) & (x <= self.upper)
        else:
            inside = (x > self.lower) & (x < self.upper)
        return inside & (np if isinstance(x, np.ndarray) else jnp).isfinite(x)

    def widened(self, fraction: float) -> "Interval":
        """The same interval with each end moved outwards by a fraction of itself."""
        return Interval(
            self.lower - fraction * abs(self.lower),
            self.upper + fraction * abs(self.upper),
            self.closed,
        )

    def __str__(self) -> str:
        left = "[" if self.closed and math.isfinite(self.lower) else "("
        right = "]" if self.closed and math.isfinite(self.upper) else ")"
        return f"{left}{self.lower:g}, {self.upper:g}{right}"


REAL = Interval()
POSITIVE = Interval(0.0, closed=False)
NON_NEGATIVE = Interval(0.0)

# Times of neurons, s. What is longer was most likely meant in ms.
USUAL_STEP = Interval(0.0, 0.1)
USUAL_TIME = Interval(0.0, 1.0)
USUAL_SLOW_TIME = Interval(0.0, 10.0)
