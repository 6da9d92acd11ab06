"""A scan whose steps round alike, however many there are."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from ._varying import as_returned


Step: TypeAlias = Callable[[Any, Any], tuple[Any, Any]]

UNROLL = 4
"""Steps in each turn of a loop on a GPU, where turns cost more than what they compute."""


def scan_steps(step: Step, init: Any, xs: Any, length: Any = None) -> tuple[Any, Any]:
    """`jax.lax.scan`, with the bits of a longer scan for few steps too.

    XLA takes the loop away around a single step and merges its operations with those outside,
    which then round differently. So a single step is the first of two. `length` is an integer, or
    what `jax.export` has in its place.
    """
    # A start that all devices share becomes one of each device, if inputs or weights are.
    init = as_returned(lambda init: step(init, jax.tree.map(lambda x: x[0], xs))[0], init)
    steps = length if length is not None else jax.tree.leaves(xs)[0].shape[0]
    if not isinstance(steps, int):
        return _symbolic_scan(step, init, xs, steps)
    if steps == 1:
        return _first_of_two(step, init, xs)
    # Of fewer turns, XLA might make no loop; of products without a state between, one product.
    unroll = steps >= 4 * UNROLL and jax.tree.leaves(init)
    if unroll and jax.default_backend() == "gpu":
        return unrolled_scan(step, init, xs, steps)
    return jax.lax.scan(step, init, xs, length)


def unrolled_scan(step: Step, init: Any, xs: Any, steps: int) -> tuple[Any, Any]:
    """`UNROLL` steps in each turn of the loop, and those that are left in a loop of their own."""
    left = steps % UNROLL
    turns = steps - left

    def apart(carry: Any, x: Any) -> tuple[Any, Any]:
        # XLA would merge steps with each other, and round by their place in the turn.
        return step(jax.lax.optimization_barrier(carry), x)

    first = jax.tree.map(lambda x: x[:turns], xs)
    carry, ys = jax.lax.scan(apart, init, first, turns, unroll=UNROLL)
    if left == 0:
        return carry, ys
    rest = jax.tree.map(lambda x: x[turns:], xs)
    carry, more = scan_steps(step, carry, rest, left)
    return carry, jax.tree.map(lambda y, z: jnp.concatenate([y, z]), ys, more)


def _symbolic_scan(step: Step, init: Any, xs: Any, steps: Any) -> tuple[Any, Any]:
    """Of a number of steps that `jax.export` leaves open, which only inputs can say."""
    return jax.lax.scan(
        lambda carry, now: step(carry, now[0]), init, (xs, jnp.zeros((steps,), bool))
    )


def _first_of_two(step: Step, init: Any, xs: Any) -> tuple[Any, Any]:
    def first(carry: Any, x: Any) -> tuple[Any, Any]:
        carry, y = step(carry, x)
        return carry, (carry, y)

    twice = jax.tree.map(lambda x: jnp.repeat(x, 2, 0), xs)
    _, (carries, ys) = jax.lax.scan(first, init, twice, 2)
    return jax.tree.map(lambda x: x[0], carries), jax.tree.map(lambda y: y[:1], ys)
