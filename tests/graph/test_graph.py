import warnings

import diffrax
import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest

import eqpool
from eqpool import graph as eg
from tests.helpers import assert_same_bits, wave, zoo_net


def rates(n, **kwargs):
    return eqpool.RateJax(n, rng_key=n, **kwargs)


NETWORKS = {
    "linear": lambda: eqpool.Linear((3, 4), has_bias=True, rng_key=0),
    "rate": lambda: rates(3, tau=[0.01, 0.02, 0.03], activation_func="tanh", dt=2e-3),
    "recurrent rate": lambda: rates(3, has_rec=True, solver=diffrax.Heun(), bias=0.3),
    "lif": lambda: eqpool.LIF((6, 3), has_rec=True, tau_syn=5e-3, threshold=0.3, rng_key=0),
    "synapses": lambda: eqpool.ExpSyn(3, tau=3e-3),
    "filter": lambda: eqpool.ExpSmooth(3, activation_fun=jnp.tanh),
    "softmax": lambda: eqpool.LogSoftmax((3, 2), rng_key=0),
    "function": lambda: eqpool.Instant((3, 1), lambda x: x[:, :1] ** 2),
    "one synapse type": lambda: eqpool.DynapSim(
        3, Idc=[1e-11, 2e-11, 3e-11], has_rec=True, synapses=("ampa",), rng_key=0
    ),
    "four synapse types": lambda: eqpool.DynapSim(
        3, Itau_gaba=8e-11, C_mem=4e-12, Idc=[2e-9, 3e-9, 4e-9], has_rec=True, rng_key=0,
        solver=eqpool.ForwardEuler(), feedback=eqpool.SigmoidFeedback(1e-9, 5e-9, 1e-9),
    ),
    "adex": lambda: eqpool.AdExLIF(3, Idc=1e-9, t_ref=2e-3, has_rec=True, rng_key=0),
    "row": lambda: eqpool.Sequential(
        eqpool.Linear((3, 4), rng_key=0), rates(4, has_rec=True), eqpool.Linear((4, 2), rng_key=1)
    ),
    "row in a row": lambda: eqpool.Sequential(eqpool.Sequential(rates(3)), eqpool.ExpSyn(3)),
    "residual": lambda: eqpool.Residual(eqpool.Linear((3, 3), rng_key=0), rates(3, has_rec=True)),
    "residuals in a row": lambda: eqpool.Sequential(
        eqpool.Residual(eqpool.Linear((3, 3), rng_key=0)),
        eqpool.Residual(eqpool.Linear((3, 3), rng_key=1), rates(3)),
        eqpool.Linear((3, 2), rng_key=2),
    ),
    "residual in a residual": lambda: eqpool.Residual(
        eqpool.Residual(eqpool.Residual(rates(3), eqpool.ExpSyn(3))), eqpool.Residual(rates(3))
    ),
    "stack": lambda: eqpool.FFwdStack(
        rates(3), eqpool.LIF((6, 3), threshold=0.2), eqpool.ExpSyn(2), rng_key=0
    ),
    "everything": zoo_net,
}  # fmt: skip


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


# What no module can do


def wired(*edges, **nodes):
    graph = nx.DiGraph()
    nodes = {"input": eg.Input(2), "output": eg.Output(2)} | nodes
    for name, node in nodes.items():
        graph.add_node(name, node=node)
    graph.add_edges_from(edges)
    return graph


W = eg.LinearWeights(jnp.eye(2))
N = eg.RateNeurons((2,))
THROUGH = (("input", "n"), ("n", "output"))
BAD = {
    "recurrent biases": (
        lambda: wired(
            *THROUGH, ("n", "rec"), ("rec", "n"), n=N, rec=eg.LinearWeights(jnp.eye(2), jnp.ones(2))
        ),
        ValueError,
        "recurrent weights 'rec' of 'n' have biases.*add them to the bias of 'n'",
    ),
    "recurrent biases around a synapse": (
        lambda: wired(
            *THROUGH, ("n", "rec"), ("rec", "n"), n=eg.ExponentialSynapses((2,)),
            rec=eg.LinearWeights(jnp.eye(2), jnp.ones(2)),
        ),
        ValueError,
        "'rec' of 'n' have biases.*add them to the biases of the weights in front of 'n'",
    ),
    "recurrent weights of another size": (
        lambda: wired(
            *THROUGH, ("n", "rec"), ("rec", "n"), n=N, rec=eg.LinearWeights(jnp.ones((2, 3)))
        ),
        ValueError,
        r"recurrent weights 'rec' have shape \(2, 3\); expected \(2, 2\)",
    ),
    "a cycle": (
        lambda: wired(("input", "a"), ("a", "b"), ("b", "a"), ("b", "output"), a=N, b=N),
        ValueError,
        "vertices 'a', 'b' form a cycle",
    ),
    "a loop": (lambda: wired(*THROUGH, ("n", "n"), n=N), ValueError, "vertices 'n' form a cycle"),
    "recurrent synapses": (
        lambda: wired(*THROUGH, ("n", "w"), ("w", "n"), n=eg.ExponentialSynapses((2,)), w=W),
        ValueError,
        "'n', ExponentialSynapses.*: no module of eqpool has recurrent weights around it",
    ),
    "a dead end": (
        lambda: wired(*THROUGH, ("n", "m"), n=N, m=N), ValueError, "'m' lead nowhere",
    ),
    "no input": (
        lambda: wired(*THROUGH, ("m", "output"), n=N, m=N), ValueError, "'m' get no input",
    ),
    "not connected": (
        lambda: wired(("input", "n"), n=N), ValueError, "'output' get no input",
    ),
    "sizes": (
        lambda: wired(("input", "w"), ("w", "output"), w=eg.LinearWeights(jnp.ones((2, 3)))),
        ValueError,
        "'w' has 3 outputs, but 'output', to which it leads, takes 2 inputs",
    ),
    "two branches": (
        lambda: wired(*THROUGH, ("input", "m"), ("m", "output"), n=N, m=N),
        ValueError,
        "wiring of 'n', 'm' is neither a row of modules nor a residual block",
    ),
    "nothing in between": (
        lambda: wired(("input", "output")), ValueError, "nothing between its Input and its Output",
    ),
    "two inputs": (
        lambda: wired(*THROUGH, n=N, other=eg.Input(2)), ValueError, "one Input; .*'input', 'other'"
    ),
    "an unknown node": (
        lambda: wired(*THROUGH, n="LIF"), TypeError, "vertex 'n' is unknown: .*got str 'LIF'",
    ),
    "a vertex without a node": (
        lambda: nx.DiGraph([("a", "b")]), TypeError, "vertex 'a' is unknown.*got NoneType None",
    ),
    "a shape that is none": (
        lambda: wired(*THROUGH, n=eg.RateNeurons(2)),
        TypeError,
        r"vertex 'n', RateNeurons, has no numbers of channels; give its shape as a tuple",
    ),
    "no channels": (
        lambda: wired(*THROUGH, n=eg.RateNeurons((0,))),
        ValueError,
        r"vertex 'n', RateNeurons\(0 -> 0\), has no channels",
    ),
    "a value that no module takes": (
        lambda: wired(*THROUGH, n=eg.LIFNeurons((2,), tau_mem=-1.0)),
        ValueError,
        r"LIFJax.tau_mem: .* got -1 s[\s\S]*In the vertex 'n', LIFNeurons\(2 -> 2\)",
    ),
    "two outputs": (
        lambda: wired(*THROUGH, ("n", "other"), n=N, other=eg.Output(2)),
        ValueError,
        "one Output; .*'output', 'other'",
    ),
    "two networks side by side": (
        lambda: wired(*THROUGH, ("a", "b"), ("b", "a"), n=N, a=N, b=W), ValueError,
        "'a' get no input",
    ),
    "a way back into the input": (
        lambda: wired(*THROUGH, ("n", "input"), n=N), ValueError, "'input', 'n' form a cycle",
    ),
    "several edges": (
        lambda: nx.MultiDiGraph(wired(*THROUGH, n=N)), TypeError, "DiGraph.*got MultiDiGraph",
    ),
    "no graph": (lambda: {"a": 1}, TypeError, "networkx.DiGraph.*got dict"),
    "an undirected graph": (lambda: nx.Graph(), TypeError, "networkx.DiGraph.*got Graph"),
}  # fmt: skip


@pytest.mark.untyped
@pytest.mark.parametrize("name", BAD)
def test_bad_wiring(name):
    build, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        eqpool.from_graph(build())


@pytest.mark.untyped
def test_bad_nodes():
    with pytest.raises(ValueError, match=r"weights must have shape \(N_in, N_out\); got shape"):
        eg.LinearWeights(jnp.ones(3))
    with pytest.raises(ValueError, match=r"biases must have shape \(2,\).*got shape \(3,\)"):
        eg.LinearWeights(jnp.ones((3, 2)), jnp.ones(3))
    with pytest.raises(ValueError, match="a vertex 'a' already"):
        wiring = eg.Wiring()
        wiring.add("a", N, wiring.add("a", N, ()))
    with pytest.raises(TypeError, match="vertex 'b' takes one of the nodes.*got str 'LIF'"):
        wiring.add("b", "LIF", "a")
    for sources in ("b", ("a", "a")):
        with pytest.raises(ValueError, match="'c' takes its input from .* exist and come once"):
            wiring.add("c", N, sources)


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


# DYNAP-SE neurons


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


def test_a_module_may_be_called_like_the_ends_of_a_graph():
    mod = eqpool.Linear((2, 3), name="input", rng_key=0)
    assert set(mod.as_graph()) == {"input", "LinearJax", "output"}
