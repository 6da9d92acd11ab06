"""Modules as text, and their numbers counted."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool import Constant, Parameter
from tests.helpers import nested_net, wave, zoo_net


SMALL = """\
Sequential 'net'  3 -> 2
├── 0_LinearJax  3 -> 4
│       parameters  weights  weight f32[3,4]
├── 1_RateJax 'hidden'  4 -> 4  (activation_func=tanh, solver=ForwardEuler())
│       parameters  weights     w_rec f32[4,4]
│                   biases      bias f32[4]
│                   thresholds  threshold f32[4]
│       states      states      x f32[4]
│                   rng_keys    rng_key u32[2]
│       simulation  taus        tau f32[]
│                   noise       noise_std f32[]
│                   dt          dt f32[]
└── 2_SoftmaxJax  4 -> 2
    ├── linear: LinearJax  4 -> 2
    │       parameters  weights  weight f32[4,2]
    └── smooth: ExpSynJax  2 -> 2
            parameters  taus      tau f32[]
            states      states    isyn f32[2]
                        rng_keys  rng_key u32[2]
            simulation  noise     noise_std f32[]
                        dt        dt f32[]"""


def small():
    return eqpool.Sequential(
        eqpool.Linear((3, 4)),
        eqpool.RateJax(4, tau=Constant(1e-2), has_rec=True, activation_func="tanh", name="hidden"),
        eqpool.Softmax((4, 2), has_bias=False),
        name="net",
    )


def test_tree():
    assert str(small()) == repr(small()) == SMALL


def test_long_lines_are_wrapped():
    text = str(eqpool.DynapSim(4, has_rec=True, solver=diffrax.Heun()))
    assert max(map(len, text.splitlines())) <= 110
    assert "settings    solver=Diffrax(solver=Heun()" in text
    for name, field in eqpool.fields(eqpool.DynapSim(4, has_rec=True)).items():
        assert name in text and str(field.family) in text


def test_whatever_the_leaves_are():
    net = small()
    trainable, frozen = eqpool.partition(net, "biases")
    assert "bias f32[4]" in str(trainable) and "w_rec None" in str(trainable)
    assert "bias None" in str(frozen)
    assert "bias 'biases'" in str(eqpool.family_labels(net))
    assert "bias True" in str(eqpool.filter_spec(net, "biases"))
    texts = []
    jax.jit(lambda net: texts.append(str(net)))(net)
    jax.grad(
        lambda w: texts.append(str(net.set_attributes({"0_LinearJax": {"weight": w}}))) or 0.0
    )(net[0].weight)
    assert texts == [SMALL, SMALL]
    gradient = eqpool.filter_grad(lambda net: jnp.sum(net(wave(5, 3))[0]))(net)
    assert "weight f32[3,4]" in str(gradient)
    ensemble = eqx.filter_vmap(lambda key: eqpool.Linear((3, 4), rng_key=key))(
        jax.random.split(jax.random.key(0), 5)
    )
    assert "weight f32[5,3,4]" in str(ensemble)
    _, state, _ = net(wave(5, 3, 2))
    assert "x f32[2,4]" in str(net.set_attributes(state))


def test_in_double_precision(x64):
    assert "weight f64[3,4]" in str(small())


def test_a_module_in_a_message_is_one_line():
    with pytest.raises(TypeError) as raised:
        eqpool.RateJax(4, tau=nested_net())
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 300


def test_summary():
    net = small()
    counted = eqpool.summary(net)
    assert counted.modules == {
        "0_LinearJax": {"weights": 12},
        "1_RateJax": {"weights": 16, "biases": 4, "thresholds": 4},
        "2_SoftmaxJax/linear": {"weights": 8},
        "2_SoftmaxJax/smooth": {"taus": 1},
    }
    assert counted.families == {"weights": 36, "biases": 4, "thresholds": 4, "taus": 1}
    assert (counted.parameters, counted.states, counted.simulation_parameters) == (45, 10, 5)
    lines = str(counted).splitlines()
    assert lines[0].split() == ["module", "weights", "biases", "thresholds", "taus", "parameters"]
    assert lines[-2].split() == ["total", "36", "4", "4", "1", "45"]
    assert lines[-1] == "states 10, simulation parameters 5"


@pytest.mark.parametrize("make", [zoo_net, nested_net, lambda: eqpool.DynapSim(3, has_rec=True)])
def test_summary_counts_what_the_dictionaries_hold(make):
    net = make()
    counted = eqpool.summary(net)
    sizes = lambda tree: sum(np.size(leaf) for leaf in jax.tree.leaves(tree))
    assert counted.parameters == sizes(net.parameters()) == sum(counted.families.values())
    assert counted.states == sizes(net.state())
    assert counted.simulation_parameters == sizes(net.simulation_parameters())
    for family, size in counted.families.items():
        assert size == sizes(net.parameters(family))


def test_summary_of_other_trees():
    net = eqpool.FFwdStack(eqpool.RateJax(2, Parameter(1e-2, "slow")), eqpool.Instant(3))
    assert eqpool.summary(net).modules == {
        "": {"weights": 6},
        "0_RateJax": {"slow": 1, "biases": 2, "thresholds": 2},
    }
    assert "(itself)" in str(eqpool.summary(net))
    both = eqpool.summary({"a": net, "b": [net, net]})
    assert both.parameters == 3 * eqpool.summary(net).parameters
    half, _ = eqpool.partition(net, "weights")
    assert eqpool.summary(half).parameters == 6
    assert str(eqpool.summary(eqpool.Instant(3))).splitlines()[-2].split() == ["total", "0"]
    with pytest.raises(TypeError, match="takes a module or a pytree of them; got float 3.0"):
        eqpool.summary(3.0)
