"""A penalty on parameters that leave their bounds."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._attribute import selection
from .._module import tagged_leaves
from .._types import PyTree


def bounds_penalty(
    model: PyTree[Any], bounds: Mapping[str, tuple[float | None, float | None]]
) -> Float[Array, ""]:
    r"""How far parameters lie outside bounds, for each family; 0 inside.

    The mean over all values $p$ of the named families of
    $\max(0, \frac{l-p}{s}, \frac{p-u}{s})^2$, where the scale $s$ is $u-l$, or the size of
    the bound where there is only one (1 if that is 0). The penalty has no unit, so that it
    means the same for seconds and for picoamperes.

    **Arguments:**

    - `model`: a pytree of modules.
    - `bounds`: for each family `(lower, upper)` in its unit; `None` for no bound.

    **Raises:** `ValueError` for a family that nobody has, and if `lower < upper` does not hold.

    !!! example

        ```python
        loss = loss + 0.1 * eqpool.bounds_penalty(net, {"taus": (1e-3, 1.0), "weights": (-2, 2)})
        ```
    """
    tagged = tagged_leaves(model)
    total, count = jnp.zeros(()), 0
    for family, (lower, upper) in bounds.items():
        select = selection(family)
        select.check(field for _, field, _ in tagged)
        scale = _scale(family, lower, upper)
        for path, field, value in tagged:
            if select(path, field):
                below = 0.0 if lower is None else jnp.maximum(lower - value, 0.0)
                above = 0.0 if upper is None else jnp.maximum(value - upper, 0.0)
                total += jnp.sum(((below + above) / scale) ** 2)
                count += value.size
    return total / max(count, 1)


def _scale(family: str, lower: Any, upper: Any) -> float:
    if lower is None and upper is None:
        return 1.0
    if lower is None:
        return abs(upper) or 1.0
    if upper is None:
        return abs(lower) or 1.0
    if not lower < upper:
        raise ValueError(
            f"bounds_penalty: lower must be below upper; got ({lower}, {upper}) for {family!r}."
        )
    return upper - lower
