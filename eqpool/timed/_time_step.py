"""The one time step of a module."""

from typing import Any

import numpy as np

from .._errors import describe, is_concrete, listing
from .._module import AbstractModule, tagged_leaves
from ._grid import RESOLUTION


def common_dt(module: AbstractModule, dt: Any, owner: str) -> float:
    """The one time step of a module and its submodules, or `dt` where they have none.

    A module holds its `dt` in single precision. What is meant is the shortest decimal number that
    rounds to it: over a million steps the difference is a good part of a step.

    **Raises:** `ValueError` for time steps that differ, that contradict `dt`, or are missing.
    """
    found = {
        ".".join(path): float(str(value))
        for path, _, leaf in tagged_leaves(module)
        if path[-1] == "dt"
        for value in np.ravel(_concrete(leaf, owner))
    }
    if len(set(found.values())) > 1:
        steps = ", ".join(f"{name} = {value:g} s" for name, value in found.items())
        raise ValueError(
            f"{owner}: a time series has one time step, but the submodules differ: {steps}. "
            "Build them with the same dt."
        )
    given = None if dt is None else _checked(dt, owner)
    if not found:
        if given is None:
            raise ValueError(
                f"{owner}: this module has no dt; give one, in s, as `timed(dt=1e-3)`."
            )
        return given
    (own,) = set(found.values())
    # What was given may be exact where the module's own is rounded.
    if given is not None and abs(given - own) > 1e-6 * own:
        raise ValueError(
            f"{owner}: dt={given:g} s contradicts the module, where {listing(found)} is {own:g} s. "
            "Leave it out, or build the module with that dt; if it was changed since, call `timed` "
            "again."
        )
    return _checked(own, owner) if given is None else given


def _concrete(leaf: Any, owner: str) -> Any:
    if not is_concrete(leaf):
        raise TypeError(f"{owner}: call `timed` outside jit, grad and vmap: it looks at dt.")
    return np.asarray(leaf)


def _checked(dt: Any, owner: str) -> float:
    try:
        if isinstance(dt, bool):  # meant for add_events
            raise TypeError
        value = float(str(dt)) if hasattr(dt, "dtype") else float(dt)
    except (TypeError, ValueError):
        raise TypeError(f"{owner}: dt must be a number, in s; got {describe(dt)}.") from None
    if not 10 * RESOLUTION <= value < np.inf:
        raise ValueError(
            f"{owner}: dt must be finite and at least {10 * RESOLUTION:g} s, since pynapple keeps "
            f"times to {RESOLUTION:g} s; got {value:g} s."
        )
    return value
