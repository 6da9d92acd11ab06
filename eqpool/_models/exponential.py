"""The exponential membrane of `EIF` and `AdExLIF`, in the coordinate that solvers integrate."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import physics
from .._errors import is_concrete
from .._types import NestedDict


TOP = 40.0
"""Nats above `V_T` where every spike has happened: infinity is e^-40 of a time constant away, and
e^40 is well inside the range of float32."""

STEEP = 14.0
"""Nats above `V_T` from where a membrane goes to infinity at a pace that no longer changes: the
time left is 1e-6 of a time constant, and known to 1e-5 of itself."""


def membrane_coordinate(mod: Any, vmem: Array, at: NestedDict) -> Array:
    """The coordinate of a potential; beyond the peak in nats, so that a run may start there."""
    u = (vmem - mod.V_T) / mod.Delta_T
    below = u < at["u_peak"]  # not a minimum, whose derivative costs more
    y = physics.adex_coordinate(jnp.where(below, u, at["u_peak"]))
    return jnp.where(below, y, y + u - at["u_peak"])


def membrane_potential(mod: Any, y: Array, at: NestedDict) -> Array:
    """The inverse, up to the peak."""
    return mod.V_T + mod.Delta_T * physics.adex_distance(
        jnp.where(y < at["y_peak"], y, at["y_peak"])
    )


def up_to(u: float, y: Float[Array, " N"]) -> Float[Array, " N"]:
    """A coordinate, no higher than that of so many nats."""
    return jnp.minimum(y, physics.adex_coordinate(jnp.asarray(u, y.dtype)))


def check_order(mod: Any, name: str, why: str) -> None:
    """Raises `ValueError` unless `V_peak` is above the named potential; where values are known."""
    low, high = getattr(mod, name), mod.V_peak
    if not (is_concrete(low) and is_concrete(high)):
        return
    lows, highs = np.broadcast_arrays(np.ravel(low), np.ravel(high))
    bad = np.flatnonzero(~(lows < highs))
    if bad.size:
        i = int(bad[0])
        raise ValueError(
            f"{type(mod).__name__}.V_peak: must be above {name}, since {why}; got V_peak = "
            f"{highs[i]:g} V and {name} = {lows[i]:g} V (element {i})."
        )
