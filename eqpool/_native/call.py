"""Calls of compiled kernels."""

from collections.abc import Sequence
from typing import Any

import jax
from jaxtyping import Array

from .build import target


def call(
    handler: str, arguments: Sequence[Array], shapes: Sequence[tuple[int, ...]], **attributes: Any
) -> Sequence[Array]:
    """Results of a kernel, of the given shapes and the dtype of the first argument.

    Every argument and result has two axes. Each `vmap` puts one in front: of its size where
    something is mapped, else of 1, so that what a batch shares is not copied.
    """
    dtype = arguments[0].dtype
    return jax.ffi.ffi_call(
        target(handler, dtype.name),
        [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes],
        vmap_method="expand_dims",
    )(*arguments, **attributes)
