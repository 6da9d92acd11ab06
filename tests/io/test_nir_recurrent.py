"""Recurrent weights with biases, as other frameworks have them, against steps of NumPy."""

import diffrax
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import eqpool
from tests.helpers import DATA


N, DT = 3, 1e-3
RNG = np.random.default_rng(0)
V_THRESHOLD = RNG.uniform(0.5, 2.0, N)
W_REC = RNG.normal(scale=0.3, size=(N, N))
B_REC = RNG.uniform(-0.1, 0.6, N)
X = RNG.uniform(0.0, 2.0, (60, N))


def values(*names):
    ranges = dict(r=(0.5, 3.0), v_leak=(-0.1, 0.3), w_in=(0.5, 2.0))
    return {name: RNG.uniform(*ranges.get(name, (3e-3, 20e-3)), N) for name in names}


NEURONS = {
    "LIF": nir.LIF(v_threshold=V_THRESHOLD, **values("tau", "r", "v_leak")),
    "CubaLIF": nir.CubaLIF(
        v_threshold=V_THRESHOLD, **values("tau_syn", "tau_mem", "r", "v_leak", "w_in")
    ),
    "IF": nir.IF(v_threshold=V_THRESHOLD, r=RNG.uniform(20.0, 90.0, N)),
}


def decay(tau, euler):
    return 1 - DT / tau if euler else np.exp(-DT / tau)


def stepped(node, inputs, recurrent, euler=False):
    """Spikes and potentials of a node of NIR; `recurrent` is of its spikes in the step before."""
    i = v = z = np.zeros(N)
    spikes, potentials = [], []
    for x in inputs:
        drive = x + recurrent(z)
        if isinstance(node, nir.CubaLIF):
            a = decay(node.tau_syn, euler)
            drive = i = a * i + (1 - a) * node.w_in * drive
        if isinstance(node, nir.IF):
            v = v + DT * node.r * drive
        else:
            a = decay(node.tau_mem if isinstance(node, nir.CubaLIF) else node.tau, euler)
            v = a * v + (1 - a) * (node.v_leak + node.r * drive)
        z = (v >= node.v_threshold).astype(float)
        v = v - z * node.v_threshold
        spikes.append(z)
        potentials.append(v)
    return np.stack(spikes), np.stack(potentials)


def population(node, *weights):
    """A graph of neurons and what leads back to them, as snnTorch writes its recurrent layers."""
    names = [f"w{i}" for i in range(len(weights))]
    edges = [("input", "n"), ("n", "output")]
    edges += [edge for name in names for edge in (("n", name), (name, "n"))]
    ends = {"input": nir.Input(np.array([N])), "output": nir.Output(np.array([N]))}
    nodes = ends | {"n": node} | dict(zip(names, weights, strict=True))
    return nir.NIRGraph(nodes, edges, type_check=False)


def assert_as_stepped(net, expected):
    output, _, record = net(X, record=True)
    spikes, potentials = expected
    assert spikes.sum() > 10 and (spikes.sum(0) < len(X)).all()
    np.testing.assert_array_equal(output, spikes)
    # A neuron without a synapse is read as one whose synapse keeps 1e-6 of its current.
    vmem = record[list(net.modules())[-1]]["vmem"]
    np.testing.assert_allclose(vmem, potentials, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("euler", [False, True])
@pytest.mark.parametrize("name", NEURONS)
def test_biases_of_recurrent_weights(name, euler, x64):
    """They drive the neurons in every step, the first one included."""
    node, kind = NEURONS[name], "euler" if euler else "exponential"
    graph = population(node, nir.Affine(W_REC, B_REC))
    net = eqpool.from_nir(graph, dt=DT, discretisation=kind)
    expected = stepped(node, X, lambda z: W_REC @ z + B_REC, euler)
    assert_as_stepped(net, expected)
    written = eqpool.to_nir(net, discretisation=kind)
    assert_as_stepped(eqpool.from_nir(written, discretisation=kind), expected)


def test_a_bias_alone_is_exact(x64):
    """Without input or weights the potential is that of a constant current, to the last digits."""
    tau, r, b = np.array([3e-3, 20e-3, 0.1]), np.array([0.5, 7.0, 2.0]), np.array([0.3, -0.1, 1.0])
    silent = np.full(N, 1e6)
    t = DT * np.arange(1, 61)[:, None]
    for node, expected in (
        (nir.LIF(tau, r, 0 * r, silent), r * b * (1 - np.exp(-t / tau))),
        (nir.IF(r, silent), r * b * t),
    ):
        net = eqpool.from_nir(population(node, nir.Affine(np.zeros((N, N)), b)), dt=DT)
        _, _, record = net(np.zeros((60, N)), record=True)
        np.testing.assert_allclose(record[list(net.modules())[-1]]["vmem"], expected, rtol=1e-12)


def test_several_populations_in_graphs_of_their_own(x64):
    """Several weights around one of them; a bias of one value; weights in front, with a bias."""
    w, b = np.eye(N) + 0.2, np.array([0.1, -0.2, 0.3])
    first = population(
        NEURONS["LIF"],
        nir.Affine(W_REC, B_REC),
        nir.Linear(W_REC.T),
        nir.Affine(W_REC, 0.1 * B_REC),
    )
    second = population(NEURONS["CubaLIF"], nir.Affine(-W_REC, np.array([0.2])))
    graph = nir.NIRGraph(
        {"input": nir.Input(np.array([N])), "1": first, "fc": nir.Affine(w, b), "2": second,
         "output": nir.Output(np.array([N]))},
        [("input", "1"), ("1", "fc"), ("fc", "2"), ("2", "output")],
        type_check=False,
    )  # fmt: skip
    z, _ = stepped(NEURONS["LIF"], X, lambda z: (2 * W_REC + W_REC.T) @ z + 1.1 * B_REC)
    expected = stepped(NEURONS["CubaLIF"], z @ w.T + b, lambda z: -W_REC @ z + 0.2)
    assert_as_stepped(eqpool.from_nir(graph, dt=DT), expected)


def test_the_bias_of_a_recurrent_layer_of_snntorch():
    """Its own spikes, whose layer has a bias of 0; and those of the same layer with another."""
    graph = nir.read(DATA / "snntorch_prompt_recurrent.nir")
    front, back = graph.nodes["0"], graph.nodes["1.w_rec"]
    with np.load(DATA / "snntorch_prompt_recurrent.npz") as data:
        inputs, expected = data["input"], data["spikes"]
    for bias in (np.zeros(10, np.float32), np.linspace(-0.1, 0.3, 10, dtype=np.float32)):
        mem = spk = np.zeros(10)
        spikes = []
        for x in inputs:
            mem = 0.9 * mem + front.weight @ x + front.bias + back.weight @ spk + bias
            spk = (mem > 2.0).astype(float)
            mem = mem - 2.0 * spk
            spikes.append(spk)
        if not bias.any():
            np.testing.assert_array_equal(spikes, expected)
        else:
            assert np.any(spikes != expected)
        back.bias = bias
        net = eqpool.from_nir(graph, dt=1e-4, discretisation="euler")
        np.testing.assert_array_equal(net(jnp.asarray(inputs))[0], spikes)


LEAKY = {
    "LI": nir.LI(**values("tau", "r", "v_leak")),
    "I": nir.I(r=RNG.uniform(20.0, 90.0, N)),
    "a slow LI": nir.LI(np.full(N, 1e25), np.full(N, 1e26), np.full(N, 1e24)),
}


@pytest.mark.parametrize("euler", [False, True])
@pytest.mark.parametrize("name", LEAKY)
def test_leaky_integrators_that_hear_each_other(name, euler, x64):
    node, kind = LEAKY[name], "euler" if euler else "exponential"
    net = eqpool.from_nir(population(node, nir.Affine(-W_REC, B_REC)), dt=DT, discretisation=kind)
    v, expected = np.zeros(N), []
    for x in X:
        drive = x - W_REC @ v + B_REC
        if name == "LI":
            a = decay(node.tau, euler)
            v = a * v + (1 - a) * (node.v_leak + node.r * drive)
        else:
            v = v + DT * (node.r * drive if name == "I" else 10.0 * drive + 0.1)
        expected.append(v)
    np.testing.assert_allclose(net(X)[0], expected, rtol=1e-9)
    written = eqpool.to_nir(net, discretisation=kind)
    again = eqpool.from_nir(written, discretisation=kind)
    assert eqpool.RateJax in map(type, again)
    np.testing.assert_allclose(again(X)[0], expected, rtol=1e-9)


LINEAR = dict(activation_func=jnp.subtract)
NOT_WRITTEN = {
    "a threshold": (dict(threshold=0.1), "for those with a threshold of 0, and ForwardEuler for"),
    "another solver": (dict(solver=diffrax.Heun()), "a threshold of 0, and ForwardEuler"),
    "a step too long": (dict(tau=1e-3), "constant of 0.001 s is not longer than its dt of 0.001 s"),
    "noise": (dict(noise_std=0.1), "no noise, and 'RateJax'"),
}


@pytest.mark.parametrize("name", NOT_WRITTEN)
def test_linear_rate_neurons_that_nir_has_none_of(name):
    kwargs, message = NOT_WRITTEN[name]
    with pytest.raises(ValueError, match=message):
        eqpool.to_nir(eqpool.RateJax(2, **LINEAR, **kwargs))


def test_a_linear_network_is_saved(tmp_path):
    net = eqpool.from_nir(population(LEAKY["LI"], nir.Linear(W_REC)), dt=DT)
    eqpool.save(tmp_path / "net.safetensors", net)
    same = eqpool.load(tmp_path / "net.safetensors")
    assert jax.tree.structure(same) == jax.tree.structure(net)


MISFITS = {
    "recurrent weights of another size": (
        nir.Affine(np.ones((2, N)), np.ones(2)),
        "'w0' has 2 outputs, but 'n', to which it leads, takes 3 inputs",
    ),
    "a bias of another size": (
        nir.Affine(W_REC, np.ones(2)),
        "'w0' has 2 values of bias for 3 channels",
    ),
    "a bias that is not finite": (
        nir.Affine(W_REC, np.array([0.0, np.nan, 0.0])),
        "bias of the node 'w0' must be finite; got nan",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_biases_that_do_not_fit(name):
    weights, message = MISFITS[name]
    with pytest.raises(ValueError, match=message):
        eqpool.from_nir(population(NEURONS["LIF"], weights), dt=DT)
