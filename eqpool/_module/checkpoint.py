"""A run in segments, of which the backward pass keeps the start and computes the rest again."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._errors import describe
from .._types import NestedDict
from .._varying import as_returned
from .batching import run_checked


def segment_length(checkpoint: Any, steps: Any, owner: str) -> int | None:
    """Steps in a segment, of a `checkpoint=` argument; `None` for a run in one piece."""
    if checkpoint is False or checkpoint is None or steps == 0:
        return None
    if not isinstance(steps, int):
        raise ValueError(
            f"{owner}: checkpoint needs a known number of time steps; that of what is exported is "
            f"{steps}. Leave `checkpoint` out, or export for a fixed number."
        )
    if checkpoint is True:
        root = math.isqrt(steps - 1) + 1
        # A last segment that is shorter would cost a copy of the input.
        around = [n for n in range((root + 1) // 2, 2 * root + 1) if steps % n == 0]
        return min(around, key=lambda n: abs(n - root), default=root)
    if isinstance(checkpoint, int) and checkpoint > 0:
        return min(checkpoint, steps)
    raise ValueError(
        f"{owner}: checkpoint must be False, True (segments of sqrt(T) steps) or the number of "
        f"steps in a segment; got {describe(checkpoint)}."
    )


def run_segments(
    module: Any, input_data: Array, record: bool, length: int
) -> tuple[Array, NestedDict, NestedDict]:
    """The same as one run, to the last bit."""

    @jax.checkpoint
    def segment(state: NestedDict, now: Array) -> tuple[NestedDict, Any]:
        output, new, recorded = run_checked(module.set_attributes(state), now, record)
        # As the scan below wants it: in the structure of the start.
        return jax.tree.map(lambda x, y: jnp.asarray(y, x.dtype), state, new), (output, recorded)

    whole = input_data.shape[0] // length
    end = whole * length
    split = input_data[:end].reshape(whole, length, *input_data.shape[1:])
    start = as_returned(lambda state: segment(state, split[0])[0], module.state())
    state, out = jax.lax.scan(segment, start, split)
    out = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), out)
    if end < input_data.shape[0]:
        state, more = segment(state, input_data[end:])
        out = jax.tree.map(lambda x, y: jnp.concatenate([x, y]), out, more)
    output, recorded = out
    return output, state, recorded
