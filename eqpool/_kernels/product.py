"""A matrix product that leaves out zeros where there are many: its kernel, its derivatives."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

from .. import _native
from .._varying import shaped, together


# Below one of these a product takes XLA no longer than looking for zeros.
LEAST_OUTPUTS = 16
LEAST_WEIGHTS = 1 << 10
LEAST_MULTIPLICATIONS = 1 << 24
LIKELY_BATCH = 256
"""Runs of a batch, which is not known yet when it is decided whether a kernel is compiled."""
MOST_FILLED = 0.1
"""Share of numbers other than zero up to which the kernel is faster, both ways."""
SAMPLE = 64
"""Rows that are looked at before the product."""


def obstacle_to_sparse(x: Array, w: Array) -> str | None:
    """Why `sparse_product` cannot compute a product, or would not gain by it."""
    if not _native.all_known((*x.shape, *w.shape)):
        return "its input is empty, or of open length"
    enough = x.shape[0] * w.size * LIKELY_BATCH >= LEAST_MULTIPLICATIONS
    if not enough or w.size < LEAST_WEIGHTS or w.shape[1] < LEAST_OUTPUTS:
        return "it is a small one"
    if x.dtype != w.dtype:
        return "its input is of another dtype than its weights"
    return _native.obstacle("product", x.dtype.name)


def sparse_product(x: Float[Array, "T N_in"], w: Float[Array, "N_in N"]) -> Float[Array, "T N"]:
    """`x @ w`, where there is no `obstacle_to_sparse`.

    Whether `x` is mostly zeros is decided when the product is computed, by a sample of its rows. If
    so, a kernel adds rows of `w` for what is not zero, else XLA multiplies. So does the derivative
    wrt `w`. A zero times what is not finite is then zero. The derivative wrt `x` is XLA's.
    """
    return _bound(x, w, False)


def _bound(x: Array, y: Array, transposed: bool) -> Array:
    """`x @ y`, or `x.T @ y`; both may have axes of batches in front, of their size or of 1."""
    return _product_p.bind(*together((x, y)), transposed=transposed)


def _plain(x: Array, y: Array, transposed: bool) -> Array:
    return (x.swapaxes(-1, -2) if transposed else x) @ y


def _native_product(x: Array, y: Array, transposed: bool) -> Array:
    handler = f"eqpool_product_{'transposed' if transposed else 'forward'}"
    operands = {"x": (x, x.shape), "the other factor": (y, y.shape)}
    return _native.call(handler, x.dtype, operands, (_shape(x, y, transposed),))[0]


def _shape(x: Any, y: Any, transposed: bool) -> tuple[int, ...]:
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return (*batch, x.shape[-1 if transposed else -2], y.shape[-1])


def _mostly_zeros(x: Array) -> Array:
    """By rows at golden sections, so that what is periodic in time does not deceive it."""
    rows = x.reshape(-1, x.shape[-1])
    count = rows.shape[0]
    if count > SAMPLE:
        places = np.unique((np.arange(SAMPLE) * 0.6180339887498949 % 1.0 * count).astype(np.int32))
        rows = rows.at[places].get(mode="promise_in_bounds", unique_indices=True)
    return jnp.count_nonzero(rows) <= int(MOST_FILLED * rows.size)


def _chosen(x: Array, y: Array, *, transposed: bool) -> Array:
    plain = partial(_plain, transposed=transposed)
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    if math.prod((*batch, *x.shape[-2:], y.shape[-1])) < LEAST_MULTIPLICATIONS:
        return plain(x, y)
    native = partial(_native_product, transposed=transposed)
    return jax.lax.cond(_mostly_zeros(x), native, plain, x, y)


_product_p = Primitive("eqpool_product")
_product_p.def_impl(jax.jit(_chosen, static_argnames="transposed"))


@_product_p.def_abstract_eval
def _(x: Any, y: Any, *, transposed: bool) -> Any:
    return shaped(_shape(x, y, transposed), x.dtype, (x, y))


def _lower(ctx: Any, *args: Any, transposed: bool) -> Any:
    # Exported, it may run on another machine.
    exported = getattr(ctx.module_context.lowering_parameters, "for_export", False)
    function = partial(_plain if exported else _chosen, transposed=transposed)
    return mlir.lower_fun(function, multiple_results=False)(ctx, *args)


mlir.register_lowering(_product_p, _lower)


def _jvp(primals: Any, tangents: Any, *, transposed: bool) -> Any:
    (x, y), (x_dot, y_dot) = primals, tangents
    out, dots = _bound(x, y, transposed), []
    if not isinstance(x_dot, ad.Zero):
        dots.append(_plain(x_dot, y, transposed))
    if not isinstance(y_dot, ad.Zero):
        dots.append(_bound(x, y_dot, transposed))
    return out, sum(dots[1:], dots[0])


ad.primitive_jvps[_product_p] = _jvp


def _transpose(bar: Any, x: Any, y: Any, *, transposed: bool) -> Any:
    if ad.is_undefined_primal(x):
        other, bar = (bar, y) if transposed else (y, bar)
        return _summed_to(bar @ other.swapaxes(-1, -2), x.aval.shape), None
    return None, _summed_to(_bound(x, bar, not transposed), y.aval.shape)


def _summed_to(x: Array, shape: tuple[int, ...]) -> Array:
    axes = tuple(i for i, (own, size) in enumerate(zip(x.shape, shape, strict=True)) if own != size)
    return jnp.sum(x, axes, keepdims=True)


ad.primitive_transposes[_product_p] = _transpose


def _batch(args: Any, axes: Any, *, transposed: bool) -> Any:
    x, y = (
        arg[None] if axis is None else jnp.moveaxis(arg, axis, 0)
        for arg, axis in zip(args, axes, strict=True)
    )
    if axes[1] is None and x.ndim == 3 and not transposed:
        # More rows of one product.
        out = _bound(x.reshape(-1, x.shape[-1]), y[0], False)
        return out.reshape(*x.shape[:-1], -1), 0
    return _bound(x, y, transposed), 0


batching.primitive_batchers[_product_p] = _batch
