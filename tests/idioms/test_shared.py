"""Weights tied by `eqx.nn.Shared`."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import eqpool


def network():
    layer = dict(has_rec=True, activation_func="tanh", bias=0.3)
    return eqpool.Sequential(
        eqpool.RateJax((4, 4), **layer, rng_key=0), eqpool.RateJax((4, 4), **layer, rng_key=1)
    )


X = jnp.ones((3, 4))
GET, WHERE = (lambda net: net[0].w_rec), (lambda net: net[1].w_rec)


@pytest.fixture
def shared():
    return eqx.nn.Shared(network(), WHERE, GET)


def loss(shared, x):
    return jnp.sum(shared()(x)[0] ** 2)


def test_the_gradient_is_the_sum_of_both(shared):
    value, tied = eqpool.filter_value_and_grad(loss, family="weights")(shared, X)
    untied = eqpool.filter_grad(lambda net, x: jnp.sum(net(x)[0] ** 2))(shared(), X)
    assert np.all(np.any(np.stack([w(untied) for w in (GET, WHERE)]), (1, 2)))
    np.testing.assert_allclose(GET(tied.pytree), GET(untied) + WHERE(untied), rtol=1e-5)
    assert WHERE(tied.pytree) is None
    np.testing.assert_allclose(value, loss(shared, X))


def test_training_keeps_the_tie(shared, promotion):
    optimiser = optax.multi_transform(
        {"weights": optax.adam(1e-2), "taus": eqpool.log_space(optax.adam(1e-2))},
        eqpool.family_labels,
    )
    trainable, frozen = eqpool.partition(shared, ("weights", "taus"))
    assert [x.shape for x in jax.tree.leaves(trainable)] == [(4, 4), (4,), (4,)]

    @jax.jit
    def step(trainable, state):
        value, gradient = jax.value_and_grad(
            lambda trainable: loss(eqpool.combine(trainable, frozen), X)
        )(trainable)
        updates, state = optimiser.update(gradient, state, trainable)
        return optax.apply_updates(trainable, updates), state, value

    state, values = optimiser.init(trainable), []
    for _ in range(3):
        trainable, state, value = step(trainable, state)
        values.append(value)
    net = eqpool.combine(trainable, frozen)()
    assert values[0] > values[1] > values[2]
    np.testing.assert_array_equal(GET(net), WHERE(net))
    assert not np.any(GET(net) == GET(shared.pytree))
    assert not np.any(net[0].tau == net[1].tau)


def test_a_tied_value_is_there_once(shared):
    assert eqpool.summary(shared).families["weights"] == 16
    spec = eqpool.filter_spec(shared, eqpool.is_parameter("weights"))
    assert GET(spec.pytree) is True and WHERE(spec.pytree) is False
    labels = eqpool.family_labels(shared)
    assert GET(labels.pytree) == "weights" and WHERE(labels.pytree) is None
    assert list(shared.pytree.parameters("weights")) == ["0_RateJax"]
    assert "w_rec SharedNode" in str(shared.pytree)
    # The mean over 16 values, not 32.
    weights = np.asarray(GET(shared.pytree))
    expected = np.mean((np.maximum(np.abs(weights) - 0.1, 0) / 0.2) ** 2)
    penalty = eqpool.bounds_penalty(shared, {"weights": (-0.1, 0.1)})
    np.testing.assert_allclose(penalty, expected, rtol=1e-5)


def test_updates_of_one_that_is_tied(shared):
    _, state, _ = shared()(X)
    later = shared.pytree.set_attributes(state).set_attributes({"0_RateJax": {"w_rec": jnp.eye(4)}})
    net = eqx.tree_at(lambda shared: shared.pytree, shared, later)()
    np.testing.assert_array_equal(WHERE(net), jnp.eye(4))
    np.testing.assert_array_equal(net[1].x, state["1_RateJax"]["x"])
    assert isinstance(WHERE(later.reset_parameters()), type(WHERE(shared.pytree)))


def test_a_layer_an_entry_and_sparse_weights():
    """Whole layers, weights between layers, and the values of sparse weights."""
    rows = eqpool.Sequential(eqpool.Linear((4, 4)), eqpool.RateJax(4), eqpool.Linear((4, 4)))
    layer = eqx.nn.Shared(rows, lambda net: net[2], lambda net: net[0])
    stack = eqpool.FFwdStack(*[eqpool.RateJax(4)] * 3)
    entry = eqx.nn.Shared(
        stack, lambda net: net.weights["1_2_weight"], lambda net: net.weights["0_1_weight"]
    )
    sparse = eqpool.SparseWeights.from_dense(np.eye(4))
    pair = [eqpool.RateJax(4, w_rec=sparse, has_rec=True) for _ in range(2)]
    values = eqx.nn.Shared(pair, lambda p: p[1].w_rec.values, lambda p: p[0].w_rec.values)
    for shared, weights in ((layer, 16), (entry, 16), (values, 4)):
        trainable, frozen = eqpool.partition(shared)
        optax.adam(1e-3).init(trainable)
        assert eqpool.summary(shared).families["weights"] == weights
        assert sum(x.size for x in jax.tree.leaves(eqpool.partition(shared, "weights")[0])) == (
            weights
        )
        whole = eqpool.combine(trainable, frozen)()
        assert jax.tree.structure(whole) == jax.tree.structure(shared())
