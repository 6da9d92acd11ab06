"""Declarations of the fields of `AdExLIF`, and what must hold between them."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from ..._attribute import field, Full, Interval, Parameter, State
from ..._errors import is_concrete


def property_of(
    value: float,
    family: str,
    unit: str,
    doc: str,
    bounds: Interval | None = None,
    usual: Interval | None = None,
) -> Any:
    """A property of each neuron, scalar or `(N,)`."""
    return field(
        Parameter(
            family=family,
            shape=[("N",), ()],
            init_func=Full(value),
            unit=unit,
            bounds=bounds,
            usual=usual,
            doc=doc,
        )
    )


def state(value: float, unit: str, doc: str, bounds: Interval | None = None) -> Any:
    """A state of each neuron."""
    return field(
        State(
            family="states",
            shape=("N",),
            init_func=Full(value),
            unit=unit,
            bounds=bounds,
            doc=doc,
        )
    )


def check_order(mod: Any) -> None:
    """`V_peak` is above `V_T` and `V_reset`, or else a `ValueError`; where values are known."""
    for name, why in (
        ("V_T", "the spike begins at V_T and ends at V_peak"),
        ("V_reset", "a neuron reset to V_peak would spike again at once"),
    ):
        low, high = getattr(mod, name), mod.V_peak
        if not (is_concrete(low) and is_concrete(high)):
            continue
        lows, highs = np.broadcast_arrays(np.ravel(low), np.ravel(high))
        bad = np.flatnonzero(~(lows < highs))
        if bad.size:
            i = int(bad[0])
            raise ValueError(
                f"AdExLIF.V_peak: must be above {name}, since {why}; got V_peak = {highs[i]:g} V "
                f"and {name} = {lows[i]:g} V (element {i})."
            )


def resting(mod: Any) -> dict[str, Any]:
    """Membranes start at `E_L`."""
    return {"vmem": jnp.array(jnp.broadcast_to(mod.E_L, (mod.size_out,)))}
