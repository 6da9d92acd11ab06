"""`SparseWeights`: the connections that exist, and nothing for the others."""

import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int

from .._errors import describe, is_concrete
from .._types import Shape
from .lines import line_table


class SparseWeights(eqx.Module):
    """Weights of which only some exist, `(N, N_in)`: a value for each connection.

    Models take one as `w_rec`, and make one of a SciPy sparse matrix, a `BCOO` or a `BCSR`. Its
    values train in the family of the field; which connections there are stays as it is. A module
    holds it as `mod.w_rec`, while dictionaries such as `mod.parameters()` hold its values, `(C,)`.

    Connections are in the order of their source, and of their target within it; a connection that
    is given twice has the sum of both. One with the value 0 exists, and trains.

    **Attributes:**

    - `values`: the weight of each connection, `(C,)`.
    - `sources`: the neuron that it comes from.
    - `targets`: the channel that it leads to; with synapse types `post*K + k`.
    - `by_source`, `by_target`: places in `values`, in lines of `W` (down a column) that share a
        source or a target; `C` stands for no connection.
    - `shape`: of the dense weights, `(N, N_in)` or `(N, N, K)`.

    !!! example

        ```python
        matrix = scipy.sparse.random(1000, 1000, density=0.02)
        mod = eqpool.RateJax(1000, w_rec=matrix, has_rec=True)
        mod.w_rec.values, mod.w_rec.todense()
        ```
    """

    values: Float[Array, " C"]
    sources: Int[Array, " C"]
    targets: Int[Array, " C"]
    by_source: Int[Array, "W L"]
    by_target: Int[Array, "V M"]
    shape: Shape = eqx.field(static=True)

    def __init__(
        self,
        values: ArrayLike | Sequence[float],
        sources: ArrayLike | Sequence[int],
        targets: ArrayLike | Sequence[int],
        shape: Shape,
        *,
        owner: str = "SparseWeights",
    ):
        """**Arguments:**

        - `values`: real numbers, `(C,)`.
        - `sources`, `targets`: integers, `(C,)`, in any order.
        - `shape`: of the dense weights.
        - `owner`: what messages begin with.

        **Raises:** `TypeError` for values that are not real, for indices that are not integers, and
        for indices that are being traced; `ValueError` for numbers of them that differ, and for
        indices outside of `shape`.
        """
        shape = tuple(int(size) for size in shape)
        if len(shape) not in (2, 3):
            raise ValueError(f"{owner}: weights have 2 axes, or 3 with synapse types; got {shape}.")
        source, target = (_indices(x, owner) for x in (sources, targets))
        array = _real(values, owner)
        if not source.shape == target.shape == array.shape or array.ndim != 1:
            raise ValueError(
                f"{owner}: needs as many values as sources and targets, (C,) each; got shapes "
                f"{array.shape}, {source.shape} and {target.shape}."
            )
        check_range(source, shape[0], "source", owner)
        check_range(target, math.prod(shape[1:]), "target", owner)
        order = np.lexsort((target, source))
        source, target = source[order], target[order]
        new = np.ones(len(order), bool)
        new[1:] = (source[1:] != source[:-1]) | (target[1:] != target[:-1])
        if new.all():
            array = array[order]
        else:
            place, count = jnp.asarray(np.cumsum(new) - 1), int(new.sum())
            array = jnp.zeros((count,), array.dtype).at[place].add(array[order])
            source, target = source[new], target[new]
        self.values = array
        self.sources, self.targets = (jnp.asarray(x, jnp.int32) for x in (source, target))
        self.by_source, self.by_target = _tables(source, target, shape)
        self.shape = shape

    @classmethod
    def from_dense(cls, weights: ArrayLike) -> "SparseWeights":
        """The weights of an array that are not zero.

        **Arguments:**

        - `weights`: `(N, N_in)` or `(N, N, K)`.

        **Raises:** `TypeError` for what is no such array, or is being traced.
        """
        if not is_concrete(weights):
            raise TypeError(_TRACED.format(owner="SparseWeights"))
        array = np.asarray(weights)
        if array.ndim not in (2, 3):
            raise TypeError(f"SparseWeights: takes (N, N_in) or (N, N, K); got {describe(array)}.")
        source, target = np.nonzero(array.reshape(len(array), -1))
        return cls(array.reshape(len(array), -1)[source, target], source, target, array.shape)

    def with_values(self, values: Array) -> "SparseWeights":
        """The same connections with other weights, `(C,)`."""
        return eqx.tree_at(lambda w: w.values, self, values)

    def with_shape(self, shape: Shape) -> "SparseWeights":
        """The same with its targets counted along other axes: `(N, N*K)` as `(N, N, K)`.

        **Raises:** `ValueError` if sources or targets would be others in number.
        """
        if len(shape) not in (2, 3) or shape[0] != self.shape[0] or math.prod(shape) != self.size:
            raise ValueError(f"SparseWeights: {self.shape} cannot be counted as {shape}.")
        new = jax.tree.map(lambda x: x, self)
        object.__setattr__(new, "shape", tuple(shape))
        return new

    def todense(self) -> Float[Array, "N N_in *K"]:
        """All weights, with zeros where there is no connection."""
        dense = jnp.zeros((self.shape[0], math.prod(self.shape[1:])), self.dtype)
        return dense.at[self.sources, self.targets].add(self.values).reshape(self.shape)

    def take(self, dense: ArrayLike) -> Float[Array, " C"]:
        """What dense weights are at the connections: for `set_attributes`, or to start from."""
        if jnp.shape(dense) != self.shape:
            raise ValueError(f"SparseWeights: takes an array {self.shape}; got {describe(dense)}.")
        return jnp.asarray(dense).reshape(self.shape[0], -1)[self.sources, self.targets]

    @property
    def dtype(self) -> Any:
        """Of the values."""
        return self.values.dtype

    @property
    def ndim(self) -> int:
        """Number of axes of the dense weights."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of weights if they were dense."""
        return math.prod(self.shape)

    @property
    def connections(self) -> int:
        """Number of connections, C."""
        return self.values.shape[-1]

    def __check_init__(self) -> None:
        arrays = (self.values, self.sources, self.targets, self.by_source, self.by_target)
        if not all(map(is_concrete, arrays)):
            return
        lead = self.values.shape[:-1]  # of an ensemble
        source, target, *tables = (np.asarray(x) for x in arrays[1:])
        if any(x.shape[: len(lead)] != lead for x in (source, target, *tables)):
            raise ValueError(_DAMAGED)
        for at in np.ndindex(lead):
            ends = source[at], target[at]
            if not _in_order(*ends, self.connections, self.shape) or not all(
                map(np.array_equal, (x[at] for x in tables), _tables(*ends, self.shape))
            ):
                raise ValueError(_DAMAGED)


_TRACED = (
    "{owner}: which connections there are must be known when the module is built; build it outside "
    "of jit, grad and vmap, and hand the module over."
)
_DAMAGED = "SparseWeights: its indices contradict each other; they must not be changed by hand."


def _indices(given: Any, owner: str) -> np.ndarray:
    if not is_concrete(given):
        raise TypeError(_TRACED.format(owner=owner))
    found = np.asarray(given)
    if not np.issubdtype(found.dtype, np.integer) and found.size:
        raise TypeError(f"{owner}: indices must be integers; got {describe(found)}.")
    return found.astype(np.int64)


def _real(values: Any, owner: str) -> Array:
    array = values if hasattr(values, "dtype") else np.asarray(values)
    if not any(jnp.issubdtype(array.dtype, kind) for kind in (jnp.floating, jnp.integer)):
        raise TypeError(f"{owner}: the values must be real numbers; got {describe(array)}.")
    return jnp.array(array, jnp.result_type(float), copy=True)


def check_range(index: np.ndarray, size: int, what: str, owner: str, where: str = "") -> None:
    """Raises for an index that is not one of so many."""
    bad = np.flatnonzero((index < 0) | (index >= size))
    if bad.size:
        raise ValueError(
            f"{owner}: connection {bad[0]} has the {what} {index[bad[0]]}{where}, which must be "
            f"from 0 to {size - 1}."
        )


def _tables(source: np.ndarray, target: np.ndarray, shape: Shape) -> tuple[Array, Array]:
    by_target = np.lexsort((source, target))
    return (
        jnp.asarray(line_table(source, np.arange(len(source)), shape[0])),
        jnp.asarray(line_table(target, by_target, math.prod(shape[1:]))),
    )


def _in_order(source: np.ndarray, target: np.ndarray, connections: int, shape: Shape) -> bool:
    """Whether these are so many different places inside the shape, one after another."""
    if len(shape) not in (2, 3) or not source.shape == target.shape == (connections,):
        return False
    if not connections:
        return True
    channels = math.prod(shape[1:])
    inside = source.min() >= 0 and source.max() < shape[0] and target.min() >= 0
    place = source.astype(np.int64) * channels + target
    return bool(inside and target.max() < channels and (np.diff(place) > 0).all())
