"""How a run lies in the matrices of a kernel."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._attribute import fields
from .._codegen import Series, Step, Unsupported
from .._types import NestedDict


class Layout:
    """How a run lies in the kernel's matrices."""

    def __init__(self, step: Step, names: Sequence[str], drive: Array):
        self.names, self.states, self.inputs = names, step.states, step.inputs
        self.dtype, self.neurons, self.steps = drive.dtype, step.neurons, drive.shape[0]
        self.rows = sum(x.per_neuron for x in step.states)
        self.size = self.rows * self.neurons
        self.width = step.inputs.per_neuron * self.neurons
        # What is kept is no longer than the input; a segment fits into the cache.
        self.segment = min(self.steps, 64)
        self.segments = -(-self.steps // self.segment)

    def by_segments(
        self,
        segment: Callable[[Any, Any], tuple[Any, Any]],
        start: Any,
        series: Any,
        kept: Array | None = None,
    ) -> tuple[Any, Any]:
        """A scan over segments, the last of which may be shorter."""
        whole = self.steps // self.segment
        end = whole * self.segment
        first = () if kept is None else (kept[:whole],)
        split = jax.tree.map(
            lambda x: x[:end].reshape(whole, self.segment, *x.shape[1:]), tuple(series)
        )
        carry, out = jax.lax.scan(segment, start, (*first, *split))
        out = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), out)
        if end < self.steps:
            last = () if kept is None else (kept[-1],)
            rest = jax.tree.map(lambda x: x[end:], tuple(series))
            carry, more = segment(carry, (*last, *rest))
            out = jax.tree.map(lambda x, y: jnp.concatenate([x, y]), out, more)
        return carry, out

    def arriving(self, drive: Array) -> Float[Array, "T KN"]:
        """Input, or weights, with the inputs of each neuron in front of the neurons."""
        rows = drive.reshape(drive.shape[0], -1)
        k = self.inputs.merged
        if k == 1:
            return rows
        return rows.reshape(len(rows), self.neurons, k).swapaxes(1, 2).reshape(rows.shape)

    def given(self, rows: Float[Array, "T KN"], shape: tuple[int, ...]) -> Array:
        """The inverse of `arriving`."""
        k = self.inputs.merged
        if k > 1:
            rows = rows.reshape(len(rows), k, self.neurons).swapaxes(1, 2)
        return rows.reshape(shape)

    def matrix(self, weights: Array | None) -> Array:
        """Weights with a row for each presynaptic neuron; none of them without recurrence."""
        if weights is None:
            return jnp.zeros((0, 0), self.dtype)
        return self.arriving(weights)

    def square(self, weights: Array | None) -> tuple[int, int]:
        """The shape of that matrix."""
        return (0, 0) if weights is None else (self.neurons, self.width)

    def noise(self, grid: Any) -> tuple[Array, tuple[int, int]]:
        """Noise of each step, and its shape."""
        if grid.noise is None:
            return jnp.zeros((0, self.neurons), self.dtype), (0, self.neurons)
        return grid.noise, (self.steps, self.neurons)

    def packed(self, s: NestedDict) -> Float[Array, "R N"]:
        """A state as `(R, N)`, or a series of them as `(T, R*N)`."""
        series = s["spikes"].ndim == 2
        lead = (len(s["spikes"]),) if series else ()
        lines = [
            jnp.moveaxis(s[name], x.axis + series, -1).reshape(*lead, x.per_neuron, self.neurons)
            for name, x in zip(self.names, self.states, strict=True)
        ]
        rows = jnp.concatenate(lines, -2)
        return rows.reshape(len(rows), -1) if series else rows

    def carry(self, rows: Array) -> NestedDict:
        """The inverse of `packed`, of rows `(..., R, N)`."""
        found, row = {}, 0
        for name, x in zip(self.names, self.states, strict=True):
            lines = rows[..., row : row + x.per_neuron, :]
            row += x.per_neuron
            others = [n for a, n in enumerate(x.shape) if a != x.axis]
            lines = lines.reshape(*rows.shape[:-2], *others, self.neurons)
            found[name] = jnp.moveaxis(lines, -1, x.axis + rows.ndim - 2)
        return found


def inputs_of(shape: tuple[int, ...], neurons: int) -> Series:
    """How the input of one step lies."""
    if len(shape) == 1:
        return Series(shape, 0, shape[0] // neurons)
    return Series(shape, len(shape) - 1)


def state_of(mod: Any, name: str) -> Series:
    """How a state lies.

    **Raises:** `Unsupported` if it does not show which of its axes runs over neurons.
    """
    shape, declared = getattr(mod, name).shape, fields(mod)[name].shape
    if isinstance(declared, tuple) and "N" in declared:
        return Series(shape, declared.index("N"))
    if shape.count(mod.size_out) != 1:
        raise Unsupported(f"the state {name}, which is not one number or more of each neuron")
    return Series(shape, shape.index(mod.size_out))
