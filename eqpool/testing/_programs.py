"""Looking at what JAX has traced."""

from collections.abc import Iterator
from typing import Any

import jax


def carries(jaxpr: Any) -> Iterator[tuple[int, ...]]:
    """The shapes of all arrays that a scan hands from step to step, however deep it lies."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "scan":
            first, count = equation.params["num_consts"], equation.params["num_carry"]
            for operand in equation.invars[first : first + count]:
                yield operand.aval.shape
        for value in jax.tree.leaves(
            list(equation.params.values()),
            is_leaf=lambda x: hasattr(x, "eqns") or hasattr(x, "jaxpr"),
        ):
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from carries(inner)
