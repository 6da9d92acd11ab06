"""Graphs that no module can compute."""

import jax.numpy as jnp
import networkx as nx
import pytest

import eqpool
from eqpool import graph as eg


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
