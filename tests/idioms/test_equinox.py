"""What users of Equinox, JAX and optax do with any module."""

import functools
import io

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import eqpool
from tests.helpers import small_net, wave


X = wave(4, 3)


@pytest.fixture(scope="module")
def net():
    return small_net()


@pytest.fixture(scope="module")
def expected(net):
    return net(X)[0]


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


# A module as the function


def test_as_a_function(net, expected):
    close(eqx.filter_jit(net)(X)[0], expected)
    partial = jax.tree_util.Partial(net)
    for run in (net, eqx.filter_checkpoint(net), partial, jax.jit(functools.partial(net))):
        assert jax.eval_shape(lambda x, run=run: run(x)[0], X).shape == (4, 2)
    assert jax.eval_shape(lambda run, x: run(x)[0], partial, X).shape == (4, 2)
    assert jax.eval_shape(jax.vmap(net), X[None])[0].shape == (1, 4, 2)
    assert jax.eval_shape(lambda x: jax.linearize(net, x)[0][0], X).shape == (4, 2)
    assert net == net and not net == small_net(seed=5)
    assert bool(eqx.tree_equal(net, jax.tree.map(jnp.copy, net)))


@pytest.mark.parametrize(
    "ask", [hash, lambda net: jax.jit(net)(X), lambda net: jax.jit(net.evolve)(X),
            lambda net: jax.checkpoint(net)(X)], ids=["hash", "jit", "evolve", "checkpoint"],
)  # fmt: skip
def test_what_needs_a_hash_says_what_to_do(net, ask):
    with pytest.raises(TypeError, match=r"Sequential holds arrays.*`eqx\.filter_jit\(net\)`"):
        ask(net)


# A module as a tree


def test_a_skeleton(net, expected):
    """Shapes alone: built without memory, printed, filtered, filled from a file."""

    def build(key):
        keys = jax.random.split(key, 3)
        return eqpool.Sequential(
            eqpool.Linear((3, 4), rng_key=keys[0]),
            eqpool.RateJax((4, 4), has_rec=True, activation_func="tanh", rng_key=keys[1]),
            eqpool.Linear((4, 2), has_bias=True, rng_key=keys[2]),
        )

    skeleton = eqx.filter_eval_shape(build, jax.random.key(0))
    assert eqpool.summary(skeleton) == eqpool.summary(net)
    assert "w_rec f32[4,4]" in str(skeleton)
    assert eqx.filter_eval_shape(lambda net, x: net(x)[0], skeleton, X).shape == (4, 2)
    assert len(jax.tree.leaves(eqpool.partition(skeleton, "weights")[0])) == 3
    file = io.BytesIO()
    eqx.tree_serialise_leaves(file, net)
    file.seek(0)
    close(eqx.tree_deserialise_leaves(file, skeleton)(X)[0], expected)


def test_tree_utilities(net, expected):
    zeros = jax.tree.map(jnp.zeros_like, net)
    assert jax.tree.structure(zeros) == jax.tree.structure(net)
    trainable, _ = eqpool.partition(net)
    squares = sum(np.sum(np.square(leaf)) for leaf in jax.tree.leaves(trainable))
    close(optax.tree.norm(trainable), squares**0.5)
    state = optax.tree.zeros_like(optax.adamw(1e-3).init(trainable))
    assert optax.tree.get(state, "count") == 0
    assert eqx.tree_equal(eqx.apply_updates(net, jax.tree.map(jnp.zeros_like, trainable)), net)
    array, static = eqx.partition(net, eqx.is_array)
    assert not jax.tree.leaves(static) and eqx.tree_equal(eqx.combine(array, static), net)
    donating = eqx.filter_jit(lambda net, x: net(x)[0], donate="all")
    close(donating(jax.tree.map(jnp.copy, net), jnp.copy(X)), expected)
    run = lambda net, x: jax.lax.scan(lambda net, x: (net, net(x)[0]), net, x)
    assert jax.eval_shape(run, net, X[None])[1].shape == (1, 4, 2)


# Predicates


@pytest.mark.parametrize(
    "predicate", [eqpool.is_parameter, eqpool.is_state, eqpool.is_simulation_parameter]
)
def test_a_predicate_need_not_be_called(net, predicate):
    called = eqpool.filter_spec(net, predicate())
    assert eqpool.filter_spec(net, predicate) == called and any(jax.tree.leaves(called))
    close(len(jax.tree.leaves(eqpool.partition(net, predicate)[0])), sum(jax.tree.leaves(called)))


def test_predicates_wherever_a_family_is_asked_for(net):
    assert list(net.state(eqpool.is_state)["1_RateJax"]) == ["x", "rng_key"]
    assert list(net.parameters(eqpool.is_parameter)) == list(net.parameters())
    with pytest.raises(ValueError, match="Only parameters get a gradient here, not states"):
        eqpool.filter_grad(lambda net: 0.0, family=eqpool.is_state)


# Layers of Equinox in an `Instant`


def with_dropout():
    layer = eqx.nn.Sequential([eqx.nn.Lambda(jnp.tanh), eqx.nn.Dropout(0.5)])
    return eqpool.Sequential(eqpool.Instant(3, layer), eqpool.ExpSmooth(3))


def test_inference_mode():
    training, plain = with_dropout(), eqpool.Sequential(eqpool.Instant(3, jnp.tanh))
    serving = eqx.nn.inference_mode(training)
    assert all(eqx.is_array(leaf) for leaf in jax.tree.leaves(serving))
    expected = eqpool.ExpSmooth(3)(plain(X)[0])[0]
    close(serving(X)[0], expected)
    close(jax.jit(lambda net, x: net(x)[0])(serving, X), expected)
    assert jax.tree.structure(serving) != jax.tree.structure(training)
    back = eqx.nn.inference_mode(serving, value=False)
    assert jax.tree.structure(back) == jax.tree.structure(training)
    trainable, frozen = eqpool.partition(serving)
    close(eqpool.combine(trainable, frozen)(X)[0], expected)


def test_dropout_in_training_says_what_to_do():
    with pytest.raises(ValueError, match=r"InstantJax: its function has dropout.*inference_mode"):
        with_dropout()(X)


def test_the_inside_of_a_function_can_be_reached():
    net = eqpool.Instant((3, 2), eqx.filter_vmap(eqx.nn.Linear(3, 2, key=jax.random.key(0))))
    weight = lambda net: net.function.function.__wrapped__.weight
    doubled = eqx.tree_at(weight, net, 2 * weight(net))
    layer = net.function.unwrapped.__wrapped__
    bias = jnp.broadcast_to(layer.bias, (4, 2))
    close(doubled(X)[0], 2 * X @ layer.weight.T + bias)


@pytest.mark.parametrize(
    "where", [lambda m: m.activation_func, lambda m: m.activation_func.function]
)
def test_another_function(where):
    mod = eqx.tree_at(where, eqpool.RateJax(3, rng_key=0), eqpool.physics.tanh)
    close(mod(X)[0], eqpool.RateJax(3, activation_func="tanh", rng_key=0)(X)[0])


def test_arrays_of_a_surrogate():
    """They are leaves, and not constants of the compiled function."""

    class Bump(eqx.Module):
        width: jax.Array

        def __call__(self, u):
            return jnp.exp(-((u / self.width) ** 2))

    mods = [eqpool.CustomSurrogate(Bump(jnp.asarray(w))) for w in (1.0, 2.0)]
    assert jax.tree.leaves(mods) == [1.0, 2.0]
    assert jax.tree.structure(mods[0]) == jax.tree.structure(mods[1])
    one = jnp.ones(())
    close(jax.jit(lambda mod: mod.height(-one))(mods[1]), np.exp(-0.25))


def test_arrays_hidden_by_a_transform_get_a_warning():
    with pytest.warns(UserWarning, match="Linear are hidden by a transform of JAX.*filter_vmap"):
        eqpool.Instant((3, 2), jax.vmap(eqx.nn.Linear(3, 2, key=jax.random.key(0))))
