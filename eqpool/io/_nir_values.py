"""What stands in the nodes of NIR: numbers and shapes, which anyone may have put there."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from .._errors import describe


def numbers(name: str, node: Any, field: str) -> np.ndarray:
    """The values of a field of a node.

    **Raises:** `TypeError` for what are no numbers, `ValueError` for none and for infinite ones.
    """
    value = getattr(node, field, None)
    try:
        array = np.asarray(value)
    except Exception as error:  # whatever an array of others stumbles over
        raise TypeError(
            f"from_nir: {field} of the node {name!r} must be an array of numbers, which NumPy can "
            f"read; got {describe(value)}: {error}"
        ) from error
    kinds = (jnp.floating, jnp.integer, jnp.bool_)
    if not any(jnp.issubdtype(array.dtype, kind) for kind in kinds):
        raise TypeError(
            f"from_nir: {field} of the node {name!r} must be an array of numbers; got "
            f"{describe(array)}."
        )
    if not array.size:
        raise ValueError(
            f"from_nir: {field} of the node {name!r} has no values; its shape is {array.shape}."
        )
    finite = np.isfinite(array)
    if not np.all(finite):
        first = array[~finite][0]
        integrator = {"LIF": "IF", "LI": "I"}.get(type(node).__name__)
        hint = ""
        if field == "tau" and integrator and first == np.inf:
            hint = f" For neurons that do not leak there is nir.{integrator}."
        raise ValueError(
            f"from_nir: {field} of the node {name!r} must be finite; got {first}.{hint}"
        )
    return array


def note(node: Any, key: str, default: Any = None) -> Any:
    """An entry of the metadata of a node, in which anything may stand."""
    metadata = getattr(node, "metadata", None)
    return metadata.get(key, default) if isinstance(metadata, dict) else default


def channels(name: str, node: Any) -> tuple[int, ...] | None:
    """The shape of the channels of an `Input` or `Output`; `None` where it does not say.

    Axes of length 1 are left out: what is written of a sample keeps its batch, and its time.
    """
    types = getattr(node, "input_type", None) or getattr(node, "output_type", None)
    shape = next(iter(types.values()), None) if isinstance(types, dict) else types
    if shape is None:
        return None
    try:
        found = np.asarray(shape, np.float64).ravel()
    except (TypeError, ValueError):
        found = np.array([np.nan])
    if not np.all(np.isfinite(found) & (found >= 1) & (found == np.floor(found))):
        raise ValueError(
            f"from_nir: the channels of the node {name!r} must be positive integers; got "
            f"{describe(shape)}."
        )
    return tuple(int(n) for n in found if n != 1)
