"""The small models and the combinators beside Rockpool's. Needs the extra `parity`."""

import logging
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import tiers


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    rockpool = pytest.importorskip("rockpool")
    from rockpool.nn import combinators as theirs_combined, modules as theirs
    from rockpool.nn.modules.jax.exp_smooth_jax import ExpSmoothJax

    logging.disable(logging.NOTSET)

pytestmark = [
    # Rockpool promotes dtypes and ranks, and warns of what it imports.
    pytest.mark.usefixtures("promotion", "rank_promotion"),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.untyped,
]


@pytest.fixture
def rank_promotion():
    with jax.numpy_rank_promotion("allow"):
        yield


def shapes(tree):
    return jax.tree.map(jnp.shape, tree)


def close(actual, expected, rtol=2e-5, atol=2e-6):
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def lif_arguments(rng, n, k, recurrent):
    arguments = dict(
        tau_mem=rng.uniform(5e-3, 50e-3, n),
        tau_syn=rng.uniform(5e-3, 50e-3, (n, k)),
        bias=rng.normal(scale=0.02, size=n),
        threshold=rng.uniform(0.5, 2.0, n),
        dt=float(rng.choice([1e-3, 5e-4])),
        max_spikes_per_dt=float(rng.choice([2.0**16, 1.0])),
    )
    if recurrent:
        arguments |= dict(has_rec=True, w_rec=rng.normal(scale=0.3 / n**0.5, size=(n, n * k)))
    return {
        k: np.asarray(v, np.float32) if isinstance(v, np.ndarray) else v
        for k, v in arguments.items()
    }


SPIKES = []


@pytest.mark.parametrize("seed", tiers(range(20), 2, slow=4))
def test_lif(seed):
    rng = np.random.default_rng(seed)
    n, k, steps = int(rng.integers(1, 20)), int(rng.integers(1, 4)), int(rng.integers(1, 200))
    arguments = lif_arguments(rng, n, k, seed % 2 == 1)
    x = (rng.poisson(0.1, (2, steps, n * k)) * 0.3).astype(np.float32)
    mod = eqpool.LIFJax((n * k, n), **arguments)
    with eqpool.native_kernels(False):
        output, state, record = mod(x, record=True)
    expected, their_state, their_record = theirs.LIFJax((n * k, n), **arguments)(x, record=True)
    np.testing.assert_array_equal(output, expected)
    # A kernel adds what arrives in another order: of networks that explode to 65536 spikes in a
    # step it may count two more or less; of all others it gives the same numbers.
    np.testing.assert_allclose(mod(x)[0], expected, rtol=0, atol=1e-4 * np.max(expected))
    assert shapes(record) == shapes(their_record)
    for name, trace in their_record.items():
        close(record[name], trace, rtol=1e-4, atol=1e-5)
    assert set(state) == set(their_state)
    for name in ("spikes", "isyn", "vmem"):
        close(state[name][0], their_state[name], rtol=1e-4, atol=1e-5)
    SPIKES.append(float(output.sum()))


def test_the_layers_spiked():
    """Runs after the tests above, in the same process."""
    if len(SPIKES) < 6:
        pytest.skip("needs the whole file")
    assert sum(SPIKES) > 250 * len(SPIKES)


@pytest.mark.parametrize("recurrent", [False, True])
def test_lif_gradients(recurrent):
    rng = np.random.default_rng(3)
    arguments = lif_arguments(rng, 5, 2, recurrent)
    x = (rng.poisson(0.1, (1, 60, 10)) * 0.3).astype(np.float32)
    ours, rockpools = eqpool.LIFJax((10, 5), **arguments), theirs.LIFJax((10, 5), **arguments)

    def loss(mod):
        def of(parameters):
            output, _, record = mod.set_attributes(parameters)(x, record=True)
            return jnp.mean(output * jnp.cos(jnp.arange(5.0))) + jnp.mean(record["vmem"] ** 2)

        return of

    parameters = ours.parameters()
    actual, expected = jax.grad(loss(ours))(parameters), jax.grad(loss(rockpools))(parameters)
    assert set(actual) == set(expected)
    for name, gradient in expected.items():
        largest = np.abs(gradient).max()
        assert largest > 0, name
        assert np.abs(actual[name] - gradient).max() < 1e-4 * largest, name


def test_exp_syn():
    rng = np.random.default_rng(0)
    tau = rng.uniform(2e-3, 50e-3, 6).astype(np.float32)
    x = rng.normal(size=(3, 100, 6)).astype(np.float32)
    output, state, _ = eqpool.ExpSynJax(6, tau)(x)
    expected, their_state, _ = theirs.ExpSynJax(6, tau)(x)
    close(output, expected)
    close(state["isyn"][0], their_state["isyn"])
    mod, default = eqpool.ExpSynJax(6), theirs.ExpSynJax(6)
    close(mod.tau, default.tau)
    assert (mod.spiking_input, mod.spiking_output) == (True, False)
    assert (default.spiking_input, default.spiking_output) == (True, False)


def test_exp_smooth():
    x = np.random.default_rng(0).normal(size=(100, 6)).astype(np.float32)
    for arguments in ({}, dict(tau=20e-3, dt=2e-3, activation_fun=jnp.tanh)):
        output, state, record = eqpool.ExpSmoothJax(6, **arguments)(x, record=True)
        expected, their_state, their_record = ExpSmoothJax((6,), **arguments)(x, record=True)
        close(output, expected)
        close(state["activation"], their_state["activation"])
        close(record["activation"], their_record["activation"])


def test_linear():
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(4, 3)), rng.normal(size=3)
    x = rng.normal(size=(2, 10, 4)).astype(np.float32)
    for arguments in (dict(weight=w), dict(weight=w, bias=b)):
        arguments = {name: np.asarray(v, np.float32) for name, v in arguments.items()}
        mod, rockpools = (
            eqpool.LinearJax((4, 3), **arguments),
            theirs.LinearJax((4, 3), **arguments),
        )
        close(mod(x)[0], rockpools(x)[0])
        assert shapes(mod.parameters()) == shapes(rockpools.parameters())


@pytest.mark.parametrize("name", ["SoftmaxJax", "LogSoftmaxJax"])
def test_softmax(name):
    """Rockpool normalises over batch, time and channels together; here it is each step's own."""
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)
    x = rng.normal(size=(2, 20, 4)).astype(np.float32)
    mod = getattr(eqpool, name)(weight=w, bias=b)
    rockpools = getattr(theirs, name)((4, 3), weight=w, bias=b)
    output, state, record = mod(x, record=True)
    expected, their_state, their_record = rockpools(x, record=True)
    if name == "SoftmaxJax":
        expected = expected / expected.sum(-1, keepdims=True)
    else:
        expected = expected - jax.nn.logsumexp(expected, -1, keepdims=True)
    close(output, expected, rtol=1e-4)
    close(state["smooth"]["isyn"][0], their_state["smooth"]["isyn"])
    assert set(record) == set(their_record) == {"linear", "smooth"}
    assert shapes(mod.parameters()) == shapes(rockpools.parameters())
    one, _, _ = mod(x[0, :1])
    close(one, rockpools(x[:1, :1])[0][0], rtol=1e-4)


def networks(source, combined, weights):
    """The same network from either library."""
    return combined.Sequential(
        source.LinearJax((3, 6)),
        combined.Residual(
            source.LIFJax((6, 6), has_rec=True, threshold=0.5), source.LinearJax((6, 6))
        ),
        source.InstantJax(6, jnp.tanh),
        combined.FFwdStack(
            source.RateJax(6), source.LIFJax((8, 4)), source.ExpSynJax(3), weight_init_func=weights
        ),
    )


def test_a_network_of_rockpool_moves_over():
    rng = np.random.default_rng(1)
    source = networks(theirs, theirs_combined, lambda s: rng.normal(size=s))
    net = networks(eqpool, eqpool, eqpool.kaiming)
    parameters = source.parameters()
    # Rockpool calls a combinator inside another by its backend: `1_JaxResidual`.
    assert shapes(net.parameters()) == shapes(
        {name.replace("_Jax", "_"): value for name, value in parameters.items()}
    )
    stack, rockpools = net[3], source[3]
    assert shapes(stack.parameters()) == shapes(rockpools.parameters())
    net = net.set_attributes(parameters)
    x = np.random.default_rng(0).normal(size=(2, 100, 3)).astype(np.float32)
    output, _, record = net(x, record=True)
    expected, _, their_record = source(x, record=True)
    assert np.abs(expected).max() > 0.1 and record["1_Residual"]["0_LIFJax_output"].sum() > 10
    close(output, expected, rtol=1e-4, atol=1e-4)
    assert set(record["3_FFwdStack"]) == set(their_record["3_JaxFFwdStack"])


def test_names_of_rockpools_other_backends_are_understood():
    native = theirs_combined.Sequential(theirs.Linear((3, 2)), theirs.Rate(2))
    net = eqpool.Sequential(eqpool.Linear((3, 2)), eqpool.RateJax(2))
    moved = net.set_attributes(native.parameters())
    close(moved[0].weight, native[0].weight)
    assert list(moved.parameters()) == ["0_LinearJax", "1_RateJax"]


@pytest.mark.parametrize("recurrent", [False, True])
def test_lif_neurons_become_dynap_se_neurons(recurrent):
    from rockpool.devices.dynapse.simulation import DynapSim as RockpoolDynapSim
    from rockpool.graph import LinearWeights

    rng = np.random.default_rng(0)
    arguments = dict(
        tau_mem=rng.uniform(5e-3, 30e-3, 4).astype(np.float32),
        tau_syn=rng.uniform(5e-3, 30e-3, (4, 1)).astype(np.float32),
        bias=np.linspace(0, 2e-3, 4, dtype=np.float32),
        threshold=np.linspace(5, 15, 4, dtype=np.float32),
    )
    ours, rockpools = eqpool.LIFJax(4, **arguments), theirs.LIFJax(4, **arguments)
    w_rec = rng.normal(size=(4, 4)).astype(np.float32)
    weights = their_weights = None
    if recurrent:
        weights = eqpool.graph.LinearWeights(jnp.asarray(w_rec))
        their_weights = LinearWeights._factory(4, 4, "rec", None, w_rec)
    # The neurons stand at the end of the edges, behind a holder.
    neurons = rockpools.as_graph().input_nodes[0].sink_modules[0]
    expected = RockpoolDynapSim.from_graph(neurons, their_weights)
    mod = eqpool.DynapSim.from_graph(ours.as_graph().nodes["LIFJax"]["node"], weights)
    for name in (
        "Itau_mem",
        "Itau_syn",
        "Igain_mem",
        "Igain_syn",
        "Ispkthr",
        "Idc",
        "Iref",
        "Ipulse",
    ):
        np.testing.assert_allclose(getattr(mod, name), getattr(expected, name), rtol=2e-6)
    x = (rng.poisson(0.2, (1, 300, 4)) * 20.0).astype(np.float32)
    output, _, record = mod(x, record=True)
    their_output, _, their_record = expected(x, record=True)
    assert output.sum() > 20
    np.testing.assert_array_equal(output, their_output)
    np.testing.assert_allclose(record["vmem"], their_record["vmem"], atol=1e-5)
