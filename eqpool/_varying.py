"""Over which axes of a mesh values vary inside `jax.shard_map`, which JAX checks."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
from jax.core import ShapedArray
from jax.sharding import NamedSharding, PartitionSpec


Axes = frozenset[Any]


def inside_shard_map() -> bool:
    """Whether a function is traced for each device by itself."""
    return bool(jax.sharding.get_abstract_mesh().manual_axes)


def axes_of(aval: Any) -> Axes:
    """The axes over which a value of this type varies."""
    kind = getattr(aval, "manual_axis_type", None)  # from jax 0.10 on
    return getattr(aval, "vma", frozenset()) if kind is None else kind.varying


def spread(x: Any, axes: Axes) -> Any:
    """A value that varies over these axes, too."""
    if not axes:
        return x
    if hasattr(jax.lax, "pcast"):
        return jax.lax.pcast(x, tuple(axes), to="varying")
    return jax.lax.pvary(x, tuple(axes))  # pyright: ignore[reportAttributeAccessIssue]


def as_returned(function: Callable[[Any], Any], x: Any) -> Any:
    """`x` varying over every axis that `function(x)`, of the same structure, varies over."""
    while inside_shard_map():
        leaves, structure = jax.tree.flatten(x)
        ends = jax.make_jaxpr(function)(x).out_avals
        more = [axes_of(end) - axes_of(jax.typeof(x)) for end, x in zip(ends, leaves, strict=True)]
        if not any(more):
            break
        x = structure.unflatten(map(spread, leaves, more))
    return x


def together(args: Iterable[Any]) -> list[Any]:
    """Arguments of a primitive, each varying over every axis that one of them varies over.

    What devices share then gets the sum of their cotangents.
    """
    args = list(args)
    if not inside_shard_map():
        return args
    axes: Axes = frozenset().union(*(axes_of(jax.typeof(x)) for x in args))
    return [spread(x, axes - axes_of(jax.typeof(x))) for x in args]


def shaped(shape: tuple[Any, ...], dtype: Any, arguments: Iterable[Any]) -> ShapedArray:
    """The type of a result that varies over whatever an argument of a primitive varies over."""
    axes: Axes = frozenset().union(*map(axes_of, arguments))
    if not axes:
        return ShapedArray(shape, dtype)
    mesh = jax.sharding.get_abstract_mesh()
    kind = getattr(ShapedArray((), dtype), "manual_axis_type", None)
    varying: Any = dict(vma=axes)
    if kind is not None:
        varying = dict(manual_axis_type=type(kind)(varying=axes))
    sharding = NamedSharding(mesh, PartitionSpec(*[None] * len(shape)))
    return ShapedArray(shape, dtype, sharding=sharding, **varying)
