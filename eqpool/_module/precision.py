"""The one dtype that a run has."""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from .._types import NestedDict
from .tree import map_leaves, tagged_leaves


_T = TypeVar("_T")

FLOATS = ("bfloat16", "float16", "float32", "float64")
"""The dtypes that a run can have."""


def check_precision(module: Any, *arrays: Any) -> None:
    """Raises for arrays in double precision, made while it was on, where it is off."""
    if jax.config.jax_enable_x64:  # pyright: ignore
        return
    found = [("an input", array) for array in arrays]
    if any(_is_double(leaf) for leaf in jax.tree.leaves(module)):
        found += [(repr(".".join(path)), leaf) for path, _, leaf in tagged_leaves(module)]
    for name, leaf in found:
        if _is_double(leaf):
            raise TypeError(
                f"{module.full_name}: {name} is float64, but double precision is off: switch it "
                "on, `jax.config.update('jax_enable_x64', True)`, or build the module and its "
                "input while it is off."
            )


def _is_double(leaf: Any) -> bool:
    # JAX makes float32 of an array of NumPy.
    return isinstance(leaf, jax.Array) and leaf.dtype == jnp.float64


def run_dtype(module: Any, *operands: Any) -> Any:
    """The dtype of a run: what NumPy promotes the fields of all modules and the input to."""
    leaves = [leaf for _, _, leaf in tagged_leaves(module)]
    floating = [*filter(is_floating, (*leaves, *jax.tree.leaves(operands)))]
    with jax.numpy_dtype_promotion("standard"):
        return jnp.result_type(*floating) if floating else jnp.result_type(float)


def promoted(*arrays: Any) -> list[Any]:
    """Arrays in the dtype that NumPy promotes them to."""
    with jax.numpy_dtype_promotion("standard"):
        dtype = jnp.result_type(*arrays)
    return [jnp.asarray(array, dtype) for array in arrays]


def with_dtype(tree: _T, dtype: Any) -> _T:
    """A pytree with all floating-point arrays in another dtype."""
    return jax.tree.map(lambda leaf: _cast(leaf, dtype), tree)


def module_with_dtype(module: _T, dtype: Any) -> _T:
    """A module with all declared floating-point arrays in another dtype."""
    return map_leaves(lambda site, leaf: leaf if site.field is None else _cast(leaf, dtype), module)


def state_as_before(state: NestedDict, before: NestedDict) -> NestedDict:
    """A new state in the dtypes of the one that a run started from, so that it can go on."""
    dtypes = [leaf.dtype for leaf in jax.tree.leaves(state) if is_floating(leaf)]
    if dtypes == [leaf.dtype for leaf in jax.tree.leaves(before) if is_floating(leaf)]:
        return state
    return jax.tree.map(
        lambda new, old: _cast(new, old.dtype) if is_floating(old) else new, state, before
    )


def is_floating(leaf: Any) -> bool:
    """Whether it is an array of real numbers."""
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)


def _cast(leaf: Any, dtype: Any) -> Any:
    return leaf.astype(dtype) if is_floating(leaf) and leaf.dtype != dtype else leaf
