"""Graphs of modules, and modules of graphs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool import graph as eg
from tests.graph.networks import NETWORKS, rates
from tests.helpers import assert_same_bits, wave


LONG = {"everything", "four synapse types"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in LONG else ()) for n in NETWORKS]
)
@pytest.mark.filterwarnings("ignore:.*outside what the hardware")
def test_round_trip(name):
    """The output of a rebuilt module has the bits of the original's."""
    net = NETWORKS[name]()
    same = eqpool.from_graph(net.as_graph())
    assert same.shape[0] == net.size_in and same.shape[-1] == net.size_out
    x = jnp.abs(wave(60, net.size_in))
    if isinstance(net, eqpool.DynapSim):  # AMPA alone, where there are others that inhibit
        x = 40.0 * x
        ampa = jnp.arange(net.size_in) % len(net.synapses) == 0
        x = jnp.where(jnp.broadcast_to(ampa, x.shape), x, 0.0)
    output, _, _ = net(x)
    assert np.any(output != 0)
    assert_same_bits(same(x)[0], output)
    again = eqpool.from_graph(same.as_graph())
    assert jax.tree.structure(again) == jax.tree.structure(same)


def test_a_rebuilt_single_module_is_the_same_class_and_structure():
    for name in ("linear", "recurrent rate", "lif", "synapses", "filter", "four synapse types"):
        net = NETWORKS[name]()
        same = eqpool.from_graph(net.as_graph())
        assert type(same) is type(net)
        jax.tree.map(np.testing.assert_array_equal, same.parameters(), net.parameters())
        skip = ("rng_key", "spiking_input")
        for field in eqpool.fields(net):
            if field not in skip:
                np.testing.assert_array_equal(getattr(same, field), getattr(net, field))
    assert same.solver == net.solver


def test_walking():
    net = eqpool.Sequential(
        eqpool.Linear((3, 4), rng_key=0),
        eqpool.Residual(eqpool.LIF(4, has_rec=True, rng_key=1), name="block"),
    )
    graph = net.as_graph()
    assert set(graph) == {
        "input", "output", "0_LinearJax", "1_Residual.0_LIFJax", "1_Residual.0_LIFJax.w_rec",
        "1_Residual.alias",
    }  # fmt: skip
    assert set(graph.edges) == {
        ("input", "0_LinearJax"),
        ("0_LinearJax", "1_Residual.0_LIFJax"),
        ("0_LinearJax", "1_Residual.alias"),
        ("1_Residual.0_LIFJax", "1_Residual.0_LIFJax.w_rec"),
        ("1_Residual.0_LIFJax.w_rec", "1_Residual.0_LIFJax"),
        ("1_Residual.0_LIFJax", "output"),
        ("1_Residual.alias", "output"),
    }
    neurons = graph.nodes["1_Residual.0_LIFJax"]["node"]
    assert isinstance(neurons, eg.LIFNeurons) and repr(neurons) == "LIFNeurons(4 -> 4)"
    np.testing.assert_array_equal(neurons.tau_mem, net[1][0].tau_mem)
    recurrent = graph.nodes["1_Residual.0_LIFJax.w_rec"]["node"]
    np.testing.assert_array_equal(recurrent.weights, net[1][0].w_rec)
    assert isinstance(graph.nodes["1_Residual.alias"]["node"], eg.AliasConnection)
    assert set(rates(2, has_rec=True).as_graph()) == {"input", "RateJax", "w_rec", "output"}


def test_all_bias_currents_are_there():
    mod = NETWORKS["four synapse types"]()
    node = mod.as_graph().nodes["DynapSim"]["node"]
    for name, field in eqpool.fields(mod).items():
        if field.family in ("currents", "capacitances", "transistor", "scales", "dt"):
            np.testing.assert_array_equal(getattr(node, name), getattr(mod, name))


def test_a_graph_of_ones_own():
    """As in the example of `Wiring`; recurrent weights may also come in two parts."""
    wiring = eg.Wiring()
    source = wiring.add("input", eg.Input(2), ())
    weights = wiring.add("weights", eg.LinearWeights(jnp.ones((2, 3))), source)
    neurons = wiring.add("neurons", eg.LIFNeurons((3,), tau_mem=10e-3), weights)
    wiring.add_recurrent("first", jnp.eye(3), neurons)
    wiring.add_recurrent("second", -0.5 * jnp.eye(3), neurons)
    wiring.add("output", eg.Output(3), neurons)
    net = eqpool.from_graph(wiring.graph)
    np.testing.assert_array_equal(net[1].w_rec, 0.5 * np.eye(3))
    assert net[1].tau_mem.shape == () and net[1].threshold.shape == (3,)


def test_a_submodule_may_be_called_like_an_end():
    class Ends(eqpool.AbstractModule):
        blueprint: eqpool.Blueprint
        output: eqpool.AbstractModule

        def __init__(self):
            self.output = eqpool.Linear((2, 3), rng_key=0)
            eqpool.initialise(self, (2, 3))

        def run(self, input_data, record):
            output, state, _ = self.output.evolve(input_data, record)
            return output, {"output": state}, {}

        def wire(self, wiring, sources, name):
            return self.output.wire(wiring, sources, f"{name}.output")

    graph = Ends().as_graph()
    assert set(graph) == {"input", "Ends.output", "output"}
    assert isinstance(eqpool.from_graph(graph), eqpool.LinearJax)


def test_a_module_of_ones_own():
    class Doubler(eqpool.AbstractModule):
        blueprint: eqpool.Blueprint

        def __init__(self, shape):
            eqpool.initialise(self, shape)

        def run(self, input_data, record):
            return 2 * input_data, {}, {}

    net = eqpool.Sequential(Doubler(2), rates(2))
    with pytest.raises(TypeError, match="Doubler has no computational graph: define `wire`"):
        net.as_graph()

    class Wired(eqpool.AbstractModule):
        blueprint: eqpool.Blueprint

        def __init__(self, shape):
            eqpool.initialise(self, shape)

        def run(self, input_data, record):
            return 2 * input_data, {}, {}

        def wire(self, wiring, sources, name):
            return wiring.add(name, eg.InstantFunction(2, 2, lambda x: 2 * x), sources)

    net = eqpool.Sequential(Wired(2), rates(2))
    x = wave(5, 2)
    np.testing.assert_array_equal(eqpool.from_graph(net.as_graph())(x)[0], net(x)[0])


def test_a_module_may_be_called_like_the_ends_of_a_graph():
    mod = eqpool.Linear((2, 3), name="input", rng_key=0)
    assert set(mod.as_graph()) == {"input", "LinearJax", "output"}
