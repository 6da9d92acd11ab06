"""Whether the methods of a rate neuron return what is declared, and finite slopes at the start."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._types import NestedDict
from .check import check_returned
from .equations import states_of, without_weights


def check_rates(mod: Any) -> None:
    """Raises where a method returns other names or shapes than declared; while tracing, for free.

    **Raises:** `TypeError` for names and kinds, `ValueError` for shapes, naming class, method and
    state.
    """
    bare, s = without_weights(mod), states_of(mod)
    drive = _no_drive(mod)
    y = {name: s[name] for name in mod.integrated}
    for method, expected, function in (
        ("arrive", s, lambda: bare.arrive(s, drive)),
        ("derivative", y, lambda: undriven_slopes(bare)),
        ("activation", {"the rates": drive}, lambda: {"the rates": bare.activation(s)}),
    ):
        where = f"{type(mod).__name__}.{method}"
        check_returned(where, eqx.filter_eval_shape(function), expected)


def undriven_slopes(mod: Any) -> NestedDict:
    """What `derivative` returns at the state of a module that nothing reaches."""
    s = states_of(mod)
    y = {name: s[name] for name in mod.integrated}
    others = {name: x for name, x in s.items() if name not in y}
    return mod.derivative(y, others | {"drive": _no_drive(mod)})


def _no_drive(mod: Any) -> Array:
    return jnp.zeros((mod.size_in,), mod.dt.dtype)
