import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import eqpool
from tests.helpers import assert_same_bits, DATA, wave


def lif(n, **kwargs):
    rng = np.random.default_rng(n)
    return eqpool.LIF(
        n,
        tau_mem=rng.uniform(5e-3, 30e-3, n),
        tau_syn=rng.uniform(5e-3, 30e-3, (n, 1)),
        bias=rng.normal(scale=0.01, size=n),
        threshold=rng.uniform(0.5, 2.0, n),
        rng_key=n,
        **kwargs,
    )


def linear(n_in, n_out, **kwargs):
    return eqpool.Linear((n_in, n_out), rng_key=n_in, **kwargs)


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
    x = jnp.abs(wave(80, 3, 2))
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


@pytest.mark.parametrize("name", ["leaky_silent", "synaptic_silent"])
def test_membranes_of_snntorch(name):
    """Without spikes nothing is approximate: `beta` and `alpha` are steps of forward Euler."""
    net = eqpool.from_nir(DATA / f"snntorch_{name}.nir", dt=1e-4, discretisation="euler")
    with np.load(DATA / f"snntorch_{name}.npz") as data:
        _, _, record = net(data["input"], record=True)
        largest = np.abs(data["potentials"]).max()
        np.testing.assert_allclose(
            record["1_LIFJax"]["vmem"], data["potentials"], rtol=0, atol=1e-5 * largest
        )


@pytest.mark.parametrize("name", ["leaky", "recurrent"])
def test_spikes_of_snntorch(name):
    """snnTorch subtracts the threshold one step later, after the decay: it takes 10 % more."""
    net = eqpool.from_nir(DATA / f"snntorch_{name}.nir", dt=1e-4, discretisation="euler")
    with np.load(DATA / f"snntorch_{name}.npz") as data:
        output, _, _ = net(data["input"])
        expected = data["spikes"]
    assert expected.sum() > 100 and output.max() == 1
    assert 1.0 <= output.sum() / expected.sum() < 1.2
    counts, expected_counts = np.asarray(output.sum(0)), expected.sum(0)
    np.testing.assert_allclose(counts, expected_counts, rtol=0.2, atol=2)
    np.testing.assert_array_equal(counts == 0, expected_counts == 0)
    kernel = np.ones(20)
    smooth = lambda x: np.stack([np.convolve(s, kernel, "same") for s in np.asarray(x).T])
    assert np.corrcoef(smooth(output).ravel(), smooth(expected).ravel())[0, 1] > 0.95


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


def graph_of(edges=(("input", "n"), ("n", "output")), size=2, **nodes):
    ends = {
        "input": nir.Input({"input": np.atleast_1d(size)}),
        "output": nir.Output({"output": np.atleast_1d(size)}),
    }
    return nir.NIRGraph(nodes=ends | nodes, edges=list(edges), type_check=False)


def leaky(**kwargs):
    values = dict(tau=1e-2, r=1.0, v_leak=0.0, v_threshold=1.0) | kwargs
    return nir.LIF(**{name: np.full(2, value) for name, value in values.items()})


def li(tau=1e-2, n=2):
    return nir.LI(tau=np.full(n, tau), r=np.ones(n), v_leak=np.zeros(n))


RECURRENT = (("input", "n"), ("n", "w"), ("w", "n"), ("n", "output"))
NOT_READ = {
    "another node": (
        lambda: graph_of(n=nir.IF(r=np.ones(2), v_threshold=np.ones(2))),
        ValueError,
        "no module for the node 'n', nir.IF",
    ),
    "no dt": (lambda: graph_of(n=leaky()), ValueError, "'n' does not say its time step.*give dt"),
    "a reset": (
        lambda: eqpool.from_nir(graph_of(n=leaky(v_reset=-0.1)), dt=1e-3),
        ValueError,
        "'n' resets to v_reset = -0.1",
    ),
    "recurrent biases": (
        lambda: eqpool.from_nir(
            graph_of(RECURRENT, n=leaky(), w=nir.Affine(np.eye(2), np.ones(2))), dt=1e-3
        ),
        ValueError,
        "recurrent weights 'w' of 'n' have biases",
    ),
    "a step too long": (
        lambda: eqpool.from_nir(graph_of(n=li(5e-4)), dt=1e-3, discretisation="euler"),
        ValueError,
        "'n' has a time constant of 0.0005 s, too short for euler steps of dt = 0.001 s",
    ),
    "values that are too many": (
        lambda: eqpool.from_nir(graph_of(size=3, n=nir.Scale(scale=np.ones(2))), dt=1e-3),
        ValueError,
        "'input' has 3 outputs, but 'n', to which it leads, takes 2 inputs",
    ),
    "channels with several axes": (
        lambda: graph_of((("input", "output"),), size=[2, 3]),
        ValueError,
        r"'input' has channels of shape \(2, 3\)",
    ),
    "a cycle": (
        lambda: eqpool.from_nir(
            graph_of(
                (("input", "n"), ("n", "m"), ("m", "w"), ("w", "n"), ("m", "output")),
                n=li(), m=li(), w=nir.Linear(np.eye(2)),
            ),
            dt=1e-3,
        ),
        ValueError,
        "form a cycle",
    ),
    "a method that does not exist": (
        lambda: eqpool.from_nir(graph_of(n=li()), dt=1e-3, discretisation="heun"),
        ValueError,
        "discretisation must be 'exponential' or 'euler'; got 'heun'",
    ),
    "no graph": (lambda: eqpool.from_nir(li()), TypeError, "a path or a nir.NIRGraph; got LI"),
}  # fmt: skip


@pytest.mark.untyped
@pytest.mark.parametrize("name", NOT_READ)
def test_what_cannot_be_read(name):
    build, kind, message = NOT_READ[name]
    with pytest.raises(kind, match=message):
        graph = build()
        eqpool.from_nir(graph)


NOT_WRITTEN = {
    "rate neurons": (lambda: eqpool.RateJax(2), r"no node for 'RateJax', RateNeurons\(2 -> 2\)"),
    "DYNAP-SE neurons": (
        lambda: eqpool.Sequential(linear(3, 8), eqpool.DynapSim(2)),
        "no node for '1_DynapSim', DynapseNeurons",
    ),
    "a function": (
        lambda: eqpool.Sequential(linear(3, 2), eqpool.Instant(2, jnp.tanh)),
        "no node for the function of '1_InstantJax'; it has one for `eqpool.Threshold`",
    ),
    "a filter with a function": (
        lambda: eqpool.ExpSmooth(2, activation_fun=jnp.tanh), "function of 'ExpSmoothJax'",
    ),
    "softmax": (lambda: eqpool.Softmax((3, 2)), "no node for the function of 'activation_fn'"),
    "noise": (lambda: lif(2, noise_std=0.1), "no noise, and 'LIFJax', LIFNeurons.*has some"),
    "noisy synapses": (lambda: eqpool.ExpSyn(2, noise_std=0.1), "no noise, and 'ExpSynJax'"),
    "several synapses": (lambda: eqpool.LIF((4, 2)), "one synapse each, these 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_WRITTEN)
def test_what_cannot_be_written(name):
    build, message = NOT_WRITTEN[name]
    with pytest.raises(ValueError, match=message):
        eqpool.to_nir(build())
