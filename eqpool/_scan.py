"""A scan whose steps round alike, however many there are."""

from collections.abc import Callable
from typing import Any

import jax


def scan_steps(
    step: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, length: int | None = None
) -> tuple[Any, Any]:
    """`jax.lax.scan`, with the bits of a longer scan for a single step too.

    XLA takes the loop away around a single step and merges its operations with those outside,
    which then round differently; barriers keep them apart.
    """
    steps = length if length is not None else len(jax.tree.leaves(xs)[0])
    if steps != 1:
        return jax.lax.scan(step, init, xs, length)

    def alone(carry: Any, x: Any) -> tuple[Any, Any]:
        carry, x = jax.lax.optimization_barrier((carry, x))
        return jax.lax.optimization_barrier(step(carry, x))

    return jax.lax.scan(alone, init, xs, length)
