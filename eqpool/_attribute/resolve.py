"""From a declaration and an argument to the array on the module."""

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from .._errors import describe, is_concrete, warn
from .._random import as_raw_keys, is_typed
from .._sparse import is_sparse, sparse_from, SparseWeights
from .._types import Axis, Shape
from .constant import Constant
from .interval import REAL
from .spec import (
    AbstractAttribute,
    as_role,
    check_attribute,
    permitted_shapes,
    SimulationParameter,
    State,
    without_constant,
)


def resolve(
    declaration: AbstractAttribute,
    argument: Any,
    *,
    owner: str,
    sizes: Mapping[str, int | None],
    key: PRNGKeyArray,
) -> tuple[Array | SparseWeights, AbstractAttribute]:
    """The value of one field of one instance, and what the field is in that instance.

    The constructor was given `argument`: a value, `None`, a `Constant`, or another attribute, whose
    entries take precedence over the declared ones. `sizes` are the numbers behind names in shapes.

    **Raises:** `TypeError` and `ValueError` as listed at [`eqpool.AbstractAttribute`][].
    """
    attribute = _merge(declaration, argument, owner)
    if attribute.data is None:
        value = _initial_value(attribute, owner, sizes, key)
    else:
        value = attribute.data
    if is_sparse(value):
        return _sparse(attribute, declaration, value, owner, sizes), attribute
    value = cast(attribute, value, owner)
    for source in (attribute, declaration):
        value = fit(value, source, owner, sizes)
    check_values(value, attribute, owner)
    return value, attribute


def cast(attribute: AbstractAttribute, value: Any, owner: str) -> Array:
    """`value` through `cast_fn`, or as an array of JAX's default float type.

    Typed keys become raw ones, which files and batches take.
    """
    keys = as_raw_keys(value) if is_typed(value) else None
    if keys is not None:
        value = keys
    if attribute.cast_fn is not None:
        return jnp.asarray(attribute.cast_fn(value))
    if keys is not None:
        return keys
    try:
        array = value if hasattr(value, "dtype") else jnp.asarray(value)
        if jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer):
            # A copy: `asarray` may share memory with a NumPy array that its owner changes.
            return jnp.array(array, jnp.result_type(float), copy=True)
    except (TypeError, ValueError):
        pass
    raise TypeError(
        f"{owner}: must be a real number or an array of real numbers; got {describe(value)}."
    )


def fit(
    value: Array, attribute: AbstractAttribute, owner: str, sizes: Mapping[str, int | None]
) -> Array:
    """`value` in one of the permitted shapes, reshaped if that is permitted."""
    shapes = [concrete_shape(s, owner, sizes) for s in permitted_shapes(attribute, owner)]
    if not shapes or value.shape in shapes:
        return value
    if attribute.permit_reshape:
        for shape in shapes:
            if math.prod(shape) == value.size:
                return value.reshape(shape)
    raise ValueError(
        f"{owner}: has shape {value.shape}, expected {_shapes_text(attribute, owner, sizes)}."
    )


def _sparse(
    attribute: AbstractAttribute,
    declaration: AbstractAttribute,
    value: Any,
    owner: str,
    sizes: Mapping[str, int | None],
) -> SparseWeights:
    """Sparse weights that fit; with synapse types also as `(N, N*K)`, channel by channel."""
    if not declaration.sparse:
        raise TypeError(f"{owner}: cannot be sparse; give an array, as `value.todense()`.")
    weights = sparse_from(value, owner)
    shapes = [concrete_shape(s, owner, sizes) for s in permitted_shapes(declaration, owner)]
    for shape in shapes:
        if weights.shape in (shape, (shape[0], math.prod(shape[1:]))):
            check_values(weights.values, attribute, owner)
            return weights.with_shape(shape)
    flat = [f"{(s[0], math.prod(s[1:]))}" for s in shapes if len(s) > 2]
    raise ValueError(
        f"{owner}: has shape {weights.shape}, expected "
        f"{' or '.join([_shapes_text(declaration, owner, sizes), *flat])}."
    )


def concrete_shape(shape: tuple[Axis, ...], owner: str, sizes: Mapping[str, int | None]) -> Shape:
    """Names replaced by sizes; an axis of size `None` is left out."""
    try:
        found = [sizes[axis] if isinstance(axis, str) else axis for axis in shape]
    except KeyError as error:
        raise ValueError(
            f"{owner}: shape names the size {error.args[0]!r}, which this module does not "
            f"know; it knows {dict(sizes)}."
        ) from None
    return tuple(size for size in found if size is not None)


def check_values(value: Array, attribute: AbstractAttribute, owner: str) -> None:
    """Raises if a value that can be looked at is not finite or outside its bounds.

    Warns if it is outside the operating range, or unusual and usual in thousandths of its unit.
    """
    if not (is_concrete(value) and jnp.issubdtype(value.dtype, jnp.floating)):
        return
    bounds = attribute.bounds or REAL
    numbers = np.atleast_1d(value)  # NumPy compiles nothing for each new shape
    bad = np.flatnonzero(~bounds.contains(numbers))
    if bad.size:
        raise ValueError(bounds_message(attribute, owner, np.ravel(numbers)[bad[0]], int(bad[0])))
    if attribute.operating_range is not None:
        odd = np.flatnonzero(~_operable(numbers, attribute.operating_range))
        if odd.size:
            number = np.ravel(numbers)[odd[0]]
            warn(
                f"{owner} = {number:.3g} {attribute.unit} (element {odd[0]}) is outside what the "
                f"hardware can do: {attribute.operating_range} {attribute.unit}."
                + _other_unit(number, attribute)
            )
    if attribute.usual is not None:
        # What is far beyond, such as the time constant of an integrator, is no mistake.
        usual, small = attribute.usual, 1e-3 * numbers
        odd = np.flatnonzero(~_operable(numbers, usual) & _operable(small, usual))
        if odd.size:
            number, unit = np.ravel(numbers)[odd[0]], attribute.unit
            warn(
                f"{owner} = {number:.3g} {unit} (element {odd[0]}) is outside what is usual: "
                f"{usual} {unit}. If it was meant in m{unit}, give {1e-3 * number:.3g}, in {unit}."
            )


def _operable(numbers: Any, operating_range: Any) -> Any:
    # Numbers such as 5e-13 are not exact in float32.
    return operating_range.widened(1e-6).contains(numbers)


def _other_unit(value: Any, attribute: AbstractAttribute) -> str:
    """A hint where a value would do in nano or pico."""
    for prefix, factor in (("n", 1e-9), ("p", 1e-12)):
        scaled = np.atleast_1d(value * factor)
        if value and _operable(scaled, attribute.operating_range)[0]:
            unit = attribute.unit
            return f" If it was meant in {prefix}{unit}, give {scaled[0]:.3g}, in {unit}."
    return ""


def bounds_message(
    attribute: AbstractAttribute, owner: str, value: Any = None, index: int = 0
) -> str:
    """What to say of a value that is not finite or outside its bounds."""
    unit = f" {attribute.unit}" if attribute.unit else ""
    at = "" if value is None else f"; got {value:g}{unit} (element {index})"
    return (
        f"{owner}: every value must be finite and in {attribute.bounds or REAL}{unit}{at}. "
        "Check how this value was computed and its unit."
    )


def _merge(declaration: AbstractAttribute, argument: Any, owner: str) -> AbstractAttribute:
    declaration, constant = without_constant(declaration, owner), False
    while isinstance(argument, Constant):
        argument, constant = argument.data, True
    if isinstance(argument, AbstractAttribute) and isinstance(argument.data, Constant):
        argument, constant = without_constant(argument, owner), True
    if constant and isinstance(declaration, State):
        raise TypeError(f"{owner}: Constant takes parameters only; this is a {declaration.role}.")
    if isinstance(argument, AbstractAttribute):
        role = type(argument)
        given = {
            entry.name: getattr(argument, entry.name)
            for entry in dataclasses.fields(argument)
            if getattr(argument, entry.name) is not entry.default
        }
    else:
        role = type(declaration)
        given = {} if argument is None else {"data": argument}
    if "init_func" in given:
        given.setdefault("data", None)  # a declared default must not hide it
    attribute = as_role(SimulationParameter if constant else role, declaration, **given)
    check_attribute(attribute, owner)
    return attribute


def _initial_value(
    attribute: AbstractAttribute, owner: str, sizes: Mapping[str, int | None], key: PRNGKeyArray
) -> Any:
    if attribute.init_func is None:
        raise ValueError(
            f"{owner}: there is no value: give `data`, or an `init_func` such as jax.numpy.zeros."
        )
    shape = concrete_shape(permitted_shapes(attribute, owner)[0], owner, sizes)
    return call_initialiser(attribute.init_func, shape, key)


def call_initialiser(init_func: Callable[..., Any], shape: Shape, key: PRNGKeyArray) -> Any:
    """`init_func(shape)`, `init_func(shape, key)` or `init_func(key, shape)`."""
    try:
        parameters = inspect.signature(init_func).parameters.values()
    except ValueError:  # some built-in functions have no signature
        return init_func(shape)
    positional = [
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    required = [p for p in parameters if p.name in positional and p.default is p.empty]
    if positional[:1] == ["key"]:
        return init_func(key, shape)
    return init_func(shape, key) if len(required) > 1 else init_func(shape)


def _shapes_text(attribute: AbstractAttribute, owner: str, sizes: Mapping[str, int | None]) -> str:
    texts = []
    for shape in permitted_shapes(attribute, owner):
        text = str(concrete_shape(shape, owner, sizes))
        names = ", ".join(str(axis) for axis in shape if sizes.get(str(axis), 0) is not None)
        texts.append(f"{text} = ({names})" if any(isinstance(a, str) for a in shape) else text)
    return " or ".join(texts)
