"""The contract of a module, on single modules and three combinators deep."""

import io

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, HealthCheck, settings, strategies as st

import eqpool
from tests.helpers import (
    assert_same_bits,
    assert_same_to_rounding,
    nested_net,
    small_net,
    tiers,
    wave,
)


FIXTURE = HealthCheck.function_scoped_fixture  # `code_of_users` is the same for each example


def test_names_and_sizes():
    net = small_net()
    assert net.class_name == "Sequential" and net.name == "" and net.full_name == "Sequential"
    assert net.shape == (3, 2) and net.size_in == 3 and net.size_out == net.size == 2
    assert list(net.modules()) == ["0_LinearJax", "1_RateJax", "2_LinearJax"]
    assert not net.spiking_input and not net.spiking_output
    named = eqpool.RateJax(2, name="hidden")
    assert named.name == "hidden" and named.full_name == "RateJax 'hidden'"
    assert nested_net()[0][0]["1_RateJax"].tau.shape == (4,)


def test_sequence_protocol():
    net = small_net()
    assert len(net) == 3 and list(net) == list(net.layers)
    assert net[1] is net["1_RateJax"] is net.layers[1]
    with pytest.raises(KeyError, match="has no module '1_Rate'; it has '0_LinearJax'"):
        net["1_Rate"]


def test_nested_dictionaries():
    net = nested_net()
    deep = net.parameters()["0_Sequential"]["0_Sequential"]
    assert list(deep) == ["0_LinearJax", "1_RateJax", "2_LinearJax"]
    assert list(deep["1_RateJax"]) == ["w_rec", "tau", "bias", "threshold"]
    assert net.parameters()["0_Sequential"]["1_InstantJax"] == {}
    taus = net.parameters("taus")
    assert jax.tree.map(jnp.shape, taus) == {
        "0_Sequential": {"0_Sequential": {"1_RateJax": {"tau": (4,)}}}
    }
    some = net.parameters(("taus", "biases"))["0_Sequential"]["0_Sequential"]
    assert {name: list(inner) for name, inner in some.items()} == {
        "1_RateJax": ["tau", "bias"],
        "2_LinearJax": ["bias"],
    }
    rate_only = net.parameters(lambda path, field: "1_RateJax" in path)
    assert list(rate_only["0_Sequential"]["0_Sequential"]) == ["1_RateJax"]
    assert list(net.state()["0_Sequential"]["0_Sequential"]["1_RateJax"]) == ["x", "rng_key"]
    simulation = net.simulation_parameters("dt")
    assert list(simulation["0_Sequential"]["0_Sequential"]["1_RateJax"]) == ["dt"]
    named = net.attributes_named("bias")["0_Sequential"]["0_Sequential"]
    assert {name: list(inner) for name, inner in named.items()} == {
        "1_RateJax": ["bias"],
        "2_LinearJax": ["bias"],
    }


@pytest.mark.parametrize("batch", tiers([None, 3, 1], 2))
def test_shapes(batch):
    net = nested_net(noise_std=0.1)
    lead = () if batch is None else (batch,)
    output, state, record = net(wave(12, 3, batch), record=True)
    assert output.shape == (*lead, 12, 2)
    assert jax.tree.structure(state) == jax.tree.structure(net.state())
    rate = state["0_Sequential"]["0_Sequential"]["1_RateJax"]
    assert rate["x"].shape == (*lead, 4) and rate["rng_key"].shape == (*lead, 2)
    inner = record["0_Sequential"]["0_Sequential"]
    assert inner["1_RateJax"]["x"].shape == (*lead, 12, 4)
    assert inner["1_RateJax"]["rec_input"].shape == (*lead, 12, 4)
    assert inner["2_LinearJax_output"].shape == (*lead, 12, 2)
    np.testing.assert_array_equal(record["1_LinearJax_output"], output)
    again, _, nothing = net.evolve(wave(12, 3, batch))
    np.testing.assert_allclose(again, output, rtol=1e-5, atol=1e-6)
    assert nothing == {}


@pytest.mark.parametrize("batch", [None, 3])
def test_two_halves_are_one_run_to_rounding(batch, code_of_users):
    net = nested_net(noise_std=0.3)
    x = wave(24, 3, batch)
    full, final, _ = net(x)
    first, state, _ = net(x[..., :12, :])
    second, last, _ = net.set_attributes(state)(x[..., 12:, :])
    assert_same_to_rounding(jnp.concatenate([first, second], axis=-2), full)
    jax.tree.map(assert_same_to_rounding, last, final)


@pytest.mark.long
@pytest.mark.usefixtures("code_of_users")
@settings(max_examples=20, deadline=None, suppress_health_check=[FIXTURE])
@given(
    n=st.integers(1, 40),
    steps=st.integers(1, 60),
    cut=st.floats(0, 1),
    batch=st.sampled_from([None, 1, 2, 5]),
    activation=st.sampled_from(["ReLU", "tanh", "sigmoid", "leaky_relu"]),
    recurrent=st.booleans(),
    noise_std=st.sampled_from([0.0, 0.7]),
    seed=st.integers(0, 2**31 - 1),
)
def test_two_halves_are_one_run_for_any_layer(
    n, steps, cut, batch, activation, recurrent, noise_std, seed
):
    net = eqpool.FFwdStack(
        eqpool.ExpSmooth(3),
        eqpool.RateJax(
            n, has_rec=recurrent, activation_func=activation, noise_std=noise_std, rng_key=seed
        ),
        eqpool.ExpSmooth(2),
        rng_key=seed,
    )
    x, cut = wave(steps, 3, batch), round(cut * steps)
    full, final, record = net(x, record=True)
    first, state, early = net(x[..., :cut, :], record=True)
    second, last, late = net.set_attributes(state)(x[..., cut:, :], record=True)
    assert np.all(np.isfinite(full))
    assert_same_bits(jnp.concatenate([first, second], axis=-2), full)
    jax.tree.map(assert_same_bits, last, final)
    join = lambda a, b: jnp.concatenate([a, b], axis=-2)
    jax.tree.map(assert_same_bits, jax.tree.map(join, early, late), record)


def test_batch_is_each_element_on_its_own():
    net = nested_net()
    x = wave(12, 3, 3)
    output, state, _ = net(x)
    for element in range(3):
        alone, own, _ = net(x[element])
        np.testing.assert_allclose(output[element], alone, rtol=1e-5, atol=1e-6)
        jax.tree.map(
            lambda all, one, e=element: np.testing.assert_allclose(
                all[e], one, rtol=1e-5, atol=1e-6
            ),
            eqx.filter(state, eqx.is_inexact_array),
            eqx.filter(own, eqx.is_inexact_array),
        )


def test_one_channel_is_broadcast():
    net = small_net()
    x = wave(10, 1)
    np.testing.assert_array_equal(net(x)[0], net(jnp.repeat(x, 3, axis=1))[0])


@pytest.mark.parametrize("shape", tiers([((0, 3),), ((1, 1, 3),), ((2, 0, 3),), ((1, 3),)], 2))
def test_no_step_and_one_step(shape):
    net = small_net()
    output, state, record = net(jnp.ones(shape), record=True)
    assert output.shape == (*shape[:-1], 2)
    gradient = eqpool.filter_grad(lambda net: jnp.sum(net(jnp.ones(shape))[0]))(net)
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(gradient))
    if shape[-2] == 0:
        assert not np.any(state["1_RateJax"]["x"])


def test_nothing_is_changed():
    net = nested_net(noise_std=0.1)
    before = jax.tree.map(lambda x: np.array(x), net)
    net(wave(12, 3))
    net.set_attributes(net.state())
    net.reset_state()
    jax.tree.map(assert_same_bits, net, before)


class TestSetAttributes:
    def test_whole_and_part(self):
        one, other = nested_net(0), nested_net(5)
        moved = one.set_attributes(other.parameters())
        jax.tree.map(assert_same_bits, moved.parameters(), other.parameters())
        tau = {"0_Sequential": {"0_Sequential": {"1_RateJax": {"tau": np.full(4, 0.5)}}}}
        part = one.set_attributes(tau)
        np.testing.assert_array_equal(part[0][0][1].tau, np.full(4, 0.5, np.float32))
        jax.tree.map(assert_same_bits, part.parameters("weights"), one.parameters("weights"))
        assert one.set_attributes({}) is not one

    def test_other_permitted_shapes(self):
        mod = eqpool.RateJax(3, tau=10e-3)
        vector = mod.set_attributes({"tau": [1e-3, 2e-3, 3e-3]})
        assert vector.tau.shape == (3,) and vector.reset_parameters().tau.shape == ()
        reshaped = mod.set_attributes({"bias": np.ones((1, 3))})
        assert reshaped.bias.shape == (3,)
        assert mod.set_attributes({"bias": 1}).bias.dtype == jnp.float32

    def test_batched_state_goes_back_in(self):
        mod = eqpool.RateJax(3)
        state = {"x": np.arange(6.0).reshape(2, 3)}
        batched = mod.set_attributes(state)
        assert batched.x.shape == (2, 3) and batched.rng_key.shape == (2,)
        output, new_state, _ = batched(jnp.zeros((2, 4, 3)))
        alone, _, _ = mod.set_attributes({"x": state["x"][1]})(jnp.zeros((4, 3)))
        np.testing.assert_allclose(output[1], alone, rtol=1e-6)
        assert new_state["x"].shape == (2, 3)
        assert batched.reset_state().x.shape == (3,)


class TestReset:
    def test_state(self):
        net = nested_net(noise_std=0.2)
        _, state, _ = net(wave(12, 3, 3))
        later = net.set_attributes(state)
        assert not np.array_equal(
            later.state()["0_Sequential"]["0_Sequential"]["1_RateJax"]["x"][0], np.zeros(4)
        )
        jax.tree.map(assert_same_bits, later.reset_state(), net)

    def test_parameters_after_optax(self, promotion):
        net = nested_net()
        trainable, frozen = eqpool.partition(net)
        optimiser = optax.adam(0.1)
        state = optimiser.init(trainable)
        gradient = jax.tree.map(jnp.ones_like, trainable)
        updates, _ = jax.jit(optimiser.update)(gradient, state)
        trained = eqpool.combine(eqx.apply_updates(trainable, updates), frozen)
        assert not np.array_equal(trained[1].weight, net[1].weight)
        jax.tree.map(assert_same_bits, trained.reset_parameters(), net)

    def test_after_tree_at_and_through_jit(self):
        net = nested_net()
        changed = eqx.tree_at(lambda n: n[0][0][1].tau, net, jnp.full(4, 7.0))
        jax.tree.map(assert_same_bits, changed.reset_parameters(), net)
        through = jax.jit(lambda n: n)(changed)
        jax.tree.map(assert_same_bits, jax.jit(lambda n: n.reset_parameters())(through), net)
        assert jax.tree.structure(through) == jax.tree.structure(net)

    def test_a_constant_is_not_a_parameter(self):
        mod = eqpool.RateJax(2, tau=eqpool.Constant(1e-2))
        changed = mod.set_attributes({"tau": 5e-2})
        assert float(changed.reset_parameters().tau) == pytest.approx(5e-2)


def test_serialisation():
    net, other = nested_net(0, noise_std=0.1), nested_net(3)
    file = io.BytesIO()
    eqx.tree_serialise_leaves(file, net)
    file.seek(0)
    loaded = eqx.tree_deserialise_leaves(file, other)
    jax.tree.map(assert_same_bits, loaded, net)
    assert_same_bits(loaded(wave(12, 3))[0], net(wave(12, 3))[0])


def test_same_submodule_names_are_refused():
    class Two(eqpool.AbstractModule):
        blueprint: eqpool.Blueprint
        first: list
        second: list

        def __init__(self):
            self.first = [eqpool.Instant(1)]
            self.second = [eqpool.Instant(1)]
            eqpool.initialise(self, 1)

        def run(self, input_data, record):
            return input_data, {}, {}

    with pytest.raises(ValueError, match="Two: two attributes or submodules .* '0_InstantJax'"):
        Two()
