"""A computation by kernels, that `jax.export` replaces by one that runs anywhere."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir

from .._varying import shaped


def all_known(shape: tuple[Any, ...]) -> bool:
    """Whether a shape is of positive numbers: `jax.export` may leave some open."""
    return all(isinstance(size, int) and size > 0 for size in shape)


def by_kernel(native: Callable[..., Any], portable: Callable[..., Any], *args: Any) -> Any:
    """`native(*args)`; or `portable(*args)` in a program that is exported.

    A program that is exported may run on another machine, and JAX refuses kernels in it. Whether
    a function is exported shows only when it is lowered, so this is a primitive. Both functions
    return the same shapes, and have no derivative here: who calls this has given one. What is no
    array in `args` is static.
    """
    arrays, static = eqx.partition(args, eqx.is_array)
    flat, structure = jax.tree.flatten(arrays)

    def flattened(function: Callable[..., Any]) -> Callable[..., list[Any]]:
        def run(*flat: Any) -> list[Any]:
            args = eqx.combine(jax.tree.unflatten(structure, flat), static)
            return jax.tree.leaves(function(*args))

        return run

    results, returned = jax.tree.flatten(eqx.filter_eval_shape(native, *args))
    shapes = tuple((x.shape, x.dtype) for x in results)
    out = _kernel_p.bind(
        *flat, native=flattened(native), portable=flattened(portable), shapes=shapes
    )
    return jax.tree.unflatten(returned, out)


_kernel_p = Primitive("eqpool_by_kernel")
_kernel_p.multiple_results = True


@_kernel_p.def_abstract_eval
def _(*args: Any, shapes: Any, **_: Any) -> list[Any]:
    return [shaped(shape, dtype, args) for shape, dtype in shapes]


@_kernel_p.def_impl
def _(*args: Any, native: Any, **_: Any) -> list[Any]:
    return native(*args)


def _lower(ctx: Any, *args: Any, native: Any, portable: Any, **_: Any) -> Any:
    exported = getattr(ctx.module_context.lowering_parameters, "for_export", False)
    function = portable if exported else native
    return mlir.lower_fun(function, multiple_results=True)(ctx, *args)


mlir.register_lowering(_kernel_p, _lower)


def _batch(
    args: Sequence[Any], axes: Sequence[Any], *, native: Any, portable: Any, shapes: Any
) -> tuple[list[Any], list[int]]:
    size = next(x.shape[axis] for x, axis in zip(args, axes, strict=True) if axis is not None)

    def mapped(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: jax.vmap(function, tuple(axes))(*args)

    out = _kernel_p.bind(
        *args,
        native=mapped(native),
        portable=mapped(portable),
        shapes=tuple(((size, *shape), dtype) for shape, dtype in shapes),
    )
    return out, [0] * len(out)


batching.primitive_batchers[_kernel_p] = _batch
