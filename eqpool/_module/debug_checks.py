"""Checks of values at run time, compiled in only in debug mode."""

from typing import Any, TypeVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._attribute.interval import REAL
from .._attribute.resolve import bounds_message
from .tree import map_leaves, Site


_M = TypeVar("_M")


def check_attributes(module: _M, owner: str) -> _M:
    """`module`, with an error at run time for values not finite or outside their bounds."""

    def check(site: Site, leaf: Any) -> Any:
        if site.field is None or not jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf
        outside = ~(site.field.bounds or REAL).contains(leaf)
        message = bounds_message(site.field, ".".join((owner, *site.path)))
        return eqx.error_if(leaf, jnp.any(outside), message)

    return map_leaves(check, module)


def check_finite(x: Array, owner: str, what: str) -> Array:
    """`x`, with an error at run time if it is not finite everywhere."""
    return eqx.error_if(x, ~jnp.all(jnp.isfinite(x)), f"{owner}: {what} holds NaN or infinity.")
