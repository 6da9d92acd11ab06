"""Operations on lanes as statements of C++."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jax.extend.core import Literal

from .flat import Flat, Operation
from .lanes import (
    broadcast,
    concatenated,
    Lanes,
    padded,
    reshaped,
    sliced,
    together,
    transposed,
    uniform,
    Unsupported,
)
from .statements import CHOICE, Statements, TYPES, written


# Of one lane, by the name of the primitive. Functions in capitals are of `lanes.h`, others of
# `functions.h`.
_REAL = {
    "add": "{} + {}", "add_any": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}",
    "neg": "-{}", "max": "LARGER({}, {})", "min": "SMALLER({}, {})", "abs": "eqpool::abs({})",
    "sign": "SIGN({})", "exp": "EXP({})", "exp2": "EXP2({})", "log": "LOG({})",
    "expm1": "EXPM1({})", "log1p": "LOG1P({})", "tanh": "TANH({})", "logistic": "LOGISTIC({})",
    "sqrt": "eqpool::sqrt({})", "rsqrt": "RSQRT({})", "square": "{0} * {0}",
    "floor": "eqpool::floor({})", "ceil": "eqpool::ceil({})", "pow": "eqpool::pow({}, {})",
    "sin": "eqpool::sin({})", "cos": "eqpool::cos({})", "tan": "eqpool::tan({})",
    "sinh": "eqpool::sinh({})", "cosh": "eqpool::cosh({})", "erf": "eqpool::erf({})",
    "atan": "eqpool::atan({})", "atan2": "eqpool::atan2({}, {})", "cbrt": "eqpool::cbrt({})",
    "clamp": "SMALLER(LARGER({1}, {0}), {2})",
}  # fmt: skip
_FLAGS = {
    "lt": "{} < {}", "le": "{} <= {}", "gt": "{} > {}", "ge": "{} >= {}", "eq": "{} == {}",
    "ne": "{} != {}", "is_finite": "eqpool::abs({}) <= std::numeric_limits<Real>::max()",
}  # fmt: skip
_LOGIC = {"and": "{} & {}", "or": "{} | {}", "xor": "{} ^ {}", "not": "!{}"}
_SAME = {"copy", "copy_p", "stop_gradient", "optimization_barrier", "reduce_precision", "pvary"}
# What is better kept for the way back than computed twice.
_DEAR = {
    "exp", "exp2", "log", "expm1", "log1p", "tanh", "logistic", "pow", "sin", "cos", "sinh", "cosh",
    "tan", "atan", "erf", "cbrt", "atan2",
}  # fmt: skip


def emitted(
    flat: Flat, values: Mapping[int, Lanes], to: Statements, cotangents: Iterable[int] = ()
) -> list[Lanes]:
    """Adds the operations of a function, and returns what it returns.

    **Arguments:**

    - `flat`: the function.
    - `values`: its arguments and constants, by number.
    - `to`: where the statements go.
    - `cotangents`: those arguments in which it is linear. What depends on them may be summed over
        neurons: each lane then has its part of the sum. Default: none.
    """
    values, linear = dict(values), set(cotangents)

    def read(atom: Any) -> Lanes:
        return literal(atom) if isinstance(atom, Literal) else values[atom]

    for operation in flat.operations:
        given = [read(atom) for atom in operation.operands]
        if linear.intersection(x for x in operation.operands if not isinstance(x, Literal)):
            linear.update(operation.results)
        is_linear = bool(linear.intersection(operation.results))
        name = operation.primitive.name
        try:
            out = _result(name, operation, given, to, is_linear)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise Unsupported(f"the operation {name} in this form") from error
        values.update(zip(operation.results, out, strict=True))
    return [read(atom) for atom in flat.returned]


def literal(atom: Literal) -> Lanes:
    """A number that stands in a program."""
    return number(np.asarray(atom.val))


def number(value: np.ndarray) -> Lanes:
    """An array of numbers that are the same in every run."""
    kind = kind_of(value.dtype)
    if value.size and np.all(value == value.reshape(-1)[0]) or value.size == 1:
        return uniform(value.shape, written(value.reshape(-1)[0], kind), kind)
    items = np.empty(value.shape, object)
    items.reshape(-1)[:] = [written(x, kind) for x in value.reshape(-1)]
    return Lanes(value.shape, None, items, kind)


def kind_of(dtype: Any) -> str:
    """Of which kind numbers of a dtype are."""
    if dtype == np.bool_:
        return "flag"
    if np.issubdtype(dtype, np.integer):
        return "whole"
    if dtype in (np.float32, np.float64):
        return "real"
    raise Unsupported(f"numbers of dtype {dtype}")


def _result(
    name: str, op: Operation, given: Sequence[Lanes], to: Statements, linear: bool
) -> list[Lanes]:
    params, shape = op.params, op.shapes[0].shape
    special = _SHAPING.get(name)
    if name in _SAME:
        return list(given)
    if special is not None:
        return [special(given, params, shape)]
    if name == "convert_element_type":
        return [_converted(given[0], kind_of(params["new_dtype"]), to)]
    if name == "select_n":
        return [_selected(given, to)]
    if name == "integer_pow":
        return [_power(given[0], params["y"], to)]
    if name == "round":
        away = int(params["rounding_method"]) == 0
        return [_each("real", "eqpool::round({})" if away else "eqpool::nearbyint({})", given, to)]
    if name == "reduce_sum":
        return [_sum(given[0], params["axes"], shape, to, linear)]
    kinds = {x.kind for x in given}
    if name in _LOGIC and kinds == {"flag"}:
        return [_each("flag", _LOGIC[name], given, to)]
    if name in _FLAGS:
        return [_each("flag", _FLAGS[name], given, to)]
    if name in _REAL and len(kinds) == 1 and kinds <= {"real", "whole"}:
        if kinds == {"whole"} and name not in ("add", "sub", "mul", "neg"):
            raise Unsupported(f"{name} of integers")
        return [_each(kinds.pop(), _REAL[name], given, to, name in _DEAR)]
    raise Unsupported(f"the operation {name}")


def _each(
    kind: str, template: str, given: Sequence[Lanes], to: Statements, dear: bool = False
) -> Lanes:
    shape, axis, items = together(given)
    spread = np.broadcast_arrays(*items)
    out = np.empty(spread[0].shape, object)
    for place in np.ndindex(out.shape):
        out[place] = to.let(kind, template, [str(x[place]) for x in spread], dear)
    return Lanes(shape, axis, out, kind, any(x.merged for x in given))


def _map(function: Callable[[str], str], x: Lanes) -> Lanes:
    items = np.empty(x.items.shape, object)
    for place in np.ndindex(items.shape):
        items[place] = function(str(x.items[place]))
    return x._replace(items=items)


def _converted(x: Lanes, kind: str, to: Statements) -> Lanes:
    if x.kind == kind:
        return x
    template = "{} ? Real(1) : Real(0)" if (x.kind, kind) == ("flag", "real") else None
    if kind == "flag":
        template = "{} != 0"
    return _each(kind, template or f"static_cast<{TYPES[kind]}>({{}})", [x], to)


def _selected(given: Sequence[Lanes], to: Statements) -> Lanes:
    which, *cases = given
    if which.kind != "flag" or len(cases) != 2:
        raise Unsupported("a choice between more than two")
    return _each(cases[0].kind, CHOICE, given, to)


def _power(x: Lanes, exponent: int, to: Statements) -> Lanes:
    if to.backwards and exponent < 0:
        return _power(_map(to.reciprocal, x), -exponent, to)
    # As XLA: by squares.
    result, square, left = None, x, abs(exponent)
    while left:
        if left & 1:
            result = square if result is None else _each("real", "{} * {}", [result, square], to)
        left >>= 1
        if left:
            square = _each("real", "{0} * {0}", [square], to)
    if result is None:
        return uniform(x.shape, "Real(1)", "real")
    return result if exponent > 0 else _each("real", "Real(1) / {}", [result], to)


def _sum(
    x: Lanes, axes: Sequence[int], shape: Sequence[int], to: Statements, linear: bool
) -> Lanes:
    over = x.axis in axes
    if over and not linear or x.merged or x.kind != "real":
        raise Unsupported("a sum over neurons")
    sizes = [n if a in axes and a != x.axis else x.items.shape[a] for a, n in enumerate(x.shape)]
    items = np.broadcast_to(x.items, sizes)
    ahead = np.moveaxis(items, tuple(axes), range(len(axes)))
    ahead = ahead.reshape(-1, *ahead.shape[len(axes) :])
    total = np.empty(ahead.shape[1:], object)
    for place in np.ndindex(total.shape):
        parts = [str(x) for x in ahead[(slice(None), *place)]]
        total[place] = functools.reduce(lambda x, y: to.let("real", "{} + {}", [x, y]), parts)
    axis = None if x.axis is None or over else x.axis - sum(a < x.axis for a in axes)
    return Lanes(tuple(shape), axis, total, x.kind)


def _squeezed(x: Lanes, dimensions: Sequence[int]) -> Lanes:
    if x.axis in dimensions or x.merged:
        raise Unsupported("a layer of one neuron without its axis")
    kept = [a for a in range(len(x.shape)) if a not in dimensions]
    axis = None if x.axis is None else kept.index(x.axis)
    items = x.items.reshape([x.items.shape[a] for a in kept])
    return Lanes(tuple(x.shape[a] for a in kept), axis, items, x.kind)


def _stacked(operands: Sequence[Lanes], axis: int) -> Lanes:
    whole = [*operands[0].shape]
    whole.insert(axis, 1)
    places = [a for a in range(len(whole)) if a != axis]
    return concatenated([broadcast(x, whole, places) for x in operands], axis)


def _ints(numbers: Iterable[Any]) -> tuple[int, ...]:
    # JAX leaves some of them as numpy has them.
    return tuple(map(int, numbers))


_SHAPING: dict[str, Callable[[Sequence[Lanes], dict[str, Any], Any], Lanes]] = {
    "broadcast_in_dim": lambda x, p, shape: broadcast(
        x[0], shape, _ints(p["broadcast_dimensions"])
    ),
    "reshape": lambda x, p, shape: reshaped(x[0], shape),
    "expand_dims": lambda x, p, shape: reshaped(x[0], shape),
    "squeeze": lambda x, p, shape: _squeezed(x[0], p["dimensions"]),
    "transpose": lambda x, p, shape: transposed(x[0], p["permutation"]),
    "slice": lambda x, p, shape: sliced(x[0], p["start_indices"], p["limit_indices"], p["strides"]),
    "pad": lambda x, p, shape: padded(x[0], x[1], [_ints(width) for width in p["padding_config"]]),
    "concatenate": lambda x, p, shape: concatenated(x, p["dimension"]),
    "stack": lambda x, p, shape: _stacked(x, p["axis"]),
}
