"""A warning for gradients that are not finite."""

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from equinox.internal import unvmap_any

from .._errors import is_concrete, user_line
from .._module import tagged_leaves


def warn_if_not_finite(gradient: Any) -> None:
    """Warns about NaN or infinity in a gradient, naming parameters and their families.

    Inside `jit` the warning comes when the compiled function runs, and only once. It costs one
    pass over the gradient; Python is called only if a value is not finite.
    """
    tagged = tagged_leaves(gradient)
    bad = jnp.stack([~jnp.all(jnp.isfinite(leaf)) for _, _, leaf in tagged])
    names = [f"{'.'.join(path)} ({field.family})" for path, field, _ in tagged]
    warn = _once(names)
    if is_concrete(bad):
        warn(bad)
        return
    # Under `vmap`, too, the branch is not taken while all is finite.
    jax.lax.cond(unvmap_any(jnp.any(bad)), lambda: jax.debug.callback(warn, bad), lambda: None)


def _once(names: list[str]) -> Callable[[Any], None]:
    filename, line = user_line()
    said = []

    def warn(bad: Any) -> None:
        found = [name for name, is_bad in zip(names, np.asarray(bad), strict=True) if is_bad]
        if found and not said:
            said.append(True)
            warnings.warn_explicit(_MESSAGE.format(", ".join(found)), UserWarning, filename, line)

    return warn


_MESSAGE = (
    "The gradient contains NaN or infinity for {}. Training on it spoils the parameters: look for "
    "activity that explodes (smaller recurrent weights, a bound on spikes), skip such updates "
    "with optax.apply_if_finite, or find the first such value with eqpool.debug_mode()."
)
