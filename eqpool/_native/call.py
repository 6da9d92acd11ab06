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

    Operands come by name, each with the shape that the kernel reads: of another it would read
    beyond the end, so that is a `TypeError`. Every operand and result has two axes. Each `vmap`
    puts one in front: of its size where something is mapped, else of 1, so that what a batch
    shares is not copied. `attributes` are what the kernel takes besides arrays.
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
