"""`spikes @ weights` for weights that may be sparse."""

import functools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float, Int

from .._varying import as_returned, shaped, together
from .weights import SparseWeights


class Lines(NamedTuple):
    """Connections in lines that share an end.

    **Attributes:**

    - `others`: the other end of each.
    - `weights`: 0 where a line is not full.
    - `own`: the end that a line shares.
    """

    others: Int[Array, "W L"]
    weights: Float[Array, "W L"]
    own: Int[Array, " L"]


class Factor(eqx.Module):
    """Sparse weights, ready to be multiplied by in every step: `x @ factor`.

    `forward` holds the weights in the order of their targets, `backward` in that of their sources,
    for the transposed product of reverse mode.
    """

    forward: Lines
    backward: Lines
    shape: tuple[int, int] = eqx.field(static=True)

    def __rmatmul__(self, x: Float[Array, "*B N"]) -> Float[Array, "*B M"]:
        lead, size = x.shape[:-1], self.shape[1]
        x = x.reshape(-1, x.shape[-1]).T if lead else x
        y = _product.bind(*together((x, *self.forward, *self.backward)), size=size)
        return y.T.reshape(*lead, size) if lead else y


def as_factor(weights: Array | SparseWeights | Factor) -> Array | Factor:
    """What to multiply by in a scan, `(N, M)`, made once, outside of it.

    Of weights `(N, N, K)` it has the synapse types in front: `x @ factor` is `(K, N)` in a row.
    """
    if isinstance(weights, Factor):
        return weights
    if not isinstance(weights, SparseWeights):
        # Each synapse type contiguous.
        return weights.swapaxes(1, -1).reshape(len(weights), -1)
    targets, size = weights.targets, weights.size // weights.shape[0]
    if weights.ndim == 3:
        n, k = weights.shape[1:]
        targets = targets % k * n + targets // k
    forward = _lines(weights.by_target, weights.sources, targets, weights.values)
    backward = _lines(weights.by_source, targets, weights.sources, weights.values)
    return Factor(forward, backward, (weights.shape[0], size))


def row(factor: Array | Factor, index: Int[Array, ""]) -> Float[Array, " M"]:
    """One row of it, dense."""
    if isinstance(factor, Factor):
        dtype = factor.forward.weights.dtype
        return jax.nn.one_hot(index, factor.shape[0], dtype=dtype) @ factor
    return factor[index]


def _lines(table: Array, others: Array, own: Array, values: Array) -> Lines:
    def at(x: Array) -> Array:
        return x.at[table].get(mode="fill", fill_value=0)

    return Lines(at(others), at(values), _at(own, table[0]))


def _at(x: Array, index: Array) -> Array:
    return x.at[index].get(mode="promise_in_bounds")


# `x @ weights` of `x` `(N,)`, or `(N, B)` for a batch. A primitive, since its transpose and its
# batches have forms of their own, several times faster than what JAX derives from a gather: no
# scatter of single numbers, and no gather of strided slices.
_product = Primitive("sparse_product")

_UNROLL = 8
_COLUMNS = 64
"""How much of a batch is done together: its sums over lines take memory."""


def _compute(
    x: Array, others: Array, weights: Array, own: Array, *backward: Array, size: int
) -> Array:
    # A batch of unknown size, in `jax.export`, is done in one piece.
    if x.ndim == 2 and isinstance(x.shape[1], int) and x.shape[1] > _COLUMNS:
        one = functools.partial(_bind, others, weights, own, *backward, size=size)
        return jax.lax.map(one, x.T, batch_size=_COLUMNS).T
    total = jnp.zeros((weights.shape[1], *x.shape[1:]), jnp.result_type(x, weights))

    def add(total: Array, lane: tuple[Array, Array]) -> tuple[Array, None]:
        return total + _at(x, lane[0]) * (lane[1] if x.ndim == 1 else lane[1][:, None]), None

    unroll = len(weights) if x.ndim == 1 else _UNROLL
    total = as_returned(lambda total: add(total, (others[0], weights[0]))[0], total)
    total, _ = jax.lax.scan(add, total, (others, weights), unroll=unroll)
    y = jnp.zeros((size, *x.shape[1:]), total.dtype)
    return y.at[own].add(total, mode="promise_in_bounds")


def _bind(*lines_then_x: Array, size: int) -> Array:
    *lines, x = lines_then_x
    return _product.bind(x, *lines, size=size)


def _abstract(x: Any, others: Any, weights: Any, own: Any, *backward: Any, size: int) -> Any:
    dtype = jnp.result_type(x.dtype, weights.dtype)
    lines = (others, weights, own, *backward)
    return shaped((size, *x.shape[1:]), dtype, (x, *lines))


def _jvp(primals: Any, tangents: Any, *, size: int) -> tuple[Array, Any]:
    x, others, weights, own, others_b, weights_b, own_b = primals
    x_dot, _, weights_dot, _, _, weights_b_dot, _ = tangents
    y = _product.bind(*primals, size=size)
    parts = []
    if not isinstance(x_dot, ad.Zero):
        parts.append(_product.bind(x_dot, *primals[1:], size=size))
    if not isinstance(weights_dot, ad.Zero) or not isinstance(weights_b_dot, ad.Zero):
        dots = ad.instantiate_zeros(weights_dot), ad.instantiate_zeros(weights_b_dot)
        parts.append(_product.bind(x, others, dots[0], own, others_b, dots[1], own_b, size=size))
    return y, sum(parts[1:], parts[0])


def _transpose(
    ct: Any, x: Any, others: Any, weights: Any, own: Any, *backward: Any, size: int
) -> Any:
    forward, nothing = (others, weights, own), list[Any]([None] * 6)
    if ad.is_undefined_primal(x):
        n = x.aval.shape[0]
        return [_product.bind(ct, *backward, *forward, size=n), *nothing]
    # The weights in the order of sources are the same numbers; what they get would count twice.
    nothing[1] = _outer(x, others, ct, own) if ad.is_undefined_primal(weights) else None
    return [None, *nothing]


def _outer(x: Array, others: Array, ct: Array, own: Array) -> Array:
    """`sum_b x[others, b] * ct[own, b]`: one batch element after another, in the memory of one."""

    def one(x: Array, ct: Array) -> Array:
        return _at(x, others) * _at(ct, own)[None]

    if x.ndim == 1:
        return one(x, ct)
    total = jnp.zeros(others.shape, jnp.result_type(x, ct))
    total = as_returned(lambda total: total + one(x[:, 0], ct[:, 0]), total)
    return jax.lax.scan(lambda total, b: (total + one(*b), None), total, (x.T, ct.T))[0]


def _batch(args: Any, dims: Any, *, size: int) -> tuple[Array, int]:
    x, *lines = args
    if any(dim is not None for dim in dims[1:]):
        # Several matrices, one after another: each is large.
        pairs = list(zip(args, dims, strict=True))
        shared = [a if dim is None else None for a, dim in pairs]
        own = [None if dim is None else jnp.moveaxis(a, dim, 0) for a, dim in pairs]
        return jax.lax.map(lambda own: _product.bind(*eqx.combine(own, shared), size=size), own), 0
    x = jnp.moveaxis(x, dims[0], -1)
    y = _product.bind(x.reshape(len(x), -1), *lines, size=size)
    return y.reshape(size, *x.shape[1:]), x.ndim - 1


_product.def_impl(jax.jit(_compute, static_argnames="size"))
_product.def_abstract_eval(_abstract)
ad.primitive_jvps[_product] = _jvp
ad.primitive_transposes[_product] = _transpose
batching.primitive_batchers[_product] = _batch
mlir.register_lowering(_product, mlir.lower_fun(_compute, multiple_results=False))
