"""Whether a declaration makes sense: by names when a module is built, by shapes when it runs."""

import functools as ft
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._attribute import fields, State
from .._errors import describe, is_concrete, listing, suggestion
from .._solver import EventDriven
from .._types import NestedDict
from .equations import Equations, in_units, on_floors, states_of, without_weights


_KEPT = ("spikes", "timer_ref", "rng_key")
"""States that the interpreters keep, and a model does not touch."""


@ft.cache
def check_declaration(cls: Any) -> None:
    """Raises where a class names what it does not have.

    **Raises:** `TypeError` that names class and attribute.
    """
    declared = fields(cls)
    states = {n for n, field in declared.items() if isinstance(field, State)} - {*_KEPT}
    parameters = {n for n, field in declared.items() if not isinstance(field, State)} - {"dt"}
    owner = cls.__name__
    integrated, decaying, spiking = cls.integrated, cls.decaying, getattr(cls, "spiking", None)
    several = isinstance(integrated, (tuple, list))
    if not several or not integrated and spiking is not None:
        raise TypeError(
            f"{owner}.integrated must be a tuple of names of states, as ('vmem',); got "
            f"{describe(integrated)}."
        )
    for name in integrated:
        _known(f"{owner}.integrated", name, states, "state")
    if not isinstance(decaying, Mapping):
        raise TypeError(
            f"{owner}.decaying must be a dictionary from states to time constants, as "
            f"{{'isyn': 'tau_syn'}}; got {describe(decaying)}."
        )
    for name, tau in decaying.items():
        _known(f"{owner}.decaying", name, states, "state")
        if not isinstance(getattr(cls, str(tau), None), property):
            _known(f"{owner}.decaying[{name!r}]", tau, parameters, "parameter")
        if name in integrated:
            raise TypeError(
                f"{owner}.decaying: the state {name!r} is in `integrated` too; it either decays "
                "in closed form or is integrated by the solver."
            )
    if spiking is None:
        return
    if not isinstance(spiking, (tuple, list)) or len(spiking) not in (2, 3):
        raise TypeError(
            f"{owner}.spiking must name a state and its threshold, as ('vmem', 'threshold'); got "
            f"{describe(spiking)}."
        )
    name, threshold, *unit = spiking
    _known(f"{owner}.spiking", name, {*integrated}, "integrated state")
    for value in (threshold, *(u for u in unit if isinstance(u, str))):
        if value in states:
            raise TypeError(
                f"{owner}.spiking: {value!r} is a state; a threshold is a parameter. One that "
                "moves is what `distance` computes from the states."
            )
        _known(f"{owner}.spiking", value, parameters, "parameter")
    for name, low in getattr(cls, "floors", {}).items():
        _known(f"{owner}.floors", name, {*integrated}, "integrated state")
        _known(f"{owner}.floors[{name!r}]", low, parameters, "parameter")


def _known(where: str, name: Any, names: set[str], kind: str) -> None:
    if name not in names:
        hint = suggestion(name, names) if isinstance(name, str) else ""
        raise TypeError(
            f"{where}: {name!r} is no {kind} of this class; it has {listing(sorted(names))}.{hint}"
        )


_FOUND_FINITE: weakref.WeakSet[type] = weakref.WeakSet()


def check_start(
    mod: Any, check_model: Callable[[Any], None], slopes: Callable[[Any], NestedDict]
) -> None:
    """Raises where `derivative` is not finite at the start; of the first instance of each class.

    **Arguments:**

    - `check_model`: raises where methods of a module return what is not declared.
    - `slopes`: what `derivative` returns at the state of a module without weights.

    **Raises:** `ValueError` that names class and state.
    """
    cls, leaves = type(mod), jax.tree.leaves(eqx.filter(mod, eqx.is_array))
    if cls in _FOUND_FINITE or not all(map(is_concrete, leaves)):
        return
    if not all(bool(jnp.all(jnp.isfinite(x))) for x in states_of(mod).values()):
        return
    check_model(mod)
    for name, slope in eqx.filter_jit(slopes)(without_weights(mod)).items():
        bad = np.flatnonzero(~np.isfinite(slope))
        if bad.size:
            raise ValueError(
                f"{cls.__name__}.derivative returns {np.ravel(slope)[bad[0]]} for {name!r} "
                f"(element {bad[0]}) at the state that the module starts from. Check the "
                "equation, the values of the parameters and their units."
            )
    _FOUND_FINITE.add(cls)


def slopes(mod: Any) -> NestedDict:
    """What `derivative` returns at the state of a module, in the units of a run."""
    equations, s, active = _moment(mod)
    others = {name: x for name, x in s.items() if name not in mod.integrated}
    y = equations.coordinates(s)
    return equations(jnp.zeros_like(mod.dt), y, equations.beginning(y, others, active))


def _moment(mod: Any) -> tuple[Equations, NestedDict, Array | None]:
    """A model in the units of a run, its states, and that it is not refractory."""
    mod = in_units(without_weights(mod))
    active = None if mod.timer_ref is None else jnp.ones(mod.spikes.shape, bool)
    return (
        Equations(mod, isinstance(mod.solver, EventDriven)),
        on_floors(mod, states_of(mod)),
        active,
    )


def check_model(mod: Any) -> None:
    """Raises where a method returns other names or shapes than declared; while tracing, for free.

    **Raises:** `TypeError` for names and kinds, `ValueError` for shapes, naming class, method and
    state.
    """
    # As shapes alone: nothing of it stays in the program of a run.
    arrays, rest = eqx.partition(mod, eqx.is_array)
    leaves, structure = jax.tree.flatten(rest)
    static = (structure, *leaves)
    try:
        hash(static)
    except TypeError:
        eqx.filter_eval_shape(_check_model, mod)
    else:
        _check_once.eval_shape(arrays, static)


@ft.partial(jax.jit, static_argnums=1)
def _check_once(arrays: Any, static: tuple[Any, ...]) -> None:
    """Traced once for each class, structure, shapes and dtypes; JAX keeps what has been traced."""
    structure, *leaves = static
    _check_model(eqx.combine(arrays, jax.tree.unflatten(structure, leaves)))


def _check_model(mod: Any) -> None:
    equations, s, active = _moment(mod)
    bare, owner = equations.mod, type(mod).__name__
    spikes_in = bare.channels(jnp.zeros((mod.size_in,), mod.spikes.dtype))

    def returned(method: str, expected: NestedDict, function: Callable[[], Any]) -> Any:
        found = eqx.filter_eval_shape(function)
        check_returned(f"{owner}.{method}", found, expected)
        return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), found)

    returned("arrive", s, lambda: bare.arrive(s, spikes_in))
    returned("fire", s, lambda: bare.fire(s, mod.spikes))
    y = {name: s[name] for name in mod.integrated}
    y = returned("coordinates", y, lambda: equations.coordinates(s))
    returned("from_coordinates", y, lambda: equations.from_coordinates(y))
    others = {name: x for name, x in s.items() if name not in mod.integrated}
    at = equations.at(jnp.zeros_like(mod.dt), equations.beginning(y, others, active))
    returned("derivative", y, lambda: bare.derivative(y, at))
    distance = {"the distance": mod.spikes}
    returned("distance", distance, lambda: {"the distance": bare.distance(y, at)})


def check_returned(where: str, found: Any, expected: NestedDict) -> None:
    """Raises unless a method has returned what is declared, by name."""
    if not isinstance(found, dict):
        raise TypeError(
            f"{where} must return a dictionary by name of state; got {type(found).__name__}."
        )
    for name in found:
        if name not in expected:
            raise TypeError(
                f"{where} returns {name!r}, which is not declared; expected "
                f"{listing(expected)}.{suggestion(str(name), expected)}"
            )
    for name in sorted(expected, key=_KEPT.__contains__):
        x = expected[name]
        if name not in found:
            raise TypeError(
                f"{where} does not return {name!r}; expected {listing(expected)}. Begin with what "
                "came in, as `return s | {...}`."
            )
        if getattr(found[name], "shape", None) != x.shape:
            raise ValueError(
                f"{where} returns {name!r} as {describe(found[name])}; expected shape {x.shape}."
            )
        if found[name].dtype != x.dtype:
            raise TypeError(
                f"{where} returns {name!r} as {describe(found[name])}; expected {x.dtype}, the "
                "dtype of the run: constants are Python's numbers, or made with `zeros_like`."
            )
