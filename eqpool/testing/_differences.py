"""Derivatives by finite differences, to compare with."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._attribute import fields
from ._report import expect


STEP = 1e-4
"""Of a difference, as a fraction of a direction."""


def directions(values: dict[str, Any]) -> dict[str, Any]:
    """For each parameter a fraction of its elements, of either sign; 0 for those that are 0."""
    along = {}
    for name, value in values.items():
        rng = np.random.default_rng(list(name.encode()))
        size = np.asarray(value)
        sign = rng.choice([-1.0, 1.0], size.shape)
        along[name] = jnp.asarray(sign * rng.uniform(0.5, 1.0, size.shape) * np.abs(size))
    return along


def slope_along(
    function: Callable[[dict[str, Any]], float], values: dict[str, Any], name: str, along: Any
) -> Callable[[int], float]:
    """Central differences in a direction of one argument, by the number of steps to each side."""

    def difference(steps: int) -> float:
        up, down = (
            function(values | {name: values[name] + sign * steps * STEP * along})
            for sign in (1.0, -1.0)
        )
        return (up - down) / (2 * steps * STEP)

    return difference


def check_slopes(
    function: Callable[[dict[str, Any]], float],
    mod: Any,
    gradient: dict[str, Any],
    what: str,
    hint: str,
    tolerance: float,
) -> None:
    """Raises `BrokenPromise` unless a gradient is that of finite differences.

    **Arguments:**

    - `function`: of a dictionary of parameters.
    - `mod`: the neuron that has them; those on a bound, where there is no difference, are left out.
    - `gradient`: by name.
    - `what`: what the function computes.
    - `hint`: with a place for the name of a parameter.
    - `tolerance`: relative to the difference, or to what its parts add up to without their signs.
    """
    values, declared = mod.parameters(), fields(mod)
    for name, along in directions(values).items():
        bounds = declared[name].bounds
        at_zero = bounds is not None and not bounds.contains(np.asarray([-1e-12])).all()
        if at_zero and np.any(np.asarray(values[name]) == 0.0):
            continue
        slopes = np.asarray(gradient[name])
        told = f"the gradient of {what} wrt {name} is {slopes}."
        expect(np.isfinite(slopes).all(), told, hint.format(name))
        zero = not np.any(along)
        if zero:
            along = _from_zero(slopes)
        if along is None:
            _check_no_effect(function, values, name, what, hint)
            continue
        parts = slopes * np.asarray(along)
        given, size = float(np.sum(parts)), np.sum(np.abs(parts))
        difference = slope_along(function, values, name, along)
        expected = difference(1)
        if abs(given - expected) <= tolerance * size:
            continue
        # Twice as dear, and needed where it bends.
        expected = (4.0 * expected - difference(2)) / 3.0
        noise = 1e-11 * abs(function(values))
        unit = f"in units of {np.max(np.abs(along)):.3g}" if zero else "as a fraction of itself"
        expect(
            abs(given - expected) <= tolerance * max(abs(expected), size) + noise,
            f"the derivative of {what} wrt {name} ({unit}) is {expected:.8g} by finite "
            f"differences, and {given:.8g} by the gradient.",
            hint.format(name),
        )


def _from_zero(slopes: np.ndarray) -> Any:
    """How much to change a parameter that is 0: so that the function changes by a tenth."""
    pattern = np.random.default_rng(2).uniform(0.5, 1.0, slopes.shape)
    effect = np.sum(np.abs(slopes) * pattern)
    return jnp.asarray(np.sign(slopes) * pattern * 0.1 / effect) if effect > 0.0 else None


def _check_no_effect(function: Any, values: Any, name: str, what: str, hint: str) -> None:
    """Of a parameter that is 0 and has no gradient; nobody knows how large it would be."""
    before = function(values)
    for size in 10.0 ** np.arange(-12.0, 1.0, 3.0):
        after = function(values | {name: values[name] + size})
        change = abs(after - before)
        small = not np.isfinite(change) or change <= 1e-9 * abs(before) or change > 0.1
        expect(
            small,
            f"the gradient of {what} wrt {name} is 0, but {size:g} more of it changes it by "
            f"{after - before:.3g}.",
            hint.format(name),
        )
