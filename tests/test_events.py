"""`Events`: what it holds, rasters in both directions, latencies, matrices."""

import equinox as eqx
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings

import eqpool


def sample():
    return eqpool.Events([1e-3, 2e-3, 2e-3, 7.5e-3], [1, 0, 2, 1], 3, [1.0, 2.0, 0.5, 1.0])


def test_raster_puts_each_event_into_its_step():
    expected = np.zeros((6, 3))
    expected[1, 1], expected[2, 0], expected[2, 2] = 1.0, 2.0, 0.5
    np.testing.assert_array_equal(sample().raster(1e-3, 6), expected)
    assert sample().raster(1e-3, 8)[7, 1] == 1.0


def test_borders_hold_up_to_rounding():
    for dt in (1e-3, 1e-4, 3e-5):
        steps = np.arange(0, 3000, 7)
        events = eqpool.Events(np.float32(dt) * steps.astype(np.float32), 0 * steps, 1)
        found = np.flatnonzero(events.raster(dt, 3000)[:, 0])
        np.testing.assert_array_equal(found, steps)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 3)), max_size=15, unique=True))
def test_from_raster_and_back(places):
    raster = np.zeros((20, 4), np.float32)
    for weight, (step, channel) in enumerate(places):
        raster[step, channel] = weight + 1.0
    events = eqpool.Events.from_raster(raster, 1e-3)
    assert int(events.count) == len(places)
    # A spike of a step is at its end, and so arrives in the next one.
    np.testing.assert_array_equal(events.raster(1e-3, 21)[1:], raster)
    for n, train in enumerate(events.trains()):
        np.testing.assert_allclose(train, 1e-3 * (np.flatnonzero(raster[:, n]) + 1), rtol=1e-6)


def test_first_times_and_trains():
    events = eqpool.Events([1e-3, 2e-3, 7.5e-3], [1, 2, 1], 4)
    np.testing.assert_allclose(events.first_times(0.1), [0.1, 1e-3, 2e-3, 0.1])
    assert np.isinf(events.first_times()[0])
    np.testing.assert_allclose(events.trains()[1], [1e-3, 7.5e-3])
    assert [len(train) for train in events.trains()] == [0, 2, 1, 0]
    empty = eqpool.Events([], [], 2)
    np.testing.assert_allclose(empty.first_times(1.0), 1.0)
    gradient = jax.grad(
        lambda t: jnp.sum(eqpool.Events(t, jnp.array([1, 2, 1]), 4).first_times(0.1))
    )(events.times)
    np.testing.assert_array_equal(gradient, [1.0, 1.0, 0.0])


def test_padding_counts_for_nothing():
    times = jnp.array([1e-3, 5.0, 7.0])
    padded = eqpool.Events.padded(times, jnp.array([1, 0, 2]), jnp.ones(3), jnp.array(1), 3)
    assert np.isinf(padded.times[1:]).all() and int(padded.count) == 1
    np.testing.assert_array_equal(padded.raster(1e-3, 4).sum(0), [0.0, 1.0, 0.0])
    np.testing.assert_allclose(padded.first_times(9.0), [9.0, 1e-3, 9.0])
    np.testing.assert_array_equal(padded.values()[1:], 0.0)


def test_through_a_matrix():
    w = jnp.arange(6.0).reshape(3, 2) + 1.0
    events = sample().through(w)
    assert events.num_channels == 2
    np.testing.assert_allclose(events.values(), sample().values() @ w)
    np.testing.assert_allclose(events.raster(1e-3, 8), sample().raster(1e-3, 8) @ w)
    v = jnp.ones((2, 5))
    np.testing.assert_allclose(events.through(v).values(), sample().values() @ w @ v)
    linear = eqpool.Linear((3, 2), weight=w)
    out, state = linear.evolve_events(sample(), 0.01)
    np.testing.assert_allclose(out.values(), events.values())
    assert state == {}


def test_transforms():
    run = lambda events: (events.raster(1e-3, 8), events.first_times(1.0), events.values())
    expected = run(sample())
    for found in (eqx.filter_jit(run)(sample()), jax.tree.map(lambda x: x[1], eqx.filter_vmap(
        lambda shift: run(eqx.tree_at(lambda e: e.times, sample(), sample().times + shift))
    )(jnp.zeros(2)))):  # fmt: skip
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)
    weights = jax.grad(
        lambda w: jnp.sum(eqx.tree_at(lambda e: e.weights, sample(), w).raster(1e-3, 6))
    )(sample().weights)
    np.testing.assert_array_equal(weights, [1.0, 1.0, 1.0, 0.0])
