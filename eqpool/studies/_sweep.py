"""`sweep`: a module run at many settings of its attributes, as one compiled function."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Int

from .._attribute import check_values
from .._errors import describe
from .._module import AbstractModule, check_mesh, flat_attributes, tagged_leaves
from .._types import NestedDict, PyTree, Shape


class Sweep(eqx.Module):
    """What [`eqpool.studies.sweep`][] found.

    **Attributes:**

    - `values`: what the function returned, each array with an axis in front for each of `axes`.
    - `axes`: what changes along each axis: attributes by name (in a network
        `"1_DynapSim.Itau_mem"`) and their values.
    """

    values: PyTree[Array]
    axes: tuple[dict[str, Array], ...]

    @property
    def shape(self) -> Shape:
        """How many settings there are along each axis."""
        return tuple(len(next(iter(axis.values()))) for axis in self.axes)


def sweep(
    module: AbstractModule,
    settings: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    function: Callable[..., PyTree[Any]],
    *args: PyTree[Any],
    mesh: Mesh | None = None,
    chunk: int | None = None,
) -> Sweep:
    """A function of a module at every combination of some values of its attributes.

    All settings are one compiled function: a `vmap`, in turns of `chunk` settings on each device
    of `mesh`, where each device works by itself. It can be used inside `jit` and differentiated;
    what `function` does may be a gradient too.

    **Arguments:**

    - `module`: whose attributes are swept.
    - `settings`: values of attributes, in a nested dictionary as `set_attributes` takes it, each
        with an axis in front that runs over settings: `(S,)` for a value that all neurons
        share, `(S, N)` for one of each. Every attribute is an axis of the result. In a
        sequence of such dictionaries each dictionary is one axis, along which its attributes
        change together.
    - `function`: `function(module, *args)` of the module at one setting gives an array, or a
        pytree of arrays.
    - `args`: handed on, the same at every setting. Data belong here: a function that
        is defined anew for each call is compiled anew.
    - `mesh`: whose devices share the settings, along all of its axes. Default: one device.
    - `chunk`: how many settings a device runs at a time, to bound memory. Default: all.

    **Returns:** an [`eqpool.studies.Sweep`][].

    **Raises:** `ValueError`, listing what exists, for an unknown attribute; `ValueError` or
    `TypeError` for values of another shape or kind, outside their bounds or not finite, for
    numbers of values that differ within an axis, and for an attribute on two axes.

    !!! example

        ```python
        mod = eqpool.DynapSim(1, synapses=("ampa",))
        found = eqpool.studies.sweep(
            mod,
            {"Idc": jnp.linspace(0.0, 1e-9, 20), "Itau_mem": jnp.geomspace(1e-12, 1e-11, 5)},
            lambda mod, x: mod(x)[0].sum(),
            jnp.zeros((1000, 1)),
        )
        found.values  # spikes in a second, (20, 5)
        ```
    """
    if not isinstance(module, AbstractModule):
        raise TypeError(f"sweep: module must be a module of eqpool; got {describe(module)}.")
    if not callable(function):
        raise TypeError(f"sweep: function must be f(module, *args); got {describe(function)}.")
    if mesh is not None:
        check_mesh(mesh, "sweep")
    if chunk is not None and (not isinstance(chunk, int) or isinstance(chunk, bool) or chunk < 1):
        raise ValueError(f"sweep: chunk must be a positive integer; got {describe(chunk)}.")
    axes = _axes(module, settings)
    named = tuple({".".join(path): x for path, x in axis.items()} for axis in axes)
    work = _Work(module, axes, function, args)
    if mesh is not None:
        kinds = (AxisType.Auto,) * len(mesh.axis_names)
        mesh = Mesh(mesh.devices, mesh.axis_names, axis_types=kinds)
        arrays, rest = eqx.partition(work, eqx.is_array)
        work = eqx.combine(jax.device_put(arrays, NamedSharding(mesh, PartitionSpec())), rest)
    return Sweep(_run(work, mesh, chunk), named)


_Axis = dict[tuple[str, ...], Array]


def _axes(module: AbstractModule, settings: Any) -> tuple[_Axis, ...]:
    """For each axis its attributes by path and their values, checked."""
    owner = module.class_name
    together = not isinstance(settings, Mapping)
    if together and (
        not isinstance(settings, Sequence) or not all(isinstance(s, Mapping) for s in settings)
    ):
        raise TypeError(
            "sweep: settings must be a dictionary of values by attribute, or a sequence of such "
            f"dictionaries, one for each axis; got {describe(settings)}."
        )
    axes = [
        flat_attributes(module, axis, (), owner) for axis in (settings if together else [settings])
    ]
    if not together:
        axes = [{path: values} for path, values in axes[0].items()]
    if not axes or not all(axes):
        raise ValueError(
            "sweep: settings name no attribute; give values, as `{'Itau_mem': jnp.geomspace(1e-12, "
            "1e-10, 20)}`."
        )
    checked, seen = [], set()
    for axis in axes:
        for path in axis:
            if path in seen:
                raise ValueError(
                    f"sweep: {'.'.join((owner, *path))} is on two axes; leave one of them out."
                )
            seen.add(path)
        checked.append({path: _values(module, path, x) for path, x in axis.items()})
        lengths = {".".join(path): len(x) for path, x in checked[-1].items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                "sweep: attributes that change together need as many values each; got "
                + ", ".join(f"{length} of {name!r}" for name, length in lengths.items())
                + ". For every combination give one dictionary, not a sequence."
            )
    return tuple(checked)


def _values(module: AbstractModule, path: tuple[str, ...], values: Any) -> Array:
    """The values of one attribute, checked like those of `set_attributes`."""
    name = ".".join((module.class_name, *path))
    try:
        array = jnp.asarray(values)
    except (TypeError, ValueError):
        raise TypeError(f"sweep: {name}: must be an array; got {describe(values)}.") from None
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(
            f"sweep: {name}: has shape {array.shape}, expected values along a first axis: (S,), or "
            "(S, N) for one of each neuron. To change it alone use `set_attributes`."
        )
    module.set_attributes(_nested({path: array[0]}))
    declared = {site.path: site.field for site in tagged_leaves(module)}
    check_values(array, declared[path], name)
    return array


def _nested(flat: Mapping[tuple[str, ...], Any]) -> NestedDict:
    found: NestedDict = {}
    for path, value in flat.items():
        inner = found
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
    return found


class _Work(NamedTuple):
    """What every setting needs."""

    module: AbstractModule
    axes: tuple[_Axis, ...]
    function: Callable
    args: tuple[PyTree[Any], ...]

    @property
    def sizes(self) -> Shape:
        return tuple(len(next(iter(axis.values()))) for axis in self.axes)

    def at(self, number: Int[Array, ""]) -> PyTree[Any]:
        """The result at one setting."""
        place = jnp.unravel_index(number, self.sizes)
        values = {
            path: x[i] for axis, i in zip(self.axes, place, strict=True) for path, x in axis.items()
        }
        return self.function(self.module.set_attributes(_nested(values)), *self.args)


@eqx.filter_jit
def _run(work: _Work, mesh: Mesh | None, chunk: int | None) -> PyTree[Array]:
    number = math.prod(work.sizes)
    devices = 1 if mesh is None else mesh.size
    share = -(-number // devices)
    at_a_time = share if chunk is None else min(chunk, share)
    # Whole turns on every device, so that there is one function to compile; the settings
    # beyond the last are the first ones again, and are dropped.
    share = -(-share // at_a_time) * at_a_time
    arrays, rest = eqx.partition(work, eqx.is_array)

    def run(arrays: Any) -> PyTree[Any]:
        device = 0 if mesh is None else jax.lax.axis_index(mesh.axis_names)
        numbers = (device * share + jnp.arange(share)) % number
        return jax.lax.map(eqx.combine(arrays, rest).at, numbers, batch_size=at_a_time)

    if mesh is not None:
        one, all_of_them = PartitionSpec(), PartitionSpec(mesh.axis_names)
        run = jax.shard_map(run, mesh=mesh, in_specs=one, out_specs=all_of_them, check_vma=False)
    values = run(arrays)
    return jax.tree.map(lambda x: x[:number].reshape(*work.sizes, *x.shape[1:]), values)
