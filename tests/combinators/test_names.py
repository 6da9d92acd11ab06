"""Combinators whose modules have names of their own, and those without modules."""

import copy
import pickle
from collections import OrderedDict

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import assert_same_bits, wave


NAMED = OrderedDict(
    zeta=eqpool.Linear((3, 4), rng_key=0),
    hidden=eqpool.RateJax(4, activation_func="tanh", rng_key=1),
    alpha=eqpool.Linear((4, 3), rng_key=2),
)
NET = eqpool.Sequential(NAMED)
X = wave(20, 3)
SAME = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
    "flattening": lambda net: jax.tree.map(lambda leaf: leaf, net),
    "jit": jax.jit(lambda net: net),
    "partition": lambda net: eqpool.combine(*eqpool.partition(net, "weights")),
    "tree_at": lambda net: eqx.tree_at(lambda net: net.hidden.tau, net, net.hidden.tau),
    "set_attributes": lambda net: net.set_attributes(net.parameters()),
}


def test_the_keys_are_the_names():
    plain = eqpool.Sequential(*NAMED.values())
    output, state, record = NET(X, record=True)
    assert_same_bits(output, plain(X)[0])
    assert list(NET.modules()) == list(NET.parameters()) == ["zeta", "hidden", "alpha"]
    assert set(state) == set(NAMED) and set(record) == {*NAMED, *(f"{n}_output" for n in NAMED)}
    assert list(NET) == list(NAMED.values()) and len(NET) == 3 and NET[-1] is NAMED["alpha"]
    assert "hidden: RateJax  4 -> 4" in repr(NET)
    slow = NET.set_attributes({"hidden": {"tau": 1.0}})
    assert float(slow.hidden.tau) == 1.0 and slow.zeta is not None
    later, _, _ = NET.set_attributes(state)(X)
    assert_same_bits(later, plain.set_attributes(plain(X)[1])(X)[0])


@pytest.mark.parametrize("make", [eqpool.Sequential, eqpool.Residual, eqpool.FFwdStack])
def test_parts_are_attributes(make):
    net = make(dict(NAMED))
    assert net.hidden is net["hidden"] is net[1] is NAMED["hidden"]
    assert {"zeta", "hidden", "alpha", "evolve"} <= set(dir(net))
    by_place = make(*NAMED.values())
    assert getattr(by_place, "1_RateJax") is by_place[1]
    assert not hasattr(net, "1_RateJax") and not hasattr(net, "dtype")
    with pytest.raises(AttributeError, match="It has 'zeta', 'hidden', 'alpha'"):
        net.evolvee  # noqa: B018


def test_weights_between_parts_are_attributes():
    stack = eqpool.FFwdStack(NAMED, rng_key=0)
    assert getattr(stack, "0_1_weight") is stack.weights["0_1_weight"]
    assert list(stack.parameters("weights")) == ["0_1_weight", "1_2_weight", "zeta", "alpha"]


@pytest.mark.parametrize("same", SAME.values(), ids=SAME)
def test_names_stay(same):
    net = same(NET)
    assert list(net.modules()) == list(NAMED) and net.hidden.shape == (4,)
    assert jax.tree.structure(net) == jax.tree.structure(NET)
    jax.tree.map(np.testing.assert_array_equal, net, NET)


def test_names_in_a_file(tmp_path):
    eqpool.save(tmp_path / "net", [NET, eqpool.Sequential()])
    net, empty = eqpool.load(tmp_path / "net")
    assert jax.tree.structure(net) == jax.tree.structure(NET) and len(empty) == 0
    jax.tree.map(assert_same_bits, net, NET)


def test_modules_behind_a_dictionary_are_named_as_in_rockpool():
    net = eqpool.Sequential(NAMED, eqpool.Linear((3, 2)), eqpool.Instant(2))
    assert list(net.modules()) == ["zeta", "hidden", "alpha", "1_LinearJax", "2_InstantJax"]
    assert net.shape == (3, 2)


def test_a_graph_and_families_by_name():
    assert {"zeta", "hidden", "alpha"} < set(NET.as_graph())
    assert eqpool.family_labels(NET).zeta.weight == "weights"
    gradient = eqpool.filter_grad(lambda net: jnp.sum(net(X)[0][:, 0]), family="taus")(NET)
    assert np.any(gradient.hidden.tau) and gradient.zeta.weight is None


def test_without_modules_the_output_is_the_input():
    empty = eqpool.Sequential()
    assert (empty.size_in, empty.size_out, len(empty)) == (0, 0, 0)
    for x in (X, X[None], jnp.ones((4, 7))):
        output, state, record = empty(x, record=True)
        assert_same_bits(output, x)
        assert state == record == empty.parameters() == {}
    net = eqpool.Sequential(empty, NAMED["zeta"], eqpool.Sequential(empty), NAMED["hidden"])
    assert net.shape == (3, 4)
    assert_same_bits(net(X)[0], eqpool.Sequential(NAMED["zeta"], NAMED["hidden"])(X)[0])
    assert eqpool.from_graph(net.as_graph()).shape == (3, 4)
    events = eqpool.Events([1e-3], [1], 2)
    assert eqpool.Sequential().evolve_events(events, num_steps=3)[0].num_channels == 2
