"""A scan whose steps round alike, however many there are."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def scan_steps(
    step: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, length: int | None = None
) -> tuple[Any, Any]:
    """`jax.lax.scan`, with the bits of a longer scan for a single step too.

    XLA takes the loop away around a single step and merges its operations with those outside,
    which then round differently. So a single step is the first of two.
    """
    steps = length if length is not None else len(jax.tree.leaves(xs)[0])
    if steps != 1:
        return jax.lax.scan(step, init, xs, length)

    def first(carry: Any, x: Any) -> tuple[Any, Any]:
        carry, y = step(carry, x)
        return carry, (carry, y)

    twice = jax.tree.map(lambda x: jnp.repeat(x, 2, 0), xs)
    _, (carries, ys) = jax.lax.scan(first, init, twice, 2)
    return jax.tree.map(lambda x: x[0], carries), jax.tree.map(lambda y: y[:1], ys)
