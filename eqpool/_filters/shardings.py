"""Where each array of a network belongs if its neurons are spread over devices."""

from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from .._attribute import AbstractAttribute, fields, permitted_shapes
from .._module import check_auto, map_leaves, mesh_size, Site
from .._types import PyTree


_NEURONS = ("N", "N_out", "N_in")
"""What declarations call axes along which neurons lie."""


def neuron_shardings(
    model: PyTree[Any], mesh: jax.sharding.Mesh, axis: str = "neurons"
) -> PyTree[Any]:
    """A sharding for each array of a network whose neurons are spread over the devices of a mesh.

    Every device holds the neurons `i*N/D` to `(i + 1)*N/D` of each layer: their parameters and
    states, the initial values of these, and all weights that lead to them. Which axis runs over
    neurons is read off the declarations of the fields; of a weight matrix it is the last such axis.
    Everything else (`dt`, a value that all neurons share, leaves that no module declares) is
    on every device, and so is a layer whose `N` is no multiple of `D` (as a readout of ten
    channels).

    A run from a network sharded like this exchanges the spikes (or rates) of a layer once per
    time step, if it is recurrent, and moves no weights.

    **Arguments:**

    - `model`: a module, or any pytree of modules: also a half of an [`eqpool.partition`][], a
        gradient, or the state of an optimiser.
    - `mesh`: as of `jax.make_mesh`, whose axis `axis` is of type `AxisType.Auto`.
    - `axis`: the axis of `mesh` to spread neurons over, of `D` devices. Default `"neurons"`.

    **Returns:** the structure of `model` with a `jax.sharding.NamedSharding` at each array, for
    `eqx.filter_shard`, inside and outside of `jit`.

    **Raises:** `TypeError` if `mesh` is not one; `ValueError` for an axis that it lacks or that
    is not `Auto`, for recurrent weights between `N` neurons where `N` is no multiple of `D`, and
    if nothing in `model` can be spread.

    !!! example

        ```python
        mesh = jax.make_mesh((jax.device_count(),), ("neurons",), (AxisType.Auto,))
        net = eqx.filter_shard(net, eqpool.neuron_shardings(net, mesh))
        ```
    """
    devices = mesh_size(mesh, axis, "neuron_shardings")
    check_auto(mesh, axis, "neuron_shardings")
    whole = NamedSharding(mesh, PartitionSpec())
    spread = []

    def sharding(site: Site, leaf: Any) -> NamedSharding:
        position = _neuron_axis(site, np.shape(leaf), devices)
        if position is None:
            return whole
        spread.append(site.path)
        before = (None,) * position
        return NamedSharding(mesh, PartitionSpec(*before, axis))

    found = map_leaves(sharding, model)
    if not spread:
        raise ValueError(
            f"neuron_shardings: nothing here can be spread over {devices} devices: no array of an "
            f"eqpool module has an axis of neurons whose size is a multiple of {devices}."
        )
    return found


def _neuron_axis(site: Site, shape: tuple[int, ...], devices: int) -> int | None:
    """The axis of an array to spread, or `None`."""
    if site.module is None:
        return None
    name = site.path[-1]
    attribute = site.field or _of_initial_value(site)
    if attribute is None:
        return None
    if any(member.name == name for member in site.module.blueprint.members):
        axes = ("N_in", "N")  # weights between two layers
        recurrent = False
    else:
        axes = _axes(attribute, dict(site.module.blueprint.sizes), shape)
        recurrent = len(axes) > 1 and axes[0] == "N" and axes[1] in _NEURONS
    named = [i for i, axis in enumerate(axes) if axis in _NEURONS]
    if not named:
        return None
    position = len(shape) - len(axes) + named[-1]
    if shape[position] % devices == 0:
        return position
    if recurrent and site.field is not None:
        raise ValueError(
            f"neuron_shardings: {site.module.full_name} has {shape[0]} neurons with recurrent "
            f"weights ({'.'.join(site.path)!r}, shape {shape}), which is no multiple of {devices} "
            f"devices. Build it with {-(-shape[0] // devices) * devices} neurons, or take a mesh "
            "of another size."
        )
    return None


def _of_initial_value(site: Site) -> AbstractAttribute | None:
    """The declaration of the field whose initial value a leaf of a blueprint is."""
    if site.path[-3:-1] != ("blueprint", "initial"):
        return None
    return fields(site.module).get(site.path[-1])


def _axes(
    attribute: AbstractAttribute, sizes: dict[str, int | None], shape: tuple[int, ...]
) -> tuple[Any, ...]:
    """Names (or sizes) of the last axes of an array: those of the longest permitted shape."""
    fitting = []
    for permitted in permitted_shapes(attribute, ""):
        axes = tuple(axis for axis in permitted if sizes.get(str(axis), 0) is not None)
        ends = tuple(sizes[axis] if isinstance(axis, str) else axis for axis in axes)
        # Batched states and ensembles have further axes in front.
        if shape[len(shape) - len(ends) :] == ends and len(ends) <= len(shape):
            fitting.append(axes)
    return max(fitting, key=len, default=())
