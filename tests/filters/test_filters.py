"""Filters: what is selected, what is truly excluded, and what happens with a misspelt family."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import eqpool
from tests.helpers import assert_same_bits, nested_net, small_net, wave


def loss(model, x):
    return jnp.mean(model(x)[0] ** 2)


def selected(model, spec):
    """Logical names of the leaves that a spec selects."""
    paths = jax.tree_util.tree_leaves_with_path(eqx.filter(model, spec))
    return {jax.tree_util.keystr(path).split(".")[-1] for path, _ in paths}


@pytest.mark.parametrize(
    "family, names",
    [
        (None, {"weight", "w_rec", "tau", "bias", "threshold"}),
        ("weights", {"weight", "w_rec"}),
        (("taus", "biases"), {"tau", "bias"}),
        (["thresholds"], {"threshold"}),
        (lambda path, field: path[-1] == "tau", {"tau"}),
        (lambda path, field: field.unit == "s", {"tau"}),  # dt is no parameter
        (eqpool.is_parameter(), {"weight", "w_rec", "tau", "bias", "threshold"}),
        (eqpool.is_parameter("taus"), {"tau"}),
        (eqpool.is_state(), {"x", "rng_key"}),
        (eqpool.is_simulation_parameter(), {"noise_std", "dt"}),
    ],
)
def test_filter_spec(family, names):
    net = nested_net()
    spec = eqpool.filter_spec(net, family)
    assert jax.tree.structure(spec) == jax.tree.structure(net)
    assert all(type(leaf) is bool for leaf in jax.tree.leaves(spec))
    assert selected(net, spec) == names


def test_predicate_gets_logical_paths():
    seen = []
    eqpool.filter_spec(nested_net(), lambda path, field: bool(seen.append(path)) or True)
    assert ("0_Sequential", "0_Sequential", "1_RateJax", "tau") in seen
    assert ("1_LinearJax", "weight") in seen


def test_lists_and_dictionaries_of_modules():
    model = {"net": small_net(), "extra": [eqpool.RateJax(2), jnp.ones(3)], "plain": 1.0}
    spec = eqpool.filter_spec(model, "taus")
    assert spec["net"][1].tau is True and spec["extra"][0].tau is True
    assert spec["extra"][1] is False and spec["plain"] is False
    seen = {path for path in paths_of(model)}
    assert ("net", "1_RateJax", "tau") in seen and ("extra_0_RateJax", "tau") in seen


def paths_of(model):
    seen = []
    eqpool.filter_spec(model, lambda path, field: bool(seen.append(path)) or True)
    return seen


def test_leaves_of_other_modules_belong_to_no_family():
    mlp = eqx.filter_vmap(eqx.nn.MLP(2, 2, 3, 1, key=jax.random.key(0)))
    net = eqpool.Sequential(eqpool.Linear((3, 2), rng_key=0), eqpool.Instant(2, mlp))
    gradient = eqpool.filter_grad(loss)(net, wave(5, 3))
    assert gradient[0].weight is not None
    assert jax.tree.leaves(gradient[1]) == []
    spec = eqpool.filter_spec(net)
    both = eqx.tree_at(
        lambda s: s[1].function, spec, jax.tree.map(eqx.is_inexact_array, net[1].function)
    )
    trainable, frozen = eqx.partition(net, both)
    all_gradients = eqx.filter_grad(lambda t: loss(eqx.combine(t, frozen), wave(5, 3)))(trainable)
    assert len(jax.tree.leaves(all_gradients)) == 5


def test_partition_and_combine():
    net = nested_net()
    trainable, frozen = eqpool.partition(net, "weights")
    assert {leaf.shape for leaf in jax.tree.leaves(trainable)} == {(3, 4), (4, 4), (4, 2), (2, 2)}
    assert len(jax.tree.leaves(trainable)) + len(jax.tree.leaves(frozen)) == len(
        jax.tree.leaves(net)
    )
    jax.tree.map(assert_same_bits, eqpool.combine(trainable, frozen), net)


@pytest.mark.parametrize("how", ["call", "decorator", "jit", "vmap"])
def test_gradient_is_for_the_family_only(how):
    net, x = nested_net(), wave(10, 3)
    expected = eqpool.filter_grad(loss)(net, x)
    if how == "decorator":

        @eqpool.filter_value_and_grad(family="taus")
        def function(net, x):
            """A docstring."""
            return loss(net, x)

        assert function.__doc__ == "A docstring."
        value, gradient = function(net, x)
    elif how == "jit":
        value, gradient = eqx.filter_jit(eqpool.filter_value_and_grad(loss, family="taus"))(net, x)
    elif how == "vmap":
        function = eqpool.filter_value_and_grad(loss, family="taus")
        value, gradient = eqx.filter_vmap(function, in_axes=(None, 0))(net, jnp.stack([x, x]))
        value, gradient = jax.tree.map(lambda leaf: leaf[1], (value, gradient))
    else:
        value, gradient = eqpool.filter_value_and_grad(loss, family="taus")(net, x)
    np.testing.assert_allclose(value, loss(net, x), rtol=1e-5)
    leaves = jax.tree.leaves(gradient)
    assert len(leaves) == 1
    np.testing.assert_allclose(leaves[0], expected[0][0][1].tau, rtol=1e-5)


def test_aux_and_keywords():
    def with_aux(net, x, *, scale):
        value = scale * loss(net, x)
        return value, {"double": 2 * value}

    net, x = small_net(), wave(10, 3)
    (value, aux), gradient = eqpool.filter_value_and_grad(with_aux, has_aux=True)(net, x, scale=3.0)
    np.testing.assert_allclose(aux["double"], 2 * value)
    only, aux = eqpool.filter_grad(has_aux=True)(with_aux)(net, x, scale=3.0)
    jax.tree.map(np.testing.assert_array_equal, only, gradient)


def test_states_never_get_a_gradient():
    with pytest.raises(ValueError, match="Only parameters get a gradient here, not states"):
        eqpool.filter_grad(loss, family=eqpool.is_state())
    with pytest.raises(ValueError, match="not simulation parameters"):
        eqpool.filter_value_and_grad(family=eqpool.is_simulation_parameter())
    everything = eqpool.filter_grad(loss, family=lambda path, field: True)(small_net(), wave(5, 3))
    assert everything[1].x is None and everything[1].dt is None and everything[1].rng_key is None


class TestFrozenLeavesAreExcluded:
    def step(self, net, family, optimiser):
        trainable, frozen = eqpool.partition(net, family)
        state = optimiser.init(trainable)
        gradient = eqpool.filter_grad(loss, family=family)(net, wave(10, 3))
        updates, state = optimiser.update(gradient, state, trainable)
        return eqpool.combine(eqx.apply_updates(trainable, updates), frozen), state

    def test_no_optimiser_state(self, promotion):
        net = small_net()
        _, state = self.step(net, "taus", optax.adam(1e-3))
        arrays = [leaf for leaf in jax.tree.leaves(state) if leaf.ndim]
        assert [leaf.shape for leaf in arrays] == [(4,), (4,)]  # two moments of one tau

    def test_no_weight_decay(self, promotion):
        net = small_net()
        optimiser = optax.chain(optax.add_decayed_weights(0.5), optax.sgd(0.1))
        after, _ = self.step(net, ("weights",), optimiser)
        assert not np.allclose(after[0].weight, net[0].weight)
        for name in ("biases", "taus", "thresholds"):
            jax.tree.map(assert_same_bits, after.parameters(name), net.parameters(name))
        jax.tree.map(assert_same_bits, after.state(), net.state())
        jax.tree.map(assert_same_bits, after.simulation_parameters(), net.simulation_parameters())

    def test_initial_values_are_frozen(self, promotion):
        """The copies that a reset restores are leaves, and no optimiser may touch them."""
        net = small_net()
        after, _ = self.step(net, None, optax.adamw(0.1, weight_decay=0.5))
        jax.tree.map(assert_same_bits, after.reset_parameters(), net)


class TestLabels:
    def test_labels(self):
        net = small_net()
        labels = eqpool.family_labels(net)
        assert labels[0].weight == labels[1].w_rec == "weights"
        assert labels[1].tau == "taus" and labels[2].bias == "biases"
        assert labels[1].x is labels[1].dt is labels[1].rng_key is None
        trainable, _ = eqpool.partition(net)
        assert jax.tree.structure(labels) == jax.tree.structure(trainable)
        some, _ = eqpool.partition(net, "taus")
        assert jax.tree.leaves(eqpool.family_labels(some)) == ["taus"]

    def test_instance_families(self):
        mod = eqpool.RateJax(2, bias=eqpool.Parameter(family="currents"), tau=eqpool.Constant(1.0))
        labels = eqpool.family_labels(mod)
        assert labels.bias == "currents" and labels.tau is None

    @pytest.mark.parametrize("callable_labels", [True, False])
    def test_multi_transform(self, callable_labels):
        net, x = small_net(), wave(10, 3)
        families = ("weights", "taus", "biases")
        trainable, frozen = eqpool.partition(net, families)
        labels = eqpool.family_labels
        if not callable_labels:  # one tree in a list, which is not callable itself
            trainable, labels = [trainable], [eqpool.family_labels(trainable)]
        optimiser = optax.multi_transform(
            {"weights": optax.sgd(0.1), "taus": optax.sgd(1e-3), "biases": optax.set_to_zero()},
            labels,
        )
        gradient = eqpool.filter_grad(loss, family=families)(net, x)
        gradients = gradient if callable_labels else [gradient]
        updates, _ = optimiser.update(gradients, optimiser.init(trainable), trainable)
        after = eqx.apply_updates(trainable, updates)
        after = eqpool.combine(after if callable_labels else after[0], frozen)
        close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-8)
        close(after[0].weight, net[0].weight - 0.1 * gradient[0].weight)
        close(after[1].tau, net[1].tau - 1e-3 * gradient[1].tau)
        assert_same_bits(after[1].bias, net[1].bias)
        assert_same_bits(after[1].threshold, net[1].threshold)


@pytest.mark.untyped
def test_labels_that_optax_calls():
    """Modules are callable, and optax calls a callable tree; the message says what to do."""
    net = small_net()
    trainable, _ = eqpool.partition(net)
    optimiser = optax.multi_transform({"weights": optax.sgd(0.1)}, eqpool.family_labels(net))
    with pytest.raises(TypeError, match="optax calls what is callable. Then hand over"):
        optimiser.init(trainable)


@pytest.mark.parametrize(
    "call",
    [
        lambda net, family: eqpool.filter_spec(net, family),
        lambda net, family: eqpool.partition(net, family),
        lambda net, family: eqpool.filter_grad(loss, family=family)(net, wave(3, 3)),
        lambda net, family: net.parameters(family),
        lambda net, family: eqpool.bounds_penalty(net, dict.fromkeys([family[-1]], (0, 1))),
    ],
)
def test_a_family_that_nobody_has_is_an_error(call):
    message = (
        "No parameter has the family 'tau'. Families of parameters here: "
        "'biases', 'taus', 'thresholds', 'weights'. Did you mean 'taus'"
    )
    with pytest.raises(ValueError) as error:
        call(small_net(), ("weights", "tau"))
    assert message in str(error.value)


def test_other_empty_selections():
    with pytest.raises(ValueError, match="The predicate selects no parameter; families here: 'bia"):
        eqpool.filter_spec(small_net(), lambda path, field: False)
    with pytest.raises(ValueError, match="There is no parameter; families here: none"):
        eqpool.filter_spec(eqpool.Instant(2))
    with pytest.raises(ValueError, match="family is empty"):
        eqpool.filter_spec(small_net(), ())
    with pytest.raises(ValueError, match="No state has the family 'weights'.*'rng_keys', 'states'"):
        small_net().state("weights")


@pytest.mark.untyped
@pytest.mark.parametrize("family", [3, ("weights", 3)])
def test_family_of_another_type(family):
    with pytest.raises(TypeError, match="family must be a name, several names, or a predicate"):
        eqpool.filter_spec(small_net(), family)
