"""What a field of a module is: `Parameter`, `State` or `SimulationParameter`."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx

from .._errors import describe
from .._types import Axis, ShapeLike
from .constant import Constant
from .interval import Interval


_METADATA = "eqpool"


@dataclasses.dataclass(frozen=True, eq=False)
class AbstractAttribute:
    """What `Parameter`, `State` and `SimulationParameter` share.

    It serves twice. With [`eqpool.field`][] it *declares* a field of a module class, once
    and for all instances. As an *argument* of a constructor it gives that field another
    role, family, value or initialiser in one instance; what it leaves out stays as
    declared.

    **Arguments:**

    - `data`: the value. In a declaration: the default. It must fit `shape` if that is given.
        An [`eqpool.Constant`][] makes the attribute a simulation parameter.
    - `family`: the name under which filters find this attribute: `"weights"`, `"taus"`,
        `"biases"`, `"thresholds"`, `"currents"`, `"capacitances"`, or any other string.
        Default: the name of the field.
    - `init_func`: called when there is no `data`: `init_func(shape)`, or with a typed key of
        Threefry if it draws: `init_func(shape, key)`, or `init_func(key, shape)` as in
        `jax.nn.initializers`.
    - `shape`: an integer, a tuple, or a list of permitted shapes, of which the first is
        used with `init_func`. Sizes are integers, or names that the module knows when it
        is built: `"N_in"`, `"N_out"` and `"N"` (the same as `"N_out"`).
    - `permit_reshape`: whether data of the same size and another shape is reshaped
        (`True`, default) or refused.
    - `cast_fn`: applied to the value once, at construction. Default: conversion to a
        real array of JAX's default float type. Typed keys become raw ones before.
    - `unit`: the unit of the value, for messages and documentation, as `"s"` or `"A"`.
    - `bounds`: an [`eqpool.Interval`][] that the value must lie in. Default: any finite value.
    - `operating_range`: an [`eqpool.Interval`][] that the value should lie in, as what a chip
        can do: outside of it there is a warning, and [`eqpool.log_space`][] keeps inside.
        Default: none.
    - `usual`: an [`eqpool.Interval`][] of values that are usual. A warning asks about the unit of a
        value outside that would be usual in thousandths of its unit. Default: none.
    - `sparse`: whether a sparse matrix may be given, which is kept as
        [`eqpool.SparseWeights`][]. Default `False`.
    - `doc`: one line of documentation.

    **Raises:** when the module is built, `TypeError` or `ValueError` naming class and
    field, if neither `data` nor `shape` is given, if `shape` is not made of integers and
    names, if `init_func` or `cast_fn` cannot be called, if `data` fits no permitted shape,
    and if there is neither `data` nor `init_func`.
    """

    role: ClassVar[str]

    data: Any = None
    family: str | None = None
    init_func: Callable[..., Any] | None = None
    shape: ShapeLike | None = None
    permit_reshape: bool = True
    cast_fn: Callable[[Any], Any] | None = None
    _: dataclasses.KW_ONLY
    unit: str = ""
    bounds: Interval | None = None
    operating_range: Interval | None = None
    usual: Interval | None = None
    sparse: bool = False
    doc: str = ""


class Parameter(AbstractAttribute):
    """A value that training may change: a weight, a time constant, a bias current.

    Arguments as of [`eqpool.AbstractAttribute`][].
    """

    role = "parameter"


class State(AbstractAttribute):
    """A value that a run changes and hands on: a membrane current, a random key.

    A key has `family="rng_keys"`, `shape=2` and `init_func=lambda shape, key: key`. The module
    holds it as raw data of Threefry; draw with `jax.random.wrap_key_data(mod.rng_key,
    impl="threefry2x32")`. A batch splits it.

    Arguments as of [`eqpool.AbstractAttribute`][].
    """

    role = "state"


class SimulationParameter(AbstractAttribute):
    """A value that belongs to the simulation and is never trained: a time step.

    Arguments as of [`eqpool.AbstractAttribute`][].
    """

    role = "simulation parameter"


ROLES: dict[str, type[AbstractAttribute]] = {
    cls.role: cls for cls in (Parameter, State, SimulationParameter)
}


def as_role(
    role: type[AbstractAttribute], attribute: AbstractAttribute, **changes: Any
) -> AbstractAttribute:
    """The same attribute in another role, with some entries changed."""
    return role(**(vars(attribute) | changes))


def without_constant(attribute: AbstractAttribute, owner: str) -> AbstractAttribute:
    """The same attribute; as a simulation parameter if its data is a `Constant`.

    **Raises:** `TypeError` for a constant state.
    """
    data = attribute.data
    if not isinstance(data, Constant):
        return attribute
    if isinstance(attribute, State):
        raise TypeError(f"{owner}: Constant takes parameters only; this is a {attribute.role}.")
    while isinstance(data, Constant):
        data = data.data
    return as_role(SimulationParameter, attribute, data=data)


def field(attribute: AbstractAttribute, **kwargs: Any) -> Any:
    """Declares a field of a module, as `equinox.field` and `dataclasses.field` do.

    **Arguments:**

    - `attribute`: a [`eqpool.Parameter`][], [`eqpool.State`][] or
        [`eqpool.SimulationParameter`][].
    - `**kwargs`: handed on to `equinox.field`.

    **Returns:** a dataclass field whose metadata carries `attribute`.

    **Raises:** `TypeError` if `attribute` is something else.

    !!! example

        ```python
        tau: Array = eqpool.field(Parameter(20e-3, "taus", shape=[(), "N"], unit="s"))
        ```
    """
    if not isinstance(attribute, AbstractAttribute):
        raise TypeError(
            "eqpool.field takes a Parameter, a State or a SimulationParameter; got "
            f"{describe(attribute)}."
        )
    return eqx.field(metadata={_METADATA: attribute}, **kwargs)


def own_first(cls: Any) -> list[dataclasses.Field[Any]]:
    """The fields of a dataclass, its own before those that it inherits."""
    own = vars(cls).get("__annotations__", {})
    return sorted(dataclasses.fields(cls), key=lambda entry: entry.name not in own)


def declared(cls: type) -> dict[str, AbstractAttribute]:
    """The attributes that a dataclass declares, by field name, families filled in."""
    found = {}
    for entry in own_first(cls):
        if _METADATA in entry.metadata:
            attribute = without_constant(entry.metadata[_METADATA], f"{cls.__name__}.{entry.name}")
            attribute = dataclasses.replace(attribute, family=attribute.family or entry.name)
            check_attribute(attribute, f"{cls.__name__}.{entry.name}")
            found[entry.name] = attribute
    return found


def permitted_shapes(attribute: AbstractAttribute, owner: str) -> list[tuple[Axis, ...]]:
    """Every permitted shape as a tuple of sizes and names; empty where none is given."""
    shape = attribute.shape
    if shape is None:
        return []
    entries: list[Any] = shape if isinstance(shape, list) else [shape]
    shapes = [s if isinstance(s, tuple) else (s,) for s in entries]
    for axis in (axis for s in shapes for axis in s):
        # bool is an int in Python, and a size of True is a mistake.
        if not isinstance(axis, (int, str)) or isinstance(axis, bool):
            raise TypeError(
                f"{owner}: shape must be an integer, a tuple of integers or a list of such "
                f"tuples (a size may also be a name such as 'N'); got {describe(shape)}."
            )
        if isinstance(axis, int) and axis < 0:
            raise ValueError(f"{owner}: shape must not be negative; got {describe(shape)}.")
    return shapes


def check_attribute(attribute: AbstractAttribute, owner: str) -> None:
    """Raises, naming `owner`, if the attribute contradicts itself."""
    if attribute.data is None and attribute.shape is None:
        raise ValueError(
            f"{owner}: a {type(attribute).__name__} needs `data` or `shape`; got neither."
        )
    permitted_shapes(attribute, owner)
    for name in ("init_func", "cast_fn"):
        function = getattr(attribute, name)
        if function is not None and not callable(function):
            raise TypeError(
                f"{owner}: {name} must be a function, as `jax.numpy.zeros`; got "
                f"{describe(function)}."
            )
    if attribute.family is not None and not isinstance(attribute.family, str):
        raise TypeError(f"{owner}: family must be a string; got {describe(attribute.family)}.")
