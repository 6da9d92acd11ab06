"""Bounds and norms of dictionaries of parameters, with Rockpool's names and numbers."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._errors import describe, listing, suggestion
from .._module import is_module
from .._types import NestedDict, PyTree


def make_bounds(params: PyTree[Any]) -> tuple[NestedDict, NestedDict]:
    """Lower and upper bounds for every parameter, infinite until you change them.

    **Arguments:**

    - `params`: a nested dictionary as of `net.parameters()`, or a module.

    **Returns:** two nested dictionaries with the names of `params`, in which every value is
    `-inf`, and `inf`.

    !!! example

        ```python
        lower, upper = eqpool.make_bounds(net.parameters())
        lower["1_RateJax"]["tau"] = 1e-3
        upper["0_LinearJax"]["weight"] = 2.0
        ```
    """
    params = _dictionary(params, "make_bounds")
    return jax.tree.map(lambda _: -np.inf, params), jax.tree.map(lambda _: np.inf, params)


def bounds_cost(
    params: PyTree[Any], lower_bounds: Mapping[str, Any], upper_bounds: Mapping[str, Any]
) -> Float[Array, ""]:
    r"""A cost for parameters outside their bounds, as Rockpool's; 0 inside.

    The sum over all elements $p$ of $e^{l - p}$ where $p < l$, and of $e^{p - u}$ where $p > u$. So
    an element costs 1 as it leaves its bounds, and the gradient depends on the unit;
    [`eqpool.bounds_penalty`][] is continuous, takes bounds by family and has no unit.

    **Arguments:**

    - `params`: a nested dictionary as of `net.parameters()`, or a module, also one half of an
        [`eqpool.partition`][].
    - `lower_bounds`, `upper_bounds`: nested dictionaries as of [`eqpool.make_bounds`][]: for each
        parameter a number or an array. What is left out, or `None`, has no bound.

    **Raises:** `ValueError`, listing what exists, for a bound of an unknown parameter, and for
    bounds of another shape; `TypeError` for what is no dictionary.

    !!! example

        ```python
        @eqpool.filter_value_and_grad(family="taus")
        def loss(net):
            cost = eqpool.bounds_cost(net.parameters(), lower, upper)
            return eqpool.mse(net(x)[0], target) + 0.1 * cost
        ```
    """
    params = _dictionary(params, "bounds_cost")
    lower = _filled(params, lower_bounds, -np.inf, "bounds_cost: lower_bounds")
    upper = _filled(params, upper_bounds, np.inf, "bounds_cost: upper_bounds")

    def beyond(excess: Array) -> Array:
        # Inside, the exponential may be infinite, and its gradient not a number.
        outside = excess > 0.0
        cost = jnp.where(outside, jnp.exp(jnp.where(outside, excess, 0.0)), 0.0)
        return jnp.sum(cost).astype(jnp.result_type(float))

    def cost(p: Array, low: Array, high: Array) -> Array:
        return beyond(low - p) + beyond(p - high)

    costs = jax.tree.map(cost, jax.tree.map(_floating, params), lower, upper)
    return sum(jax.tree.leaves(costs), jnp.zeros(()))


def bounds_clip(
    params: PyTree[Any], lower_bounds: Mapping[str, Any], upper_bounds: Mapping[str, Any]
) -> NestedDict:
    """The parameters, moved to the nearest value inside their bounds.

    **Arguments and errors:** as of [`eqpool.bounds_cost`][].

    **Returns:** a nested dictionary for `net.set_attributes`.

    !!! example

        ```python
        net = net.set_attributes(eqpool.bounds_clip(net.parameters(), lower, upper))
        ```
    """
    params = _dictionary(params, "bounds_clip")
    lower = _filled(params, lower_bounds, -np.inf, "bounds_clip: lower_bounds")
    upper = _filled(params, upper_bounds, np.inf, "bounds_clip: upper_bounds")
    return jax.tree.map(jnp.clip, jax.tree.map(_floating, params), lower, upper)


def l2sqr_norm(params: PyTree[Any]) -> Float[Array, ""]:
    """The mean square of each parameter, averaged over the parameters; as Rockpool's.

    Elements that are not a number are left out.

    **Arguments:**

    - `params`: a nested dictionary as of `net.parameters("weights")`, or a module, also one half of
        an [`eqpool.partition`][].

    **Raises:** `ValueError` without any parameter.
    """
    return _mean_over(jnp.square, params, "l2sqr_norm")


def l0_norm_approx(params: PyTree[Any], sigma: float = 1e-4) -> Float[Array, ""]:
    r"""A smooth count of what is not 0, as a fraction: the mean of $\frac{p^4}{p^4 + \sigma}$.

    Taken over each parameter and averaged over the parameters, as in Rockpool.

    **Arguments:**

    - `params`: as of [`eqpool.l2sqr_norm`][].
    - `sigma`: an element of size `sigma**0.25` counts half. Default 1e-4.

    **Raises:** `ValueError` for a `sigma` that is not positive, and without any parameter.

    ??? cite

        Wei et al. 2018, [doi:10.3390/s18103373](https://doi.org/10.3390/s18103373).
    """
    if not sigma > 0:
        raise ValueError(f"l0_norm_approx: sigma must be positive; got {sigma}.")
    return _mean_over(lambda p: p**4 / (p**4 + sigma), params, "l0_norm_approx")


def _dictionary(params: PyTree[Any], owner: str) -> NestedDict:
    params = params.parameters() if is_module(params) else params
    if not isinstance(params, Mapping):
        raise TypeError(
            f"{owner}: params must be a dictionary as of `net.parameters()`, or a module; got "
            f"{describe(params)}."
        )
    inner = {name: isinstance(value, Mapping) for name, value in params.items()}
    return {name: _dictionary(v, owner) if inner[name] else v for name, v in params.items()}


def _filled(params: Mapping[str, Any], bounds: Any, default: float, owner: str) -> NestedDict:
    """A bound for each parameter, in the structure of the parameters."""
    if not isinstance(bounds, Mapping):
        raise TypeError(
            f"{owner}: must be a dictionary, as of make_bounds; got {describe(bounds)}."
        )
    for name in bounds:
        if name not in params:
            raise ValueError(
                f"{owner}: there is no parameter {name!r}.{suggestion(str(name), params)} There is "
                f"{listing(params)}."
            )
    filled = {}
    for name, value in params.items():
        bound, where = bounds.get(name), f"{owner}.{name}"
        if isinstance(value, Mapping):
            filled[name] = _filled(value, {} if bound is None else bound, default, where)
        elif value is None:  # frozen, in one half of a partition
            filled[name] = None
        else:
            filled[name] = _bound(default if bound is None else bound, _floating(value), where)
    return filled


def _bound(bound: Any, value: Array, owner: str) -> Array:
    try:
        array = jnp.asarray(bound, value.dtype)
    except (TypeError, ValueError):
        array = None
    if array is None or array.shape not in ((), value.shape):
        raise ValueError(
            f"{owner}: must be a number, or an array of shape {value.shape}; got {describe(bound)}."
        )
    return jnp.broadcast_to(array, value.shape)


def _mean_over(function: Callable[[Array], Array], params: PyTree[Any], owner: str) -> Array:
    leaves = jax.tree.leaves(params, is_leaf=is_module)
    values = jax.tree.leaves([leaf.parameters() if is_module(leaf) else leaf for leaf in leaves])
    if not values:
        raise ValueError(f"{owner}: there is no parameter; give those that are to be small.")
    means = [jnp.nanmean(function(_floating(value))) for value in values]
    return jnp.nanmean(jnp.stack([mean.astype(jnp.result_type(float)) for mean in means]))


def _floating(value: Any) -> Array:
    array = jnp.asarray(value)
    floating = jnp.issubdtype(array.dtype, jnp.floating)
    return array if floating else array.astype(jnp.result_type(float))
