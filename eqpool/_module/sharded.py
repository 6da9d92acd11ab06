"""A batch over the devices of a mesh."""

from typing import Any

from jax.sharding import Mesh
from jaxtyping import Array, ArrayLike

from .._errors import describe
from .._types import NestedDict
from .base import AbstractModule
from .batching import checked_input, MeshAxis
from .checkpoint import segment_length
from .compiled import evolve_checked
from .mesh import mesh_size
from .place import place
from .precision import check_precision


def evolve_sharded(
    module: AbstractModule,
    input_data: ArrayLike,
    mesh: Mesh,
    axis: str = "batch",
    record: bool = False,
    *,
    checkpoint: bool | int = False,
) -> tuple[Array, NestedDict, NestedDict]:
    """Runs a module over a batch, each device over its share.

    The result is that of `module.evolve(input_data, record)`, random numbers included. Plain
    `evolve` also takes an input that is spread over devices, but then XLA adds the
    gradient of every parameter up over the devices in each time step. Here the devices run by
    themselves, and the gradient is added up once. Other axes of the mesh are left
    to XLA, as with [`eqpool.neuron_shardings`][].

    **Arguments:**

    - `module`: as it is, on every device.
    - `input_data`: as of `evolve`, `(B, T, N_in)`, where `B` is a multiple of the size of the axis.
        It may already be spread over it, as by
        `eqx.filter_shard(input_data, NamedSharding(mesh, PartitionSpec("batch")))`.
    - `mesh`: as of `jax.make_mesh`.
    - `axis`: of the mesh, that the batch is spread over. Default `"batch"`.
    - `record`, `checkpoint`: as of `evolve`. Default `False`.

    **Returns:** output, new state and record, as of `evolve`; all spread over the axis.

    **Raises:** as `evolve`; `TypeError` if `mesh` is not one; `ValueError` for input without a
    batch axis, for a `B` that is no multiple of the size of the axis, and for an axis that the
    mesh lacks.

    !!! example

        ```python
        mesh = jax.make_mesh((jax.device_count(),), ("batch",), (AxisType.Auto,))
        output, state, _ = eqpool.evolve_sharded(net, x, mesh)
        ```
    """
    devices = mesh_size(mesh, axis, "evolve_sharded")
    if not isinstance(module, AbstractModule):
        raise TypeError(
            f"evolve_sharded: module must be a module of eqpool; got {describe(module)}."
        )
    array: Any = checked_input(module, input_data)
    check_precision(module, array)
    if array.ndim != 3 or len(array) % devices:
        raise ValueError(
            f"evolve_sharded: input_data has shape {array.shape}; expected (B, T, "
            f"{module.size_in}) with B a multiple of the {devices} devices along {axis!r}. Pad the "
            "batch, or use `module.evolve`."
        )
    length = segment_length(checkpoint, array.shape[1], module.full_name)
    over = MeshAxis(mesh, axis)
    return evolve_checked(module, array, bool(record), length, over, where=place(module))
