"""Positive quantities in log space: the same optimiser at every scale, hard bounds."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings, strategies as st

import eqpool
from tests.helpers import assert_same_bits


def train(optimiser, params, gradient_of, steps):
    state = optimiser.init(params)

    @jax.jit
    def step(params, state):
        updates, state = optimiser.update(gradient_of(params), state, params)
        return optax.apply_updates(params, updates), state

    history = [params]
    for _ in range(steps):
        params, state = step(params, state)
        history.append(params)
    return history


@pytest.mark.parametrize("start", [1e-3, 1.0, 1e-12])
def test_one_optimiser_for_every_scale(start, promotion):
    """From any scale, the way to a target at 3 times the value takes the same steps."""
    target = 3 * start
    optimiser = eqpool.log_space(optax.adam(0.05))
    history = train(
        optimiser, jnp.asarray(start), jax.grad(lambda p: jnp.log(p / target) ** 2), 200
    )
    assert float(history[-1]) == pytest.approx(target, rel=0.01)
    relative = np.asarray(history) / start
    first = train(optimiser, jnp.asarray(1.0), jax.grad(lambda p: jnp.log(p / 3.0) ** 2), 200)
    np.testing.assert_allclose(relative, np.asarray(first), rtol=1e-3)


def test_taus_of_a_network(promotion):
    """Two layers, 1e-3 s and 1 s, one optimiser: both find the tau behind the data."""
    steps = jnp.ones((400, 1))
    short, long = 3e-3, 0.3

    def make(tau_short, tau_long):
        return {
            "short": eqpool.RateJax(1, tau=tau_short, dt=1e-4),
            "long": eqpool.RateJax(1, tau=tau_long, dt=1e-2),
        }

    targets = {name: mod(steps)[0] for name, mod in make(short, long).items()}
    model = make(1e-3, 1.0)
    trainable, frozen = eqpool.partition(model, "taus")
    optimiser = eqpool.log_space(optax.adam(0.05), lower=5e-4, upper=2.0)
    state = optimiser.init(trainable)

    @eqx.filter_jit
    def step(trainable, state):
        def loss(trainable):
            whole = eqpool.combine(trainable, frozen)
            return sum(eqpool.mse(whole[name](steps)[0], targets[name]) for name in whole)

        gradient = eqx.filter_grad(loss)(trainable)
        updates, state = optimiser.update(gradient, state, trainable)
        return eqx.apply_updates(trainable, updates), state

    for _ in range(150):
        trainable, state = step(trainable, state)
    model = eqpool.combine(trainable, frozen)
    assert isinstance(model["short"].tau, jax.Array)  # seconds, no wrapper
    assert float(model["short"].tau) == pytest.approx(short, rel=0.02)
    assert float(model["long"].tau) == pytest.approx(long, rel=0.02)


@pytest.mark.parametrize("make", [lambda: optax.sgd(0.1, momentum=0.9), lambda: optax.adam(0.1)])
def test_it_is_training_the_logarithm(make, x64, promotion):
    """Step for step the same as replacing p by exp(q) and training q."""

    def loss(p):
        return jnp.sum((p - jnp.asarray([2.0, 1e-3])) ** 2 / jnp.asarray([1.0, 1e-6]))

    start = jnp.asarray([1.0, 2e-3])
    ours = train(eqpool.log_space(make()), start, jax.grad(loss), 20)
    logs = train(make(), jnp.log(start), jax.grad(lambda q: loss(jnp.exp(q))), 20)
    changes = np.abs(np.diff(np.stack(logs), axis=0))
    assert changes.max() < np.log(2)  # otherwise the factor of 2 per step would show
    np.testing.assert_allclose(np.stack(ours), np.exp(np.stack(logs)), rtol=1e-10)


@settings(max_examples=200, deadline=None)
@given(
    fraction=st.floats(0.0, 1.0),
    exponent=st.floats(-13, 1),
    width=st.floats(0.1, 6),
    gradient=st.floats(-1e20, 1e20),
    rate=st.floats(1e-4, 10),
)
def test_bounds_hold_to_the_last_bit(fraction, exponent, width, gradient, rate):
    lower, upper = np.float32(10**exponent), np.float32(10 ** (exponent + width))
    start = np.clip(np.float32(lower * (upper / lower) ** fraction), lower, upper)
    optimiser = eqpool.log_space(optax.sgd(rate), float(lower), float(upper))
    with jax.numpy_dtype_promotion("standard"):
        params = jnp.asarray(start)
        state = optimiser.init(params)
        for _ in range(3):
            updates, state = optimiser.update(jnp.float32(gradient), state, params)
            following = optax.apply_updates(params, updates)
            assert lower <= float(following) <= upper
            assert 0.5 <= float(following) / float(params) <= 2
            params = following


def test_it_ends_on_the_bound_exactly(promotion):
    optimiser = eqpool.log_space(optax.sgd(1.0), lower=1e-3, upper=0.7)
    down = train(optimiser, jnp.asarray(0.3), lambda p: 1e3 * jnp.ones_like(p), 30)[-1]
    up = train(optimiser, jnp.asarray(0.3), lambda p: -1e3 * jnp.ones_like(p), 30)[-1]
    assert_same_bits(down, jnp.float32(1e-3))
    assert_same_bits(up, jnp.float32(0.7))


def test_bounds_come_from_the_declaration(promotion):
    class Bounded(eqpool.AbstractModule):
        blueprint: eqpool.Blueprint
        current: jax.Array = eqpool.field(
            eqpool.Parameter(2e-12, family="currents", bounds=eqpool.Interval(1e-12, 4e-12))
        )

        def __init__(self):
            eqpool.initialise(self, 1)

        def run(self, input_data, record):
            return input_data * self.current, {}, {}

    trainable, _ = eqpool.partition(Bounded())
    ones = jax.tree.map(lambda p: 1e20 * jnp.ones_like(p), trainable)
    optimiser = eqpool.log_space(optax.sgd(1.0))
    for sign, bound in ((1, 1e-12), (-1, 4e-12)):
        gradient = jax.tree.map(lambda g, s=sign: s * g, ones)
        last = train(optimiser, trainable, lambda _, g=gradient: g, 5)[-1]
        assert_same_bits(last.current, jnp.float32(bound))


def test_inside_multi_transform_and_chain(promotion):
    net = eqpool.RateJax(3, has_rec=True, rng_key=0)
    trainable, _ = eqpool.partition(net, ("weights", "taus"))
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.multi_transform(
            {"weights": optax.adam(1e-2), "taus": eqpool.log_space(optax.adamw(1e-2))},
            eqpool.family_labels,
        ),
    )
    gradient = jax.tree.map(jnp.ones_like, trainable)
    updates, _ = optimiser.update(gradient, optimiser.init(trainable), trainable)
    after = eqx.apply_updates(trainable, updates)
    # Adam's first step is its rate: absolute for weights, relative for taus.
    np.testing.assert_allclose(after.w_rec, net.w_rec - 1e-2, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(after.tau, net.tau * np.exp(-1e-2), rtol=1e-3)


@pytest.mark.parametrize(
    "call, match",
    [
        (
            lambda: eqpool.log_space(optax.sgd(1.0), lower=-1.0),
            "must not be negative; got -1",
        ),
        (lambda: eqpool.log_space(optax.sgd(1.0), 2.0, 1.0), "lower must be below upper; got 2.0"),
        (
            lambda: eqpool.log_space(optax.sgd(1.0)).init(jnp.asarray([1.0, 0.0])),
            r"log_space: a value = \[1. 0.\] is not in",
        ),
        (
            lambda: eqpool.log_space(optax.sgd(1.0), 1e-3, 1e-2).init(
                eqpool.partition(eqpool.Sequential(eqpool.RateJax(2)), "taus")[0]
            ),
            r"log_space: 0_RateJax.tau = \[0.02 0.02\] is not in \[0.001, 0.01\]",
        ),
        (
            lambda: eqpool.log_space(optax.sgd(1.0)).update(jnp.ones(1), optax.EmptyState()),
            "pass `params` to `update`",
        ),
    ],
)
def test_errors(call, match):
    with pytest.raises(ValueError, match=match):
        call()
