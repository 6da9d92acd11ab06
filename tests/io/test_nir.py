"""Networks to NIR and back, and nodes of NIR against their differential equations."""

import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import eqpool
from tests.helpers import assert_same_bits, wave
from tests.io.nir_graphs import graph_of, leaky, li, lif, linear


NETWORKS = {
    "linear": lambda: linear(3, 4),
    "affine": lambda: linear(3, 4, has_bias=True),
    "lif": lambda: lif(3),
    "recurrent lif": lambda: lif(3, has_rec=True, dt=5e-4),
    "one constant for all": lambda: eqpool.LIF(3, tau_mem=7e-3, tau_syn=9e-3, max_spikes_per_dt=2),
    "synapses": lambda: eqpool.ExpSyn(3, tau=[2e-3, 5e-3, 0.1]),
    "filter": lambda: eqpool.ExpSmooth(3, tau=0.02),
    "threshold": lambda: eqpool.Instant(3, eqpool.Threshold([0.1, 0.5, 0.9])),
    "row": lambda: eqpool.Sequential(
        linear(3, 4), lif(4, has_rec=True), eqpool.Instant(4), linear(4, 2, has_bias=True)
    ),
    "stack": lambda: eqpool.FFwdStack(lif(3), lif(5), eqpool.ExpSyn(2), rng_key=1),
    "residual": lambda: eqpool.Sequential(
        eqpool.Residual(linear(3, 4), lif(4, has_rec=True), linear(4, 3)),
        eqpool.Residual(eqpool.Residual(lif(3)), linear(3, 3)),
        linear(3, 2),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_round_trip(name, tmp_path):
    net = NETWORKS[name]()
    nir.write(tmp_path / "net.nir", eqpool.to_nir(net))
    x = jnp.abs(wave(80, 3))
    output, _, _ = net(x)
    assert np.any(output != 0)
    for source in (tmp_path / "net.nir", str(tmp_path / "net.nir"), eqpool.to_nir(net)):
        again = eqpool.from_nir(source)
        np.testing.assert_allclose(again(x)[0], output, rtol=2e-5, atol=2e-5)
    assert jax.tree.structure(eqpool.from_nir(eqpool.to_nir(again))) == jax.tree.structure(again)


def test_a_row_comes_back_as_it_was():
    net = NETWORKS["row"]()
    again = eqpool.from_nir(eqpool.to_nir(net))
    assert [type(m) for m in again] == [eqpool.LinearJax, eqpool.LIFJax, eqpool.LinearJax]
    for ours, theirs in zip((net[0], net[1], net[3]), again, strict=True):
        for name, value in ours.parameters().items():
            np.testing.assert_allclose(theirs.parameters()[name], value, rtol=1e-5)


def test_nodes_solve_their_differential_equations(x64):
    """The continuous equations of NIR, with constant input, in closed form at the grid points."""
    tau, r, v_leak = np.array([3e-3, 20e-3]), np.array([0.5, 7.0]), np.array([0.2, -1.0])
    graph = nir.NIRGraph(
        nodes={
            "input": nir.Input({"input": np.array([2])}),
            "leaky": nir.LI(tau=tau, r=r, v_leak=v_leak),
            "output": nir.Output({"output": np.array([2])}),
        },
        edges=[("input", "leaky"), ("leaky", "output")],
    )
    net = eqpool.from_nir(graph, dt=1e-3)
    x = np.broadcast_to([1.0, 2.0], (50, 2))
    t = 1e-3 * np.arange(1, 51)[:, None]
    np.testing.assert_allclose(net(x)[0], (v_leak + r * x) * (1 - np.exp(-t / tau)), rtol=1e-10)
    euler = eqpool.from_nir(graph, dt=1e-4, discretisation="euler")
    v = np.zeros(2)
    for _ in range(50):
        v = v + 1e-4 / tau * (v_leak - v + r * x[0])
    np.testing.assert_allclose(euler(x)[0][-1], v, rtol=1e-10)


@pytest.mark.untyped
def test_steps_of_forward_euler():
    """They come back the same, and leave `1 - dt/tau`."""
    net, x = NETWORKS["row"](), jnp.abs(wave(80, 3))
    graph = eqpool.to_nir(net, discretisation="euler")
    lif = graph.nodes["1_LIFJax"]
    np.testing.assert_allclose(1 - 1e-3 / lif.tau_mem, np.exp(-1e-3 / net[1].tau_mem), rtol=1e-5)
    again = eqpool.from_nir(graph, discretisation="euler")
    np.testing.assert_allclose(again(x)[0], net(x)[0], rtol=2e-5, atol=2e-5)
    with pytest.raises(ValueError, match="to_nir: discretisation must be .*got 'heun'"):
        eqpool.to_nir(net, discretisation="heun")


def test_integrators_never_forget(x64):
    """`dv/dt = R I` in closed form, in a thousand steps and to the last digits."""
    r = np.array([0.5, 30.0])
    read = lambda **kwargs: eqpool.from_nir(graph_of(**kwargs), dt=1e-3)
    x = np.broadcast_to([1.0, 2.0], (1000, 2))
    output, _, _ = read(n=nir.I(r=r))(x)
    np.testing.assert_allclose(output, np.cumsum(1e-3 * r * x, 0), rtol=1e-12)
    spiking = read(n=nir.IF(r=r, v_threshold=np.array([0.1, 3.0])))
    output, _, _ = spiking(x)
    np.testing.assert_array_equal(output.sum(0), [5, 20])
    written = eqpool.to_nir(spiking).nodes
    assert sorted(type(node).__name__ for node in written.values()) == [
        "IF", "Input", "Linear", "Output",
    ]  # fmt: skip
    np.testing.assert_array_equal(eqpool.from_nir(eqpool.to_nir(spiking))(x)[0], output)
    again = eqpool.from_nir(eqpool.to_nir(read(n=nir.I(r=r))))
    np.testing.assert_allclose(again(x)[0][-1], [0.5, 60.0], rtol=1e-6)


def test_cuba_li_is_a_synapse_and_a_membrane(x64):
    """Against steps of forward Euler: the synapse first, then the membrane."""
    taus, r, v_leak, w_in = np.array([[3e-3, 5e-3], [2e-2, 1e-2]]), 4.0, -0.3, np.array([2.0, 7.0])
    node = nir.CubaLI(*taus, np.full(2, r), np.full(2, v_leak), w_in)
    net = eqpool.from_nir(graph_of(n=node), dt=1e-4, discretisation="euler")
    assert eqpool.ExpSynJax in map(type, net)
    x = np.random.default_rng(0).normal(size=(80, 2))
    i, v, expected = np.zeros(2), np.zeros(2), []
    for row in x:
        i = i + 1e-4 / taus[0] * (w_in * row - i)
        v = v + 1e-4 / taus[1] * (v_leak - v + r * i)
        expected.append(v)
    np.testing.assert_allclose(net(x)[0], expected, rtol=1e-9)


def test_lif_stays_lif():
    node = leaky(tau=7e-3, r=2.0, v_leak=0.3)
    written = eqpool.to_nir(eqpool.from_nir(graph_of(n=node), dt=1e-3)).nodes
    (found,) = (node for node in written.values() if isinstance(node, nir.LIF))
    (weights,) = (node for node in written.values() if isinstance(node, nir.Linear))
    np.testing.assert_allclose(found.tau, 7e-3, rtol=1e-5)
    np.testing.assert_allclose(found.v_leak, 0.3, rtol=1e-5)
    np.testing.assert_allclose(found.r * np.diag(weights.weight), 2.0, rtol=1e-5)


PASSING = {
    "a flat Flatten": lambda: nir.Flatten({"input": np.array([2])}, 0, -1),
    "a Flatten of unknown shape": lambda: nir.Flatten(None, 0, -1),
    "no delay": lambda: nir.Delay(np.zeros(2)),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_hands_on_its_input_is_left_out(name):
    w = nir.Linear(np.array([[1.0, 2.0], [3.0, 4.0]]))
    row = (("input", "p"), ("p", "w"), ("w", "output"))
    net = eqpool.from_nir(graph_of(row, p=PASSING[name](), w=w))
    assert isinstance(net, eqpool.LinearJax)
    around = (("input", "w"), ("w", "output"), ("input", "p"), ("p", "output"))
    net = eqpool.from_nir(graph_of(around, p=PASSING[name](), w=w))
    assert isinstance(net, eqpool.Residual) and len(net) == 1


def test_an_input_of_several_axes_that_is_flattened():
    w, x = np.random.default_rng(0).normal(size=(4, 6)), wave(5, 6)
    graph = nir.NIRGraph.from_list(
        nir.Input({"input": np.array([2, 3])}),
        nir.Flatten({"input": np.array([2, 3])}, 0, -1),
        nir.Linear(w),
    )
    np.testing.assert_allclose(eqpool.from_nir(graph)(x)[0], x @ w.T, rtol=1e-5, atol=1e-5)


def test_graphs_in_graphs(x64):
    """Two deep, with an inner way past its nodes."""
    inner = graph_of(
        (("input", "w"), ("w", "output"), ("input", "output")), w=nir.Linear(np.eye(2))
    )
    middle = graph_of((("input", "g"), ("g", "output")), g=inner)
    net = eqpool.from_nir(graph_of(n=middle))
    np.testing.assert_array_equal(net(wave(5, 2))[0], 2 * wave(5, 2))


IDENTITIES = {
    "alone": lambda: eqpool.Instant(3),
    "in a residual block": lambda: eqpool.Residual(eqpool.Instant(3)),
    "first in it": lambda: eqpool.Residual(eqpool.Instant(3), linear(3, 3)),
    "last in it": lambda: eqpool.Residual(linear(3, 3), eqpool.Instant(3)),
    "behind it": lambda: eqpool.Sequential(eqpool.Residual(linear(3, 3)), eqpool.Instant(3)),
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_identities(name):
    net, x = IDENTITIES[name](), wave(5, 3)
    np.testing.assert_allclose(eqpool.from_nir(eqpool.to_nir(net))(x)[0], net(x)[0], rtol=1e-6)


def test_an_edge_around_other_nodes_is_a_residual_block():
    graph = graph_of(
        (("input", "n"), ("n", "m"), ("m", "output"), ("input", "output")),
        n=nir.Linear(np.array([[1.0, 2.0], [3.0, 4.0]])),
        m=li(),
    )
    net = eqpool.from_nir(graph, dt=1e-3)
    assert isinstance(net, eqpool.Residual) and len(net) == 2
    x = wave(20, 2)
    np.testing.assert_array_equal(net(x)[0], x + net[1](net[0](x)[0])[0])


def test_threshold():
    mod = eqpool.Instant(2, eqpool.Threshold(jnp.asarray([0.0, 1.0])))
    x = jnp.asarray([[-1.0, 1.0], [0.0, 1.5], [1e-9, 2.0]])
    np.testing.assert_array_equal(mod(x)[0], [[0, 0], [0, 1], [1, 1]])
    assert_same_bits(eqpool.Instant(2, eqpool.Threshold())(x)[0], (x > 0).astype(x.dtype))
    np.testing.assert_array_equal(jax.grad(lambda x: mod(x)[0].sum())(x), 0.0)
