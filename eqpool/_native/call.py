"""Calls of compiled kernels."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
from jaxtyping import Array

from .._types import Shape
from .._varying import together
from .build import target


def call(
    handler: str,
    dtype: Any,
    operands: Mapping[str, tuple[Array, Shape]],
    results: Sequence[Shape],
    **attributes: Any,
) -> Sequence[Array]:
    """Runs a kernel and returns its results.

    Every operand and result has two axes. Each `vmap` puts one in front: of its size where
    something is mapped, else of 1, so that what a batch shares is not copied.

    **Arguments:**

    - `handler`: the C++ function.
    - `dtype`: of every operand and result.
    - `operands`: by name, each with the shape that the kernel reads.
    - `results`: the shape of each result.
    - `**attributes`: what the kernel takes besides arrays.

    **Raises:** `TypeError`, naming the operand, for one of another dtype or shape: the kernel
    would read beyond its end.
    """
    for name, (array, shape) in operands.items():
        if array.dtype != dtype or array.shape != shape:
            raise TypeError(
                f"{handler}: {name} must be {dtype}{list(shape)}; got {array.dtype}"
                f"{list(array.shape)}. Run the module by `evolve`, which brings all fields and the "
                "input to one dtype."
            )
    arrays = [array for array, _ in operands.values()]
    out = jax.ffi.ffi_call(
        target(handler, dtype.name),
        [jax.ShapeDtypeStruct(shape, dtype) for shape in results],
        vmap_method="expand_dims",
    )(*arrays, **attributes)
    return together((*out, *arrays))[: len(results)]
