"""Runs over meshes of explicit axes, whose shardings are part of the types of arrays."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jaxtyping import Array


def divided_by_xla(run: Callable[[Any, Array], Any]) -> Callable[[Any, Array], Any]:
    """`run(module, input_data)`, in which XLA divides the work along explicit axes, too.

    Results have the batch where the input has it, and are on every device otherwise.
    """

    def divided(module: Any, input_data: Array) -> Any:
        mesh = _explicit_mesh((module, input_data))
        if mesh is None:
            return run(module, input_data)
        batch = jax.typeof(input_data).sharding.spec[:1] if input_data.ndim == 3 else ()
        arrays, static = eqx.partition(module, eqx.is_array)
        axes = tuple(
            name
            for name, kind in zip(mesh.axis_names, mesh.axis_types, strict=True)
            if kind == AxisType.Explicit
        )
        with jax.sharding.use_abstract_mesh(mesh):
            auto_axes: Any = jax.sharding.auto_axes
            return auto_axes(
                lambda arrays, input_data: run(eqx.combine(arrays, static), input_data),
                axes=axes,
                out_sharding=PartitionSpec(*batch),
            )(arrays, input_data)

    return divided


def _explicit_mesh(tree: Any) -> Any:
    """The mesh over whose explicit axes an array is spread, or `None`."""
    for leaf in filter(eqx.is_array, jax.tree.leaves(tree)):
        sharding: Any = jax.typeof(leaf).sharding
        if any(axes is not None for axes in sharding.spec):
            return sharding.mesh
    return None


def placed(tree: Any, mesh: jax.sharding.Mesh, spec: PartitionSpec) -> Any:
    """Arrays spread over the explicit axes that `spec` names, as `jax.shard_map` wants them."""
    if AxisType.Explicit not in mesh.axis_types:
        return tree
    return jax.tree.map(lambda x: jax.sharding.reshard(x, NamedSharding(mesh, spec)), tree)
