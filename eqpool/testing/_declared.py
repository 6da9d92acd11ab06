"""Promises of the methods that a model declares, by themselves."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from .._neuron.check import check_declaration
from .._neuron.equations import Equations, in_si, in_units, names_of_states
from ._rates import expect_pure
from ._report import expect, expect_close
from ._subject import in_double, Subject


def declaration(subject: Subject) -> None:
    """Methods return the states that are declared, in their shapes and the dtype of the run."""
    check_declaration(type(subject.given))
    subject.check_model()
    subject.on_grid(jnp.zeros((1, subject.given.size_in), subject.given.dt.dtype))


def spiking(subject: Subject) -> None:
    """Some constant input makes the neuron spike, now and then."""
    subject.drive  # noqa: B018


@in_double
def pure(subject: Subject) -> None:
    """Methods return the same whenever they are called with the same arguments."""
    mod, s = in_units(subject.still64), _moments(subject)[0]
    equations = Equations(mod)
    y, at = equations.coordinates(s), equations.moment(s, None)
    if mod.timer_ref is not None:
        at = equations.moment(s, jnp.ones(mod.size, bool))
    calls: dict[str, tuple[Any, ...]] = {
        "derivative": (y, at),
        "arrive": (s, mod.channels(jnp.ones(mod.size_in))),
        "fire": (s, jnp.ones(mod.size)),
        "distance": (y, at),
        "from_coordinates": (y, at),
    }
    expect_pure(mod, calls)


@in_double
def silence(subject: Subject) -> None:
    """No spikes change nothing: `arrive` and `fire` hand back the states that they are given.

    Both are called more often from event to event than on a grid.
    """
    mod = in_units(subject.still64)
    none = mod.channels(jnp.zeros(mod.size_in))
    for s in _moments(subject):
        for method, zeros in (("arrive", none), ("fire", jnp.zeros(mod.size))):
            after = getattr(mod, method)(s, zeros)
            hint = (
                f"Write what {method} does so that 0 spikes leave all states alone, as "
                "`s['isyn'] + spikes_in` or `jnp.where(spikes > 0, ...)`; what happens without "
                "spikes belongs into `derivative` or `decaying`."
            )
            expect_close(f"after `{method}` of no spikes, state", after, s, 1e-12, hint, _sizes(s))


@in_double
def arrivals(subject: Subject) -> None:
    """Spikes that arrive one after another at one moment do what they do together."""
    mod = in_units(subject.still64)
    rng = np.random.default_rng(1)
    spikes_in = rng.uniform(0.5, 1.5, (2, mod.size_in))
    first, second = (mod.channels(jnp.asarray(x)) for x in spikes_in)
    for s in _moments(subject):
        once, twice = mod.arrive(s, first + second), mod.arrive(mod.arrive(s, first), second)
        hint = "`arrive` should add something in proportion to `spikes_in` to a state."
        expect_close("after two `arrive`, state", twice, once, 1e-9, hint, _sizes(once))


@in_double
def coordinates(subject: Subject) -> None:
    """`from_coordinates` is the inverse of `coordinates`."""
    mod = in_units(subject.still64)
    for s in _moments(subject):
        s = {name: s[name] for name in mod.integrated}
        for exact in (False, True):
            equations = Equations(mod, exact)
            back = equations.from_coordinates(equations.coordinates(s))
            where = f"after `coordinates` and `from_coordinates` with exact={exact}, state"
            hint = "One of the two does not undo the other."
            expect_close(where, back, s, 1e-7, hint, _sizes(s))


def _moments(subject: Subject) -> list[dict[str, Any]]:
    """All states at some moments of the run that spikes, in the units of a run.

    No spike has been there the step before, which is still to arrive at the neuron itself.
    """
    mod = subject.still64
    _, state, record = subject.strong64
    steps = len(record["spikes"])
    names = names_of_states(subject.given)
    recorded = [name for name in names if name in record]
    expect(
        set(names) - {"timer_ref"} <= set(recorded),
        f"the record has {sorted(record)}; it lacks {sorted({*names} - {*record, 'timer_ref'})}.",
        "A `run` of your own should return the record of `super().run(...)`.",
    )
    rest = {name: state[name] for name in names if name not in recorded}
    moments = (steps // 3, steps // 2, steps - 1)
    units = in_si(mod, dict.fromkeys(names, 1.0))
    found = [{name: record[name][i] for name in recorded} | rest for i in moments]
    none = {"spikes": jnp.zeros_like(mod.spikes)}
    return [{name: x / units[name] for name, x in s.items()} | none for s in found]


def _sizes(s: dict[str, Any]) -> dict[str, float]:
    return {name: float(np.max(np.abs(np.asarray(x)), initial=0.0) or 1.0) for name, x in s.items()}
