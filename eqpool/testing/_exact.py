"""Promises of runs over events."""

from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from .._events import Events
from .._solver import EventDriven
from ._differences import check_slopes
from ._reference import by_short_steps
from ._report import expect, expect_close, Skipped
from ._subject import in_double, Subject, with_fields


_COARSE, _FINE = 8, 128
"""Short steps in each interval of the grid."""


def events_on_grid(subject: Subject) -> None:
    """With a solver on a grid, `evolve_events` is the run over the raster of the events."""
    mod = subject.on_grid
    x = subject.input(mod)
    spikes, state, _ = mod(x, record=True)
    found, other = mod.evolve_events(_events(mod, x, late=0.3), num_steps=len(x))
    hint = "A `run_events` of your own should call `super().run_events(...)`."
    # An event at the end of a step is on the border to the next.
    raster = found.raster(mod.dt, len(x) + 1)[1:]
    expect_close("the raster of a run over events", raster, spikes, 1e-6, hint)
    # Compiled by itself, it may round otherwise.
    state = {name: x for name, x in state.items() if name != "rng_key"}
    other = {name: other[name] for name in state}
    expect_close("after a run over events, state", other, state, 1e-4, hint)


@in_double
def reset(subject: Subject) -> None:
    """Right after a spike the membrane is below threshold; without a reset it need not be."""
    if not subject.given.resets:
        raise Skipped("a spike is an upward crossing, `resets = False`")
    after = float(_short_steps(subject, _FINE).after)
    expect(
        after < 0.0,
        f"right after a spike the distance from threshold is up to {after:.3g}.",
        "`fire` should take the membrane below threshold; a model whose spikes do not says "
        "`resets = False`, and spikes where it crosses the threshold upwards.",
    )


@in_double
def event_times(subject: Subject) -> None:
    """Spike times of `EventDriven` are those to which short steps of Heun converge."""
    _no_noise(subject)
    _, events = _run_exactly(subject)
    trains, dt = events.trains(), float(subject.given.dt)
    expect(
        int(events.count) > 0,
        "there are no spikes with EventDriven, under input that brings them on a grid.",
        "Is `dt` short enough, or does `distance` reach 0 on a grid only?",
    )
    hint = (
        "Does `fire` or `arrive` act differently when it is called more often, do `coordinates` "
        'or `derivative` differ by `at["exact"]`, or does `distance` jump?'
    )
    errors = []
    for parts in (_COARSE, _FINE):
        times = np.asarray(_short_steps(subject, parts).times)
        found = np.full(times.shape, np.inf)
        for neuron, train in enumerate(trains):
            found[neuron, : len(train)] = train[: times.shape[1]]
        end = dt * (len(subject.drive.strong) - 1)
        # Of spikes near the end, one run may have one more.
        both = (times < end) & (found < end)
        either = (times < end - dt) | (found < end - dt)
        neuron = int(np.argmax((either & ~both).any(1)))
        expect(
            not (either & ~both).any(),
            f"neuron {neuron} spikes at {found[neuron]} s with EventDriven, and at "
            f"{times[neuron]} s in short steps.",
            hint,
        )
        errors.append(
            float(np.max(np.abs(np.where(both, times, 0.0) - np.where(both, found, 0.0))))
        )
    coarse, fine = errors
    # A short step resets at its end: each spike may be late by one.
    late = dt / _FINE * max(map(len, trains))
    expect(
        fine <= max(0.25 * coarse, late) and fine <= 0.25 * dt,
        f"spike times of EventDriven are {coarse:.3g} s from those of steps of dt/{_COARSE}, and "
        f"{fine:.3g} s from those of steps of dt/{_FINE}, with dt = {dt:g} s: the latter do not "
        "converge to the former.",
        hint,
    )


@in_double
def event_gradients(subject: Subject) -> None:
    """Derivatives of spike times of `EventDriven` are those of finite differences."""
    _no_noise(subject)
    run, events = _run_exactly(subject)
    mod = subject.still64
    weights = _weights(subject, events)

    def summed(values: Any) -> float:
        return float(run(values, *weights)[0][0])

    check_slopes(
        summed,
        mod,
        run(mod.parameters(), *weights)[1],
        "a sum of spike times, in dt,",
        "A time follows from where `distance` reaches 0 with a slope: is {} behind a "
        "`stop_gradient` or a `jnp.where`, or does `distance` jump?",
        1e-4,
    )


def _no_noise(subject: Subject) -> None:
    if subject.noisy:
        raise Skipped("EventDriven takes no noise; check one with noise_std=0 too")


def _short_steps(subject: Subject, parts: int) -> Any:
    mod = subject.still64
    return by_short_steps(mod, _apart(subject, mod), jnp.asarray(parts))


def _apart(subject: Subject, mod: Any) -> Any:
    """The input that makes it spike, a little less for each further channel.

    Equal neurons would spike at once, in no order, and without a derivative.
    """
    x = subject.input(mod)
    return x * jnp.linspace(1.0, 0.9, x.shape[-1], dtype=x.dtype)[None]


def _events(mod: Any, x: Any, late: float = 0.0) -> Events:
    """The rows of an input as events in each step; `late` after its start, in `dt`."""
    places = np.arange(len(x))
    return Events(float(mod.dt) * (places + late), places, len(x)).through(x)


def _run_exactly(subject: Subject) -> tuple[Any, Events]:
    """A run by parameters and weights of spikes: the sum and events, gradient."""

    def make() -> tuple[Any, Events]:
        controller = diffrax.PIDController(rtol=1e-11, atol=1e-11)
        solver = EventDriven(stepsize_controller=controller, max_steps=2**14)
        mod = with_fields(subject.still64, solver=solver)
        x = _apart(subject, mod)
        events, duration = _events(mod, x), float(mod.dt) * len(x)

        @jax.jit
        def run(values: Any, by_neuron: Any, first: Any) -> Any:
            def summed(values: Any) -> Any:
                found, _ = mod.set_attributes(values).evolve_events(events, duration)
                counted = jnp.arange(len(found.times), dtype=first.dtype) < first
                # By neuron: of equal neurons any may be the first.
                times = jnp.where(counted, by_neuron[found.channels] * found.times / mod.dt, 0.0)
                return jnp.sum(times), found

            return jax.value_and_grad(summed, has_aux=True)(values)

        none = jnp.zeros(mod.size), jnp.zeros((), jnp.int32)
        return run, run(mod.parameters(), *none)[0][1]

    return subject.once("exact", make)


def _weights(subject: Subject, events: Events) -> tuple[Any, Any]:
    """A weight for each neuron, and how many spikes, up to a gap, so that they stay the first."""
    times, count = np.asarray(events.times), int(events.count)
    expect(count > 0, "there are no spikes with EventDriven.", "Does `distance` reach 0?")
    dt = float(subject.given.dt)
    gaps = np.diff(times[: min(count, 9)], append=dt * len(events.times))
    at_once = np.flatnonzero(gaps < 1e-3 * dt)
    gaps = gaps[: at_once[0]] if at_once.size else gaps
    if not gaps.size:
        raise Skipped(
            "neurons spike at once, and their order, on which derivatives depend, is not defined: "
            "give each of them parameters of its own"
        )
    first = 1 + int(np.argmax(gaps))
    by_neuron = np.random.default_rng(3).uniform(0.5, 1.5, subject.given.size)
    return jnp.asarray(by_neuron), jnp.asarray(first, jnp.int32)
