"""A function of arrays as a list of primitive operations, and what of it is known beforehand."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax.extend.core import ClosedJaxpr, Literal
from jaxtyping import Array


# What only wraps others; a derivative of its own is lost where `custom` is inlined too.
_CALLS = {"jit", "pjit", "closed_call", "core_call", "checkpoint", "remat", "remat2"}
CUSTOM = {"custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"}


class Operation(NamedTuple):
    """One primitive: numbers of its operands, or literals; and numbers of its results."""

    primitive: Any
    params: dict[str, Any]
    operands: tuple[Any, ...]
    results: tuple[int, ...]
    shapes: tuple[Any, ...]


class Flat(NamedTuple):
    """A function without calls of others.

    **Attributes:**

    - `operations`: in order.
    - `arguments`: numbers of the arguments.
    - `constants`: values of what the function has in itself, by number.
    - `returned`: numbers of what it returns, or literals.
    - `shapes`: shape and dtype of each number.
    """

    operations: tuple[Operation, ...]
    arguments: tuple[int, ...]
    constants: dict[int, Any]
    returned: tuple[Any, ...]
    shapes: dict[int, Any]


def flattened(function: Callable[..., Any], arguments: Any, custom: bool = False) -> Flat:
    """The operations of a function of flat arguments that returns flat results.

    **Arguments:**

    - `function`: takes and returns arrays.
    - `arguments`: shapes and dtypes.
    - `custom`: whether functions with derivatives of their own are inlined as well. Default
        `False`.
    """
    closed = jax.make_jaxpr(function)(*arguments)
    operations: list[Operation] = []
    constants: dict[int, Any] = {}
    shapes: dict[int, Any] = {}

    def number(aval: Any) -> int:
        shapes[len(shapes)] = jax.ShapeDtypeStruct(aval.shape, aval.dtype)
        return len(shapes) - 1

    def inlined(jaxpr: Any, consts: Sequence[Any], operands: Sequence[Any]) -> list[Any]:
        names: dict[Any, Any] = {}

        def read(atom: Any) -> Any:
            return atom if isinstance(atom, Literal) else names[atom]

        for variable, value in zip(jaxpr.constvars, consts, strict=True):
            names[variable] = number(variable.aval)
            constants[names[variable]] = value
        names.update(zip(jaxpr.invars, operands, strict=True))
        for eqn in jaxpr.eqns:
            given = [read(atom) for atom in eqn.invars]
            name = eqn.primitive.name
            if name in _CALLS or custom and name in CUSTOM:
                inner = _inner(eqn.params)
                found = inlined(inner.jaxpr, inner.consts, given)
            else:
                found = [number(variable.aval) for variable in eqn.outvars]
                avals = tuple(variable.aval for variable in eqn.outvars)
                operations.append(
                    Operation(eqn.primitive, eqn.params, tuple(given), tuple(found), avals)
                )
            names.update(zip(eqn.outvars, found, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    entering = [number(variable.aval) for variable in closed.jaxpr.invars]
    returned = inlined(closed.jaxpr, closed.consts, entering)
    return Flat(tuple(operations), tuple(entering), constants, tuple(returned), shapes)


def _inner(params: dict[str, Any]) -> Any:
    inner = next(params[n] for n in ("call_jaxpr", "jaxpr", "fun_jaxpr") if n in params)
    return inner if hasattr(inner, "consts") else ClosedJaxpr(inner, ())


def evaluated(operations: Sequence[Operation], known: dict[int, Any]) -> dict[int, Any]:
    """The values of all numbers, from those of some; by JAX, so that it has derivatives."""
    values = dict(known)
    for operation in operations:
        given = [x.val if isinstance(x, Literal) else values[x] for x in operation.operands]
        found = operation.primitive.get_bind_params(operation.params)
        # Functions and parameters before jax 0.10.
        functions, params = found if isinstance(found, tuple) else ((), found)
        out = operation.primitive.bind(*functions, *given, **params)
        out = out if operation.primitive.multiple_results else [out]
        values.update(zip(operation.results, out, strict=True))
    return values


class Split(NamedTuple):
    """A function in two parts: what follows from its first arguments alone, and the rest.

    **Attributes:**

    - `flat`: the function.
    - `first`: how many first arguments there are.
    - `before`, `after`: the operations of both parts.
    - `between`: numbers of what the rest needs of the first part.
    - `uniform`: of some of these, the number of a scalar that is all of its elements.
    - `depends`: on which of the first arguments each of these depends.
    """

    flat: Flat
    first: int
    before: tuple[Operation, ...]
    after: tuple[Operation, ...]
    between: tuple[int, ...]
    uniform: dict[int, Any]
    depends: dict[int, frozenset[int]]

    def known(self, leaves: Sequence[Array]) -> dict[int, Array]:
        """The values of the first part."""
        given = dict(zip(self.flat.arguments[: self.first], leaves, strict=True))
        return evaluated(self.before, self.flat.constants | given)

    def rest(self, between: Sequence[Array], others: Sequence[Array]) -> list[Array]:
        """The results, from what was between the parts and the other arguments."""
        values = dict(zip(self.between, between, strict=True))
        values |= dict(zip(self.flat.arguments[self.first :], others, strict=True))
        values = evaluated(self.after, values)
        return [x.val if isinstance(x, Literal) else values[x] for x in self.flat.returned]


def split(flat: Flat, count: int) -> Split:
    """Splits a function after its first `count` arguments."""
    depends: dict[int, frozenset[int]] = {number: frozenset() for number in flat.constants}
    depends |= {x: frozenset((i,)) for i, x in enumerate(flat.arguments[:count])}
    before, after, uniform = [], [], {}
    for operation in flat.operations:
        numbers = [x for x in operation.operands if not isinstance(x, Literal)]
        if any(x not in depends for x in numbers):
            after.append(operation)
            continue
        before.append(operation)
        on = frozenset().union(*(depends[x] for x in numbers))
        depends |= dict.fromkeys(operation.results, on)
        if operation.primitive.name == "broadcast_in_dim":
            source = operation.operands[0]
            if isinstance(source, Literal) or not flat.shapes[source].shape:
                uniform[operation.results[0]] = source
            elif source in uniform:
                uniform[operation.results[0]] = uniform[source]
    used = {x for operation in after for x in operation.operands if not isinstance(x, Literal)} | {
        x for x in flat.returned if not isinstance(x, Literal)
    }
    between = tuple(sorted(x for x in used if x in depends))
    uniform = {x: uniform[x] for x in between if x in uniform}
    sources = [x for x in uniform.values() if not isinstance(x, Literal)]
    needed, kept = {*between, *sources}, []
    for operation in reversed(before):
        if needed.intersection(operation.results):
            kept.append(operation)
            needed.update(x for x in operation.operands if not isinstance(x, Literal))
    return Split(flat, count, tuple(reversed(kept)), tuple(after), between, uniform, depends)
