"""Arrays of which one axis runs over the lanes of a loop, and the expressions of one lane."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Unsupported(Exception):
    """Why no C++ can be made of a function."""


class Lanes(NamedTuple):
    """An array in the loop over lanes.

    **Attributes:**

    - `shape`: as JAX has it.
    - `axis`: which axis runs over lanes; `None` if none does.
    - `items`: an expression of C++ for each element of one lane, with as many axes as `shape`.
        Along an axis of length 1 all elements are the same.
    - `kind`: `"real"`, `"flag"` or `"whole"`.
    - `merged`: whether the lane axis holds several numbers of each lane, one after the other.
    """

    shape: tuple[int, ...]
    axis: int | None
    items: np.ndarray
    kind: str
    merged: bool = False


def uniform(shape: Sequence[int], expression: str, kind: str) -> Lanes:
    """An array whose elements are all the same."""
    items = np.empty((1,) * len(shape), object)
    items[...] = expression
    return Lanes(tuple(shape), None, items, kind)


def rows(shape: Sequence[int], axis: int | None, names: Sequence[str], kind: str) -> Lanes:
    """An array of named elements, in the order of its axes without that of the lanes."""
    sizes = [1 if a == axis else size for a, size in enumerate(shape)]
    items = np.empty(len(names), object)
    items[:] = names
    return Lanes(tuple(shape), axis, items.reshape(sizes), kind)


def names_of(x: Lanes) -> list[str]:
    """The expressions of an array, as `rows` takes them."""
    sizes = [1 if a == x.axis else size for a, size in enumerate(x.shape)]
    return list(np.broadcast_to(x.items, sizes).reshape(-1))


def together(operands: Sequence[Lanes]) -> tuple[tuple[int, ...], int | None, list[np.ndarray]]:
    """Shape, lane axis and elements of operands that are combined element by element."""
    axes = {x.axis for x in operands if x.axis is not None}
    if len(axes) > 1:
        raise Unsupported("arrays whose neurons lie along different axes")
    rank = max(len(x.shape) for x in operands)
    if any(len(x.shape) not in (rank, 0) for x in operands):
        raise Unsupported("arrays of different shapes")
    shape = np.broadcast_shapes(*(x.shape for x in operands))
    if any(x.axis is not None and x.shape[x.axis] != shape[x.axis] for x in operands):
        raise Unsupported("a layer of one neuron that is spread out")
    if any(x.merged for x in operands) and not all(x.merged or x.items.size == 1 for x in operands):
        raise Unsupported("several inputs of each neuron that are not taken apart")
    axis = axes.pop() if axes else None
    items = [x.items if x.shape else x.items.reshape((1,) * len(shape)) for x in operands]
    if axis is not None and not any(x.merged for x in operands):
        if any(x.ndim and x.shape[axis] > 1 for x in items):
            raise Unsupported("numbers that differ from neuron to neuron, and are no parameter")
    return shape, axis, items


def broadcast(x: Lanes, shape: Sequence[int], dimensions: Sequence[int]) -> Lanes:
    """As `jax.lax.broadcast_in_dim`."""
    if x.merged:
        raise Unsupported("several inputs of each neuron that are not taken apart")
    sizes = [1] * len(shape)
    for a, to in enumerate(dimensions):
        sizes[to] = x.items.shape[a]
    axis = None if x.axis is None else dimensions[x.axis]
    if x.axis is not None and axis is not None and x.shape[x.axis] != shape[axis]:
        raise Unsupported("a layer of one neuron that is spread out")
    return Lanes(tuple(shape), axis, x.items.reshape(sizes), x.kind)


def reshaped(x: Lanes, shape: Sequence[int]) -> Lanes:
    """As `jax.numpy.reshape`, of axes that come or go, or that are taken apart."""
    shape = tuple(shape)
    if x.merged:
        count = x.items.size
        if shape[:-1] == (x.shape[0] // count,) and shape[-1] == count:
            return Lanes(shape, 0, x.items.reshape(1, count), x.kind)
        raise Unsupported("inputs of a neuron that are taken apart in another way")
    if x.axis is None and x.items.size == 1:
        return Lanes(shape, None, x.items.reshape((1,) * len(shape)), x.kind)
    kept = [(a, size) for a, size in enumerate(x.shape) if size != 1 or a == x.axis]
    found, places = list(kept), []
    for to, size in enumerate(shape):
        if found and size == found[0][1]:
            places.append((found.pop(0)[0], to))
        elif size != 1:
            return _joined(x, shape)
    if found:
        return _joined(x, shape)
    sizes = [1] * len(shape)
    axis = None
    for a, to in places:
        sizes[to] = x.items.shape[a]
        axis = to if a == x.axis else axis
    return Lanes(shape, axis, x.items.reshape(sizes), x.kind)


def _joined(x: Lanes, shape: tuple[int, ...]) -> Lanes:
    """`(N, K)` as `(N*K,)`."""
    if x.axis == 0 and len(x.shape) == 2 and shape == (x.shape[0] * x.shape[1],):
        items = np.broadcast_to(x.items, (1, x.shape[1])).reshape(-1)
        return Lanes(shape, 0, items, x.kind, merged=x.shape[1] > 1)
    raise Unsupported("a reshape that mixes neurons with other axes")


def transposed(x: Lanes, permutation: Sequence[int]) -> Lanes:
    """As `jax.lax.transpose`."""
    shape = tuple(x.shape[a] for a in permutation)
    axis = None if x.axis is None else list(permutation).index(x.axis)
    return x._replace(shape=shape, axis=axis, items=x.items.transpose(permutation))


def sliced(x: Lanes, starts: Sequence[int], limits: Sequence[int], strides: Any) -> Lanes:
    """As `jax.lax.slice`, along other axes than that of the lanes."""
    strides = strides or (1,) * len(starts)
    where = []
    for a, (start, limit, stride) in enumerate(zip(starts, limits, strides, strict=True)):
        whole = start == 0 and limit == x.shape[a] and stride == 1
        if a == x.axis and not whole:
            raise Unsupported("a slice of neurons")
        same = x.items.shape[a] == 1
        where.append(slice(None) if same else slice(start, limit, stride))
    sizes = [len(range(*bounds)) for bounds in zip(starts, limits, strides, strict=True)]
    if x.merged:
        raise Unsupported("several inputs of each neuron that are not taken apart")
    return x._replace(shape=tuple(sizes), items=x.items[tuple(where)])


def padded(x: Lanes, value: Lanes, config: Sequence[Sequence[int]]) -> Lanes:
    """As `jax.lax.pad`, along other axes than that of the lanes."""
    shape = tuple(size + low + high for size, (low, high, _) in zip(x.shape, config, strict=True))
    sizes = list(x.items.shape)
    for a, (low, high, inner) in enumerate(config):
        if inner or low < 0 or high < 0 or (a == x.axis and (low or high)):
            raise Unsupported("padding between or of neurons")
        if low or high:
            sizes[a] = x.shape[a]
    items = np.broadcast_to(x.items, sizes)
    widths = [(low, high) for low, high, _ in config]
    filled = np.pad(items, widths, constant_values=value.items.reshape(-1)[0])
    return x._replace(shape=shape, items=filled)


def concatenated(operands: Sequence[Lanes], dimension: int) -> Lanes:
    """As `jax.lax.concatenate`, along another axis than that of the lanes."""
    axes = {x.axis for x in operands if x.axis is not None}
    if len(axes) > 1 or dimension in axes or any(x.merged for x in operands):
        raise Unsupported("neurons side by side with others")
    axis = axes.pop() if axes else None
    spread = []
    for x in operands:
        sizes = list(x.shape)
        if axis is not None:
            sizes[axis] = 1
        spread.append(np.broadcast_to(x.items, sizes))
    items = np.concatenate(spread, dimension)
    shape = list(operands[0].shape)
    shape[dimension] = items.shape[dimension]
    return Lanes(tuple(shape), axis, items, operands[0].kind)
