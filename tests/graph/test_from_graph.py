"""`from_graph` of one class: `DynapSim`, also from LIF neurons, and every other neuron."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool import graph as eg
from tests.graph.networks import NETWORKS, rates
from tests.helpers import assert_same_bits, wave
from tests.neuron.adapting import Adapting


def test_dynapsim_from_nodes():
    mod = NETWORKS["one synapse type"]()
    graph = mod.as_graph()
    neurons, weights = (graph.nodes[name]["node"] for name in ("DynapSim", "w_rec"))
    x = 40 * jnp.abs(wave(80, 3))
    for same in (eqpool.DynapSim.from_graph(neurons, weights), eqpool.DynapSim.from_graph(graph)):
        assert_same_bits(same(x)[0], mod(x)[0])
    alone = eqpool.DynapSim.from_graph(neurons)
    assert alone.w_rec is None and mod(x)[0].sum() > 10
    with pytest.raises(ValueError, match="recurrent weights LinearWeights.* have biases"):
        eqpool.DynapSim.from_graph(neurons, eg.LinearWeights(jnp.eye(3), jnp.ones(3)))


def test_dynapsim_from_lif():
    """Time constants, thresholds and biases carry over."""
    lif = eqpool.LIF(3, tau_mem=[5e-3, 1e-2, 2e-2], tau_syn=8e-3, threshold=[5.0, 10.0, 15.0],
                     bias=[0.0, 1e-3, 2e-3], has_rec=True, rng_key=0)  # fmt: skip
    mod = eqpool.DynapSim.from_graph(lif.as_graph())
    np.testing.assert_allclose(mod.tau_mem, lif.tau_mem, rtol=1e-5)
    # Rockpool converts with 25 pF; the capacitance of AMPA is 24.5 pF.
    np.testing.assert_allclose(mod.tau_syn, 8e-3 * 24.5 / 25, rtol=1e-5)
    np.testing.assert_allclose(mod.Ispkthr, lif.threshold * 1e-8, rtol=1e-6)
    np.testing.assert_allclose(mod.Idc, lif.bias * 1e-8, rtol=1e-6)
    np.testing.assert_array_equal(mod.w_rec, lif.w_rec)
    assert mod.synapses == ("ampa",) and mod.dt == lif.dt


def test_dynapsim_from_what_does_not_fit():
    from_graph = eqpool.DynapSim.from_graph
    with pytest.raises(ValueError, match=r"LIFNeurons\(6 -> 3\) has 2 synapses on each neuron"):
        from_graph(eqpool.LIF((6, 3)).as_graph())
    with pytest.raises(TypeError, match=r"DynapseNeurons or LIFNeurons.*got RateNeurons"):
        from_graph(rates(3).as_graph())
    with pytest.raises(ValueError, match="graph of one layer of neurons.*from_graph` rebuilds"):
        from_graph(NETWORKS["row"]().as_graph())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=r"DynapSim.Idc: every value must be .*got -1e-08 A"):
            from_graph(eg.LIFNeurons((1,), bias=jnp.asarray([-1.0])))


def test_recurrent_weights_of_silicon_neurons_fit_and_come_once():
    mod = NETWORKS["four synapse types"]()
    graph = mod.as_graph()
    node, weights = graph.nodes["DynapSim"]["node"], graph.nodes["w_rec"]["node"]
    same = eqpool.DynapSim.from_graph(node, weights)
    np.testing.assert_array_equal(same.w_rec, mod.w_rec)
    with pytest.raises(ValueError, match="'DynapSim' has recurrent weights in the graph, and weig"):
        eqpool.DynapSim.from_graph(graph, weights)
    square = eg.LinearWeights(jnp.eye(3))
    with pytest.raises(ValueError, match=r"have shape \(3, 3\); expected \(3, 12\)"):
        eqpool.DynapSim.from_graph(node, square)


@pytest.mark.parametrize(
    "make",
    [
        lambda: eqpool.ALIF(3, Idc=2.0, has_rec=True, rng_key=0),
        lambda: eqpool.LIF((6, 3), bias=0.1, has_rec=True, rng_key=0),
        lambda: eqpool.DynapSim(3, Idc=2e-10, noise_std=1e-11, has_rec=True, rng_key=0),
        lambda: eqpool.Rate(3, activation_func="tanh", noise_std=0.1, has_rec=True, rng_key=0),
        lambda: Adapting(3, gain=0.3, has_rec=True, rng_key=0),
    ],
    ids=["ALIF", "LIF", "noisy DynapSim", "Rate", "a user's"],
)
def test_every_neuron_has_it(make):
    """With its class's own node, or the general one; the noise is drawn from another key."""
    mod = make()
    same = type(mod).from_graph(mod.as_graph())
    assert_same_bits(same.w_rec, mod.w_rec)
    values = {**mod.parameters(), **mod.simulation_parameters()}
    assert values.keys() == {**same.parameters(), **same.simulation_parameters()}.keys()
    for name, value in values.items():
        assert_same_bits(getattr(same, name), value)
    x = jnp.ones((30, mod.size_in))
    assert_same_bits(same.set_attributes(mod.state())(x)[0], mod(x)[0])


def test_neurons_of_another_class():
    nodes = eqpool.ALIF(3, rng_key=0).as_graph()
    with pytest.raises(TypeError, match=r"takes Neurons of QIF, or .* got Neurons\(ALIF, 3 -> 3\)"):
        eqpool.QIF.from_graph(nodes)
    with pytest.raises(TypeError, match="LIFJax.from_graph takes LIFNeurons, or a graph"):
        eqpool.LIF.from_graph(nodes)
