"""Sparse weights from what users have: SciPy, BCOO, BCSR."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._errors import describe, is_concrete
from .._types import Shape
from .weights import check_range, SparseWeights


def is_sparse(value: Any) -> bool:
    """Whether it is a sparse matrix of SciPy, JAX or ours, of which none is imported to tell."""
    return isinstance(value, SparseWeights) or _kind(value) is not None


def _kind(value: Any) -> str | None:
    if isinstance(value, type):
        return None
    if hasattr(value, "tocoo") and hasattr(value, "nnz"):
        return "scipy"
    if all(hasattr(value, name) for name in ("indices", "data", "n_batch", "n_dense")):
        return "BCSR" if hasattr(value, "indptr") else "BCOO"
    return None


def sparse_from(value: Any, owner: str) -> SparseWeights:
    """`value` as sparse weights.

    **Raises:** `TypeError` and `ValueError` as [`eqpool.SparseWeights`][], and `ValueError` for
    batches of matrices.
    """
    if isinstance(value, SparseWeights):
        return value
    if _kind(value) == "scipy":
        coo = value.tocoo()
        if len(coo.shape) != 2:
            raise ValueError(f"{owner}: takes a matrix with 2 axes; got shape {coo.shape}.")
        return SparseWeights(coo.data, coo.row, coo.col, coo.shape, owner=owner)
    if value.n_batch:
        raise ValueError(
            f"{owner}: takes one sparse matrix, without batch axes; got n_batch={value.n_batch}."
        )
    if _kind(value) == "BCSR":
        value = value.to_bcoo()
    return _from_bcoo(value, owner)


def _from_bcoo(value: Any, owner: str) -> SparseWeights:
    if not is_concrete(value.indices):
        # The same words as for other indices.
        return SparseWeights(value.data, value.indices, value.indices, value.shape, owner=owner)
    indices, shape = np.asarray(value.indices, np.int64), tuple(value.shape)
    _, axes = indices.shape
    dense = shape[axes:]
    # An index beyond the end in all axes is JAX's sign for a place that is not used.
    used = (indices < np.asarray(shape[:axes])).any(axis=1) if axes else np.ones(1, bool)
    indices, data = indices[used], value.data[used]
    for axis in range(1, axes):
        check_range(indices[:, axis], shape[axis], "index", owner, f" in axis {axis}")
    strides = [math.prod(shape[axis + 1 :]) for axis in range(1, axes)]
    start = indices[:, 1:] @ np.asarray(strides, np.int64)
    width = math.prod(dense)
    targets = (start[:, None] + np.arange(width)).reshape(-1)
    return SparseWeights(
        data.reshape(-1), np.repeat(indices[:, 0], width), targets, shape, owner=owner
    )


def values_for(weights: SparseWeights, value: Any, owner: str) -> Float[Array, " C"]:
    """The values of `value`, a sparse matrix, if it has the connections of `weights`.

    **Raises:** `ValueError` for other connections, `TypeError` for indices that are being traced.
    """
    other = sparse_from(value, owner)
    if other.sources is weights.sources and other.targets is weights.targets:
        return other.values
    mine, theirs = ((w.sources, w.targets) for w in (weights, other))
    if not all(map(is_concrete, (*mine, *theirs))):
        raise TypeError(
            f"{owner}: inside jit, grad or vmap it cannot be seen whether the connections are the "
            "same; give the values alone, `weights.values`."
        )
    if _count(other.shape) != _count(weights.shape) or not all(map(_equal, mine, theirs)):
        raise ValueError(
            f"{owner}: the connections of {describe(other)} ({other.connections}) are not those of "
            f"the module ({weights.connections}), which stay as they are. Build a new module, or "
            "give values for these: `mod.w_rec.take(dense)`."
        )
    return other.values


def _count(shape: Shape) -> Shape:
    return shape[0], math.prod(shape[1:])


def _equal(a: Any, b: Any) -> bool:
    return jnp.shape(a) == jnp.shape(b) and bool(np.array_equal(np.asarray(a), np.asarray(b)))
