"""A linear map whose transpose is given by hand."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from .._types import PyTree
from .._varying import shaped, together
from .portable import by_kernel


def linear_map(
    function: Callable[[Any, Any], Any],
    transposed: Callable[[Any, Any], Any],
    residuals: PyTree[Any],
    operands: PyTree[Any],
    results: PyTree[Any],
) -> PyTree[Any]:
    """`function(residuals, operands)`, linear in `operands`.

    Forward mode runs `function`. Reverse mode runs `transposed(residuals, cotangents)`, which
    returns cotangents of the operands and need not be differentiable: a second derivative
    transposes `function` instead, and so does what `jax.export` writes. `jax.custom_vjp` would
    leave no forward mode, and `jax.custom_derivatives.linear_call` knows no `vmap`. All are pytrees
    of arrays; `results` has shapes and dtypes of what `function` returns.
    """
    kept, kept_tree = jax.tree.flatten(residuals)
    given, given_tree = jax.tree.flatten(operands)
    returned, returned_tree = jax.tree.flatten(results)

    def flat(kept: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        pair = jax.tree.unflatten(kept_tree, kept), jax.tree.unflatten(given_tree, given)
        return jax.tree.leaves(function(*pair))

    def flat_transposed(kept: Sequence[Any], bars: Sequence[Any]) -> list[Any]:
        pair = jax.tree.unflatten(kept_tree, kept), jax.tree.unflatten(returned_tree, bars)
        return jax.tree.leaves(transposed(*pair))

    shapes = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in returned)
    out = _linear_p.bind(
        *together((*kept, *given)),
        count=len(kept),
        function=flat,
        transposed=_with_second_derivative(flat, flat_transposed, given),
        shapes=shapes,
    )
    return jax.tree.unflatten(returned_tree, out)


def _with_second_derivative(function: Any, transposed: Any, given: Sequence[Any]) -> Any:
    shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in given]

    @jax.custom_jvp
    def differentiable(kept: Sequence[Any], bars: Sequence[Any]) -> list[Any]:
        return by_kernel(transposed, plain, kept, bars)

    def plain(kept: Sequence[Any], bars: Sequence[Any]) -> list[Any]:
        # Linear, so anywhere; `jax.linear_transpose` refuses some of it before jax 0.10.
        anywhere = [jnp.zeros(x.shape, x.dtype) for x in shapes]
        (out,) = jax.vjp(lambda x: function(kept, x), anywhere)[1](bars)
        return out

    @differentiable.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        return differentiable(*primals), jax.jvp(plain, primals, tangents)[1]

    return differentiable


_linear_p = Primitive("eqpool_linear_map")
_linear_p.multiple_results = True


@_linear_p.def_abstract_eval
def _(*args: Any, shapes: Any, **_: Any) -> list[Any]:
    return [shaped(x.shape, x.dtype, args) for x in shapes]


@_linear_p.def_impl
def _run(*args: Any, count: int, function: Any, **_: Any) -> list[Any]:
    return function(list(args[:count]), list(args[count:]))


mlir.register_lowering(_linear_p, mlir.lower_fun(_run, multiple_results=True))


def _jvp(primals: Any, tangents: Any, *, count: int, function: Any, **params: Any) -> Any:
    params = dict(params, count=count, function=function)
    kept, given = primals[:count], primals[count:]
    out = _linear_p.bind(*primals, **params)
    dots = [ad.instantiate_zeros(dot) for dot in tangents]
    out_dot = _linear_p.bind(*kept, *dots[count:], **params)
    if any(not isinstance(dot, ad.Zero) for dot in tangents[:count]):
        more = jax.jvp(lambda *kept: function(list(kept), list(given)), kept, tuple(dots[:count]))[
            1
        ]
        out_dot = [x + y for x, y in zip(out_dot, more, strict=True)]
    return out, out_dot


ad.primitive_jvps[_linear_p] = _jvp


def _transpose(bars: Any, *args: Any, count: int, transposed: Any, shapes: Any, **_: Any) -> Any:
    bars = [
        jnp.zeros(x.shape, x.dtype) if isinstance(bar, ad.Zero) else bar
        for bar, x in zip(bars, shapes, strict=True)
    ]
    out = transposed(list(args[:count]), bars)
    asked = [ad.is_undefined_primal(x) for x in args[count:]]
    return [None] * count + [x if ask else None for x, ask in zip(out, asked, strict=True)]


ad.primitive_transposes[_linear_p] = _transpose


def _batch(
    args: Any, axes: Any, *, count: int, function: Any, transposed: Any, shapes: Any
) -> tuple[list[Any], list[int]]:
    size = next(x.shape[a] for x, a in zip(args, axes, strict=True) if a is not None)
    kept_axes, given_axes = list(axes[:count]), list(axes[count:])

    def mapped(kept: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        return jax.vmap(function, (kept_axes, given_axes))(kept, given)

    def mapped_transposed(kept: Sequence[Any], bars: Sequence[Any]) -> list[Any]:
        out = jax.vmap(transposed, (kept_axes, 0))(kept, bars)
        # What all share gets the sum of what each has to say.
        return [
            jnp.sum(x, 0) if axis is None else jnp.moveaxis(x, 0, axis)
            for x, axis in zip(out, given_axes, strict=True)
        ]

    more = tuple(jax.ShapeDtypeStruct((size, *x.shape), x.dtype) for x in shapes)
    out = _linear_p.bind(
        *args, count=count, function=mapped, transposed=mapped_transposed, shapes=more
    )
    return out, [0] * len(out)


batching.primitive_batchers[_linear_p] = _batch
