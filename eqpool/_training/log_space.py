"""Training positive quantities in log space."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from .._attribute import Interval
from .._errors import is_concrete
from .._module import map_leaves, Site
from .._types import PyTree


def log_space(
    optimiser: optax.GradientTransformation, lower: float | None = None, upper: float | None = None
) -> optax.GradientTransformationExtraArgs:
    r"""Lets an optimiser act on $\ln p$ instead of $p$, within bounds.

    For positive quantities of any magnitude: time constants of 1 ms and of 1 s, or bias
    currents of 1e-12 A, train with one learning rate, which is then a *relative* change per
    step. The model always holds the quantities themselves, in their own units; only the
    optimiser sees logarithms. For a first-order optimiser this is the same as replacing
    $p$ by $e^q$ and training $q$.

    The bounds are hard: a step that would leave them ends at the bound. A single step
    changes a value by a factor of 2 at most, for which `p + update` is exact in floating
    point (Sterbenz's lemma), so that bounds hold to the last bit.

    **Arguments:**

    - `optimiser`: any optax transformation that uses gradients and parameters only, as
        `optax.adam(1e-2)`.
    - `lower`, `upper`: bounds for all leaves it is given, in their unit. Default: the operating
        range or the bounds that the leaf's module declares, or none but positivity.

    **Returns:** an optax transformation for the values themselves. It needs `params` in
    `update`, and works inside `optax.chain` and `optax.multi_transform`.

    **Raises:** `ValueError` if `0 <= lower < upper` does not hold; from `init`, if a value is
    outside the bounds.

    !!! example

        ```python
        optimiser = optax.multi_transform(
            {
                "weights": optax.adam(1e-3),
                "taus": eqpool.log_space(optax.adam(1e-2), lower=1e-3, upper=10.0),
            },
            eqpool.family_labels,
        )
        ```
    """
    if lower is not None and lower < 0:
        raise ValueError(f"log_space: lower must not be negative; got {lower}.")
    if lower is not None and upper is not None and not lower < upper:
        raise ValueError(f"log_space: lower must be below upper; got {lower} and {upper}.")
    inner = optax.with_extra_args_support(optimiser)

    def limits(site: Site, leaf: Array) -> Interval:
        declared = Interval()
        if site.field is not None:
            declared = site.field.operating_range or site.field.bounds or declared
        low = declared.lower if lower is None else lower
        high = declared.upper if upper is None else upper
        # Below `tiny`, numbers lose digits, and 0 is not positive.
        return Interval(max(low, float(jnp.finfo(leaf.dtype).tiny)), high)

    def init(params: PyTree[Any]) -> Any:
        def check(site: Site, leaf: Array) -> None:
            bounds = limits(site, leaf)
            if is_concrete(leaf) and not bool(jnp.all(bounds.contains(leaf))):
                name = ".".join(site.path) or "a value"
                raise ValueError(
                    f"log_space: {name} = {leaf} is not in {bounds}. Quantities that train in log "
                    "space must start positive and inside their bounds."
                )

        map_leaves(check, params)
        return inner.init(_log(params))

    def update(
        updates: PyTree[Any], state: Any, params: PyTree[Any] | None = None, **extra_args: Any
    ) -> tuple[PyTree[Any], Any]:
        if params is None:
            raise ValueError("log_space: pass `params` to `update`.")
        # d(loss)/d(ln p) = p * d(loss)/dp
        gradient = jax.tree.map(lambda g, p: g * p, updates, params)
        steps, state = inner.update(gradient, state, _log(params), **extra_args)
        bounds = map_leaves(limits, params)
        return jax.tree.map(_bounded_step, params, steps, bounds), state

    return optax.GradientTransformationExtraArgs(init, update)


def _log(params: PyTree[Any]) -> PyTree[Any]:
    return jax.tree.map(jnp.log, params)


def _bounded_step(value: Array, step: Array, bounds: Interval) -> Array:
    target = jnp.clip(value * jnp.exp(step), value / 2, value * 2)
    return jnp.clip(target, bounds.lower, bounds.upper) - value
