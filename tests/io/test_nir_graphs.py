"""Graphs of NIR that were put together by hand: names, values and shapes of all kinds."""

import equinox as eqx
import jax
import nir
import numpy as np
import pytest

import eqpool
from tests.io.nir_graphs import graph_of


O = np.ones(2)
W = np.array([[1.0, 2.0], [3.0, 4.0]])


def lif(**kwargs):
    node = nir.LIF(tau=1e-2 * O, r=O, v_leak=0 * O, v_threshold=O)
    for name, value in kwargs.items():
        setattr(node, name, value)
    return node


def row(*names):
    return list(zip(("input", *names), (*names, "output"), strict=True))


def cuba_li():
    return nir.CubaLI(1e-2 * O, 2e-2 * O, 3 * O, 0 * O)


# A graph whose names are those that reading would give to nodes of its own, and the same otherwise.
NAMES = {
    "of a gain": (row("n", "n.gain"), {"n": lambda: lif(r=3 * O), "n.gain": lambda: nir.Linear(W)}),
    "of a synapse": (row("n", "n.synapse"), {"n": cuba_li, "n.synapse": lambda: nir.Linear(W)}),
    "of a graph": (
        row("g", "g.n", "g.n_", "g.input"),
        {"g": lambda: graph_of(n=nir.Linear(W)), "g.n": lambda: nir.Linear(W),
         "g.n_": cuba_li, "g.input": lambda: nir.Linear(W)},
    ),
    "of an alias": (
        [*row("n", "input.alias.output"), ("input", "output")],
        {"n": lambda: nir.Linear(W), "input.alias.output": lambda: nir.Linear(W)},
    ),
    "with dots in a graph": (
        row("a", "a.b"),
        {"a": lambda: graph_of(row("b.c", "b"), **{"b.c": nir.Linear(W), "b": cuba_li()}),
         "a.b": lambda: graph_of(row("c"), c=nir.Linear(W))},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_that_reading_would_give(name):
    edges, nodes = NAMES[name]
    other = {node: f"other{i}" for i, node in enumerate(nodes)}
    same = [tuple(other.get(end, end) for end in edge) for edge in edges]
    build = lambda names: {names.get(node, node): make() for node, make in nodes.items()}
    net = eqpool.from_nir(graph_of(edges, **build({})), dt=1e-3)
    expected = eqpool.from_nir(graph_of(same, **build(other)), dt=1e-3)
    assert [type(mod) for mod in net] == [type(mod) for mod in expected]
    assert jax.tree.structure(net) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, net.parameters(), expected.parameters())


def test_a_time_constant_beyond_all_steps_is_an_integrator(x64):
    """`dv/dt = r I/tau`, where `exp(-dt/tau)` is 1 to the last bit."""
    x = np.broadcast_to([1.0, 2.0], (50, 2))
    for kind in ("exponential", "euler"):
        graph = graph_of(n=nir.LI(tau=1e25 * O, r=np.array([3e25, 7e25]), v_leak=1e24 * O))
        output, _, _ = eqpool.from_nir(graph, dt=1e-3, discretisation=kind)(x)
        rate = np.array([3.0, 7.0]) * x[0] + 0.1
        np.testing.assert_allclose(output, 1e-3 * rate * np.arange(1, 51)[:, None], rtol=1e-12)
    steady = graph_of(n=lif(tau=1e25 * O, r=3e25 * O, v_leak=1e24 * O, v_threshold=1e6 * O))
    net = eqpool.from_nir(steady, dt=1e-3)
    for again in (net, eqpool.from_nir(eqpool.to_nir(net))):
        _, _, record = again(x, record=True)
        vmem = record[list(again.modules())[-1]]["vmem"]
        np.testing.assert_allclose(vmem[-1], 0.05 * (3 * x[0] + 0.1), rtol=1e-5)


def graph_in_itself():
    graph = graph_of(n=nir.Linear(W))
    graph.nodes["n"] = graph
    return graph


def graphs_in_each_other():
    outer = graph_of(n=graph_of(n=nir.Linear(W)))
    outer.nodes["n"].nodes["n"] = outer
    return outer


def graphs_in_graphs(n):
    graph = graph_of(n=nir.Linear(W))
    for _ in range(n):
        graph = graph_of(n=graph)
    return graph


def with_parts(**parts):
    graph = graph_of(n=nir.Linear(W))
    for name, value in parts.items():
        setattr(graph, name, value)
    return graph


def ends(shape):
    graph = graph_of(n=nir.Linear(W))
    graph.nodes["input"] = nir.Input({"input": shape})
    return graph


RAGGED = [[1.0], [1.0, 2.0]]
BAD = {
    "an edge to an unknown node": (
        lambda: graph_of((("input", "n"), ("n", "m"))),
        ValueError,
        r"the edge \('input', 'n'\) leads to or from 'n', which is no node; there are 'input', 'o",
    ),
    "an edge of an inner graph": (
        lambda: graph_of(row("g"), g=graph_of((("input", "m"),), n=nir.Linear(W))),
        ValueError,
        r"the edge \('input', 'm'\) of the graph 'g' leads to or from 'm', which is no node",
    ),
    "an edge that is a number": (
        lambda: with_parts(edges=[("input", 3)]), ValueError, "leads to or from 3, which is no",
    ),
    "an edge of three": (
        lambda: with_parts(edges=[("input", "n", "output")]), TypeError, "must be pairs of names",
    ),
    "no edges": (lambda: with_parts(edges=None), TypeError, "edges must be a list; got NoneType"),
    "no nodes": (lambda: with_parts(nodes=None), TypeError, "nodes must be a dictionary by name"),
    "a name that is a number": (
        lambda: with_parts(nodes={1: nir.Linear(W)}), TypeError, "must be a dictionary by name",
    ),
    "a node that is none": (
        lambda: graph_of(n=None), ValueError, "no module for the node 'n', nir.NoneType",
    ),
    "a graph in itself": (graph_in_itself, ValueError, "the graph 'n' is inside itself"),
    "graphs in each other": (graphs_in_each_other, ValueError, "the graph 'n.n' is inside itself"),
    "many graphs in graphs": (
        lambda: graphs_in_graphs(500), ValueError, "graphs within graphs, more than 100 deep",
    ),
    "compound weights": (
        lambda: graph_of(n=nir.Linear(np.zeros((2, 2), [("re", "f8")]))),
        TypeError,
        "weight of the node 'n' must be an array of numbers; got .*re",
    ),
    "objects": (
        lambda: graph_of(n=nir.Linear(W.astype(object))),
        TypeError,
        r"weight of the node 'n' must be an array of numbers; got object\[2,2\]",
    ),
    "texts": (
        lambda: graph_of(n=nir.Linear(W.astype(str))), TypeError, "weight of the node 'n' must be",
    ),
    "complex weights": (
        lambda: graph_of(n=nir.Linear(1j * W)), TypeError, "weight of .*'n' .*got complex128",
    ),
    "text": (
        lambda: graph_of(n=lif(tau="10 ms")), TypeError, "tau of the node 'n' must be an array of",
    ),
    "nothing": (lambda: graph_of(n=lif(r=None)), TypeError, "r of the node 'n' must be an array"),
    "a ragged list": (
        lambda: graph_of(n=lif(r=RAGGED)), TypeError, "r of .*'n' .* NumPy can read; got list",
    ),
    "no weights": (
        lambda: graph_of(n=nir.Linear(np.ones((0, 2)))),
        ValueError,
        r"weight of the node 'n' has no values; its shape is \(0, 2\)",
    ),
    "no neurons": (
        lambda: graph_of(n=nir.Threshold(np.ones(0))), ValueError, "threshold of .*'n' has no",
    ),
    "weights that are not finite": (
        lambda: graph_of(n=nir.Linear(W * np.nan)), ValueError, "weight of .*'n' must be finite",
    ),
    "an infinite weight": (
        lambda: graph_of(n=nir.Linear(W * np.inf)), ValueError, "must be finite; got inf.$",
    ),
    "weights that are too large": (
        lambda: graph_of(n=nir.Linear(1e300 * W)),
        ValueError,
        r"the node 'n' has values.* too large for float32; the largest is 4e\+300",
    ),
    "a resistance that is too large": (
        lambda: graph_of(n=lif(r=1e300 * O)), ValueError, "'n' has values, or gains of its",
    ),
    "an infinite time constant": (
        lambda: graph_of(n=lif(tau=np.inf * O)),
        ValueError,
        "tau of the node 'n' must be finite; got inf. For neurons that do not leak there is nir.IF",
    ),
    "an infinite time constant of an integrator": (
        lambda: graph_of(n=nir.LI(np.inf * O, O, O)), ValueError, "do not leak there is nir.I.$",
    ),
    "an infinite time constant of a synapse": (
        lambda: graph_of(n=nir.CubaLI(np.inf * O, O, O, O)),
        ValueError,
        "tau_syn of the node 'n' must be finite; got inf.$",
    ),
    "a negative time constant": (
        lambda: graph_of(n=lif(tau=-1e-2 * O)), ValueError, "tau of .*'n' must be pos.* -0.01",
    ),
    "a time constant of zero": (
        lambda: graph_of(n=nir.LI(0 * O, O, O)), ValueError, "tau of the node 'n' must be positive",
    ),
    "a synapse that leaves nothing": (
        lambda: graph_of(n=nir.LI(1e-6 * O, O, O)), ValueError, "'n' .* too short for exponential",
    ),
    "a threshold of zero": (
        lambda: graph_of(n=lif(v_threshold=0 * O)), ValueError, "v_threshold of .*'n' must be",
    ),
    "more values than channels": (
        lambda: graph_of(n=lif(r=np.ones(3))),
        ValueError,
        "'n' has 2 values of v_reset for 3 channels|'n' has 2 values",
    ),
    "weights of another size": (
        lambda: graph_of(row("w", "n"), w=nir.Linear(np.ones((3, 2))), n=lif()),
        ValueError,
        "'w' has 3 outputs, but 'n', to which it leads, takes 2 inputs",
    ),
    "a bias of another size": (
        lambda: graph_of(n=nir.Affine(W, np.ones(3))), ValueError, "'n' has 3 values of bias for 2",
    ),
    "too many channels": (
        lambda: graph_of(size=10**11, n=nir.Threshold(np.ones(1))),
        ValueError,
        "'input' takes an array of 100000000000 numbers.*pass a max_bytes of 800000000000",
    ),
    "too many channels to scale": (
        lambda: graph_of(size=10**5, n=nir.Scale(np.ones(10**5))),
        ValueError,
        "'n' takes an array of 10000000000 numbers",
    ),
    "no channels": (lambda: ends(np.array([0])), ValueError, "'input' must be positive integers"),
    "half a channel": (lambda: ends(np.array([2.5])), ValueError, "'input' must be pos"),
    "channels as text": (lambda: ends("two"), ValueError, "positive integers; got str 'two'"),
    "unknown channels": (
        lambda: ends(None), ValueError, "the number of channels of 'input' is not known",
    ),
    "a number of spikes as text": (
        lambda: graph_of(n=lif(metadata={"max_spikes_per_dt": "1"})),
        TypeError,
        "max_spikes_per_dt in the metadata of the node 'n' must be a number; got str '1'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_graph_of_nir(name):
    build, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        eqpool.from_nir(build(), dt=1e-3)


def test_a_time_step_as_text():
    for dt in ("0.001", b"0.001", np.ones(2)):
        with pytest.raises(TypeError, match="dt must be a number, in s; got"):
            eqpool.from_nir(graph_of(n=lif(metadata={"dt": dt})))


@pytest.mark.untyped
def test_what_is_no_module():
    for given in (3, nir.Linear(W), [eqpool.Linear((2, 2), rng_key=0)]):
        with pytest.raises(TypeError, match="to_nir takes a module of eqpool; got"):
            eqpool.to_nir(given)
    for most in ("1 MB", 1.5, True):
        with pytest.raises(TypeError, match="max_bytes must be an integer, or None; got"):
            eqpool.from_nir(graph_of(n=nir.Linear(W)), max_bytes=most)


def test_what_is_written():
    with pytest.raises(ValueError, match="'RateJax'.* to_nir writes Linear, LIF with one synapse"):
        eqpool.to_nir(eqpool.RateJax(2))


def test_what_has_no_values_yet():
    with pytest.raises(TypeError, match="do not exist inside jit, grad or vmap; call it outside"):
        eqx.filter_eval_shape(eqpool.to_nir, eqpool.ExpSyn(2))
