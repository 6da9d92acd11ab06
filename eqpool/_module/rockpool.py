"""Rockpool's dictionaries of attributes: what their names mean here."""

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._attribute.fields import fields
from .._attribute.function import Function
from .._attribute.spec import State
from .._errors import is_concrete


# Position, backend of a combinator, what it is, backend of a module.
_SUBMODULE = re.compile(r"(\d+_)?(?:Jax|Torch|Mod)?(.+?)(?:Jax|Torch)?")

# What a module here calls its function, and how many arguments that takes.
_FUNCTIONS = {"activation_func": 2, "activation_fun": 1, "function": 1}
_THEIR_FUNCTIONS = ("act_fn", "activation_fun", "activation_fn", "function")

# Settings of gradients and solvers: the attribute that they come with, and the one value that
# says the same as a module here (`None`: any).
_SETTINGS: dict[str, tuple[str, Any]] = {
    "learning_window": ("max_spikes_per_dt", None),
    "spike_generation_fn": ("max_spikes_per_dt", None),
    "leak_mode": ("max_spikes_per_dt", "taus"),
    "max_window_length": ("isyn", None),
}

_SYNAPSES = ("iampa", "igaba", "inmda", "ishunt")


def submodule_name(given: Any, inner: Mapping[str, Any]) -> Any:
    """A submodule's name, where Rockpool calls the same class by its backend.

    `0_Linear` and `0_LinearTorch` are then `0_LinearJax`, `1_JaxResidual` is `1_Residual`, and
    the `_module` that a time series runs through is `module`.
    """
    if given in inner or not isinstance(given, str):
        return given
    if given == "_module" and "module" in inner:
        return "module"
    same = [name for name in inner if _without_backend(name) == _without_backend(given)]
    return same[0] if len(same) == 1 else given


def _without_backend(name: str) -> tuple[str | None, ...] | None:
    match = _SUBMODULE.fullmatch(name)
    return match and match.groups()


def attribute_name(module: Any, given: Any, value: Any, owner: str) -> str | None:
    """Which attribute takes a value that Rockpool calls by a name that is none here.

    **Returns:** its name; `""` if the value says what this module is anyway; `None` for a name
    that Rockpool does not know either.

    **Raises:** `ValueError`, naming `owner`, for a value that says something else.
    """
    own = fields(module)
    present = [name for name in _SYNAPSES if name in own]
    if given == "isyn" and len(present) == 1:
        return present[0]
    if given in module.blueprint.absent:
        return _absent(module, given, value, owner)
    if given in _THEIR_FUNCTIONS and callable(value):
        return _function(module, value, owner)
    if given == "_has_rec" and "w_rec" in fields(type(module)):
        if "w_rec" not in own and is_concrete(value) and bool(value):
            raise ValueError(f"{owner}: has no recurrent weights; build it with has_rec=True.")
        return ""
    if given == "dt" and isinstance(getattr(module, "dt", None), float):
        if is_concrete(value) and abs(float(value) - module.dt) > 1e-6 * module.dt:
            raise ValueError(f"{owner}: is {float(value):g} s there, and {module.dt:g} s here.")
        return ""
    if given in _SETTINGS:
        needed, same = _SETTINGS[given]
        return "" if needed in own and same in (None, value) else None
    return None


def _absent(module: Any, name: str, value: Any, owner: str) -> str | None:
    """`""` if a value means the same as the lack of its field."""
    if name == "w_rec":
        rest, phrase, remedy = 0.0, "zeros", "has_rec=True"
    elif isinstance(fields(type(module))[name], State):
        rest, phrase, remedy = getattr(module, "Io", 0.0), "a current of Io", "that synapse type"
    elif name.endswith("_syn"):
        raise ValueError(
            f"{owner}: belongs to neurons with one synapse type; build them with "
            "synapses=('ampa',), which is Rockpool's model."
        )
    else:
        return None
    if is_concrete(value) and is_concrete(rest):
        if np.all(np.abs(np.asarray(value)) <= 1.001 * np.max(rest)):
            return ""
    raise ValueError(
        f"{owner}: this module is built without it, which means the same as {phrase} only; build "
        f"it with {remedy}, or leave {name!r} out."
    )


def _function(module: Any, theirs: Any, owner: str) -> str | None:
    """`""` if a function has the values of this module's own."""
    found = [name for name in _FUNCTIONS if isinstance(getattr(module, name, None), Function)]
    if not found:
        # The softmax of a readout, which no argument chooses.
        return "" if hasattr(type(module), "activation_fn") else None
    ours = getattr(module, found[0])
    if not all(map(is_concrete, jax.tree.leaves((ours, theirs)))):
        return ""
    x = np.linspace(-3.0, 3.0, 31 * module.size_in, dtype=np.float32).reshape(31, -1)
    try:
        with (
            jax.ensure_compile_time_eval(),
            jax.numpy_dtype_promotion("standard"),
            jax.numpy_rank_promotion("allow"),
        ):
            arguments = (jnp.asarray(x), jnp.full_like(x, 0.3))[: _FUNCTIONS[found[0]]]
            values, expected = np.asarray(ours(*arguments)), np.asarray(theirs(*arguments))
        same = values.shape == expected.shape and np.allclose(values, expected, 1e-5, 1e-6)
    except Exception:  # whatever a function of a user raises where it does not fit
        same = False
    if same:
        return ""
    raise ValueError(
        f"{owner}: is another function than {found[0]} of this module. A function is chosen when a "
        f"module is built, `{type(module).__name__}(..., {found[0]}=...)`; leave it out of the "
        "dictionary to keep this one."
    )
