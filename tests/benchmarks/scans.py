"""A low-pass filter as a scan, as an unrolled one, and as an associative scan."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from .measure import Effort, interleaved, quartiles


def scan(x: Array, decay: Array, unroll: int = 1) -> Array:
    """Step by step."""

    def step(state: Array, now: Array) -> tuple[Array, Array]:
        state = decay * state + now
        return state, state

    return jax.lax.scan(step, jnp.zeros_like(x[0]), x, unroll=unroll)[1]


def associative(x: Array, decay: Array) -> Array:
    """In a tree."""

    def after(one: tuple[Array, Array], other: tuple[Array, Array]) -> tuple[Array, Array]:
        return one[0] * other[0], other[0] * one[1] + other[1]

    return jax.lax.associative_scan(after, (jnp.broadcast_to(decay, x.shape), x))[1]


WAYS: dict[str, Callable[[Array, Array], Array]] = {
    "scan": scan,
    "unroll=8": lambda x, decay: scan(x, decay, 8),
    "associative_scan": associative,
}


def scans(steps: Sequence[int], effort: Effort) -> list[dict[str, Any]]:
    """Seconds of each, forward and gradient, for 64 channels."""
    decay = jnp.full(64, 0.95)
    rows = []
    for length in steps:
        x = jax.random.normal(jax.random.key(0), (length, 64))
        for what in ("forward", "gradient"):
            calls = {name: _compiled(way, what, x, decay) for name, way in WAYS.items()}
            times = interleaved(calls, effort)
            run_s = {name: quartiles(values)["median"] for name, values in times.items()}
            rows.append({"steps": length, "what": what, "run_s": run_s})
    return rows


def _compiled(way: Callable, what: str, x: Array, decay: Array) -> Callable[[], Any]:
    gradient = jax.grad(lambda x, decay: jnp.sum(way(x, decay) ** 2))
    function = jax.jit(way if what == "forward" else gradient)
    jax.block_until_ready(function(x, decay))
    return lambda: function(x, decay)
