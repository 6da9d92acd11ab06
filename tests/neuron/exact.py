"""Layers with exact spike times, and what they are held against."""

from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np

import eqpool
from tests.neuron.by_hand import by_hand
from tests.neuron.dop853 import spikes


N, EVENTS = 4, 12
EXACT = eqpool.EventDriven(
    diffrax.Dopri8(), diffrax.PIDController(1e-12, 1e-12), max_spikes=512, max_steps=50_000
)
RING = np.array(
    [[0.0, 0.8, -0.3, 0.2], [0.5, 0.0, 0.4, -0.2], [-0.6, 0.9, 0.0, 0.3], [0.4, -0.2, 0.3, 0.0]]
)
"""Weights of both signs."""


def layer(cls: Any, w_rec: float, channels: int = N, solver: Any = EXACT, **arguments: Any) -> Any:
    """Recurrent neurons; arguments one for each of them, so that layers share what is compiled."""
    weights = w_rec * np.repeat(RING, channels // N, 1)
    arguments = {name: jnp.full(N, x) if np.ndim(x) < 1 else x for name, x in arguments.items()}
    return cls((channels, N), has_rec=True, w_rec=weights, solver=solver, **arguments)


_run = eqx.filter_jit(lambda mod, events, duration: mod.evolve_events(events, duration))


def run(mod: Any, duration: float, arrivals: Any = ()) -> tuple[Any, Any]:
    """Spike trains and the state; what is compiled for a model is so once for each file."""
    none = EVENTS - len(arrivals)
    columns = zip(*arrivals, *[(duration, 0, 0.0)] * none, strict=True)
    times, channels, weights = map(np.array, columns)
    events = eqpool.Events(times, channels, mod.size_in, weights)
    return _run(mod, events, jnp.asarray(duration))


def trains(mod: Any, duration: float, arrivals: Any = ()) -> list[np.ndarray]:
    return run(mod, duration, arrivals)[0].trains()


def drawn(channels: int, duration: float, size: float, seed: int = 1) -> list[Any]:
    """Arrivals: times, channels and weights."""
    draw = np.random.default_rng(seed)
    times = np.sort(draw.uniform(0.0, duration, EVENTS))
    weights = size * draw.uniform(0.5, 2.0, EVENTS)
    return list(zip(times, draw.integers(0, channels, EVENTS), weights, strict=True))


def assert_as_by_dop853(
    mod: Any, duration: float, size: float, at_least: int, atol: float = 1e-12
) -> None:
    """The same spikes of the same neurons; all neurons spike.

    Both have tolerances of 1e-12 or below.
    """
    arrivals = drawn(mod.size_in, duration, size)
    found, _ = run(mod, duration, arrivals)
    expected, neurons, _ = spikes(*by_hand(mod), duration, arrivals)
    count = int(found.count)
    assert count == len(expected) >= at_least
    assert np.bincount(neurons, minlength=N).min() > 0
    np.testing.assert_array_equal(found.channels[:count], neurons)
    np.testing.assert_allclose(found.times[:count], expected, rtol=0, atol=atol)
