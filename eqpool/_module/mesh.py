"""Checks of meshes of devices."""

from typing import Any

import jax
from jax.sharding import AxisType

from .._errors import describe, listing, suggestion


def check_mesh(mesh: Any, owner: str) -> None:
    """Raises `TypeError` for what is no mesh."""
    if not isinstance(mesh, jax.sharding.Mesh):
        raise TypeError(
            f"{owner}: mesh must be a jax.sharding.Mesh, as `jax.make_mesh((8,), ('batch',), "
            f"(AxisType.Auto,))`; got {describe(mesh)}."
        )


def mesh_size(mesh: Any, axis: Any, owner: str) -> int:
    """The number of devices along an axis of a mesh.

    **Raises:** `TypeError` if it is no mesh; `ValueError` for an axis that it lacks.
    """
    check_mesh(mesh, owner)
    if axis not in mesh.axis_names:
        raise ValueError(
            f"{owner}: mesh has no axis {axis!r}.{suggestion(str(axis), mesh.axis_names)} It has "
            f"{listing(mesh.axis_names)}; name one of them, as `axis={mesh.axis_names[0]!r}`."
        )
    return mesh.shape[axis]


def check_auto(mesh: jax.sharding.Mesh, axis: str, owner: str) -> None:
    """Raises if an axis of a mesh is not one along which XLA divides the work."""
    kind = mesh.axis_types[mesh.axis_names.index(axis)]
    if kind != AxisType.Auto:
        raise ValueError(
            f"{owner}: the axis {axis!r} of mesh is of type {kind.name}; expected Auto: "
            "`jax.make_mesh(sizes, names, (AxisType.Auto,) * len(names))`."
        )
