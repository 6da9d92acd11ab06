"""How often a compiled function is traced again when only values change.

Both libraries hand over the module itself, as a pytree, and count traces by a side effect.
"""

import contextlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .models import Case, Model
from .peers import EQPOOL, LeftOut, ROCKPOOL, rockpool_module


CALLS = 5
_CASE = Case(neurons=4, steps=10, batch=1)


def retraces(model: Model) -> dict[str, dict[str, int]]:
    """By peer and by what changes: traces in `CALLS` calls after the first."""
    modules = {EQPOOL: model.build(_CASE)}
    with contextlib.suppress(LeftOut):
        modules[ROCKPOOL] = rockpool_module(model, _CASE)
    x = model.inputs(_CASE)[0]
    return {
        peer: {what: _count(mod, change, x) for what, change in _CHANGES.items()}
        for peer, mod in modules.items()
    }


def _count(mod: Any, change: Callable[[Any, Any, Any], Any], x: Any) -> int:
    traces = 0

    @jax.jit
    def run(mod: Any, x: Any) -> Any:
        nonlocal traces
        traces += 1
        output, state, _ = mod(x)
        # Rockpool's DynapSim returns states with a batch axis, and one that it does not have;
        # its `set_attributes` refuses the first and ignores the other.
        old = mod.state()
        state = {k: new.reshape(old[k].shape) for k, new in state.items() if k in old}
        return output, state, mod.set_attributes(state)

    _, state, after = run(mod, x)
    for _ in range(CALLS):
        mod = change(mod, state, after)
        _, state, after = run(mod, x)
    return traces - 1


def _parameters(mod: Any, state: Any, after: Any) -> Any:
    return mod.set_attributes(jax.tree.map(lambda p: 1.01 * p, mod.parameters()))


def _key(mod: Any, state: Any, after: Any) -> Any:
    key = mod.state()["rng_key"]
    typed = jax.random.wrap_key_data(jnp.asarray(key), impl="threefry2x32")
    following, _ = jax.random.split(typed)
    return mod.set_attributes({"rng_key": jax.random.key_data(following)})


def _dt(mod: Any, state: Any, after: Any) -> Any:
    return mod.set_attributes({"dt": 0.99 * mod.dt})


_CHANGES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "parameters": _parameters,
    "states of the last run": lambda mod, state, after: mod.set_attributes(state),
    "module that came out of jit": lambda mod, state, after: after,
    "key": _key,
    "dt": _dt,
}
