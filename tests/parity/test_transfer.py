"""A module of Rockpool's, moved over by its three dictionaries. Needs the extra `parity`."""

import logging
import warnings
from collections import OrderedDict

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    rockpool = pytest.importorskip("rockpool")
    from rockpool.devices.dynapse import DynapSim as RockpoolDynapSim
    from rockpool.nn import combinators as theirs_combined, modules as theirs
    from rockpool.nn.modules.jax.exp_smooth_jax import ExpSmoothJax as RockpoolExpSmooth

    logging.disable(logging.NOTSET)

pytestmark = [
    # Rockpool promotes dtypes and ranks, and warns of what it imports.
    pytest.mark.usefixtures("promotion", "rank_promotion"),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.untyped,
]
N = 3


@pytest.fixture
def rank_promotion():
    with jax.numpy_rank_promotion("allow"):
        yield


def spikes(seed):
    return (np.random.default_rng(seed).random((40, N)) < 0.3).astype(np.float32)


def run(source, x):
    """Output and new state without the batch axis that most of Rockpool's modules add."""
    output, state, _ = source(x if isinstance(source, RockpoolExpSmooth) else x[None])
    if isinstance(
        source, RockpoolDynapSim
    ):  # it leaves the axis in its state, and floats for a key
        state = {name: value[0] for name, value in state.items() if name != "rng_key"}
    return np.reshape(output, (len(x), -1)), state


W = np.random.default_rng(0).normal(size=(N, N)).astype(np.float32) / 3
RECURRENT = dict(has_rec=True, w_rec=W)
CURRENTS = dict(Idc=2e-10, Io=6e-13, Itau_mem=4e-12, Iscale=2e-7)
# Of each model: Rockpool's module, and one of eqpool's with other values.
PAIRS = {
    "Linear": lambda: (
        theirs.LinearJax((N, 2), has_bias=True), eqpool.Linear((N, 2), has_bias=True)
    ),
    "Rate": lambda: (
        theirs.RateJax(N, tau=0.03, activation_func="tanh", dt=2e-3),
        eqpool.RateJax(N, activation_func="tanh"),
    ),
    "recurrent Rate": lambda: (
        theirs.RateJax((N, N), bias=0.2, **RECURRENT), eqpool.RateJax(N, has_rec=True)
    ),
    "native Rate": lambda: (
        theirs.Rate(N, tau=0.03, activation_func="sigmoid"),
        eqpool.RateJax(N, activation_func="sigmoid"),
    ),
    "LIF": lambda: (theirs.LIFJax((N, N), tau_mem=0.03, threshold=0.3, dt=2e-3), eqpool.LIF(N)),
    "recurrent LIF": lambda: (
        theirs.LIFJax((N, N), max_spikes_per_dt=1.0, threshold=0.5, **RECURRENT),
        eqpool.LIF(N, has_rec=True),
    ),
    "a LIF whose weights are switched off": lambda: (
        theirs.LIFJax((N, N), threshold=0.5), eqpool.LIF(N, has_rec=True)
    ),
    "ExpSyn": lambda: (theirs.ExpSynJax(N, tau=0.03, dt=2e-3), eqpool.ExpSyn(N)),
    "native ExpSyn": lambda: (theirs.ExpSyn(N, tau=0.03), eqpool.ExpSyn(N)),
    "ExpSmooth": lambda: (
        RockpoolExpSmooth((N,), tau=0.03, activation_fun=jnp.tanh),
        eqpool.ExpSmooth(N, activation_fun=jnp.tanh),
    ),
    "Instant": lambda: (
        theirs.InstantJax(N, jnp.tanh), eqpool.Instant(N, lambda x: 2 * jax.nn.sigmoid(2 * x) - 1)
    ),
    "DynapSim": lambda: (
        RockpoolDynapSim((N, N), **CURRENTS), eqpool.DynapSim(N, synapses=("ampa",))
    ),
    "recurrent DynapSim": lambda: (
        RockpoolDynapSim((N, N), **CURRENTS, has_rec=True, w_rec=10 * W),
        eqpool.DynapSim(N, synapses=("ampa",), has_rec=True),
    ),
    "a network": lambda: (
        theirs_combined.Sequential(
            OrderedDict(
                encode=theirs.LinearJax((N, N)),
                hidden=theirs_combined.Residual(theirs.LIFJax((N, N), threshold=0.5)),
                readout=theirs_combined.FFwdStack(
                    theirs.RateJax(N), theirs.ExpSynJax(2), weight_init_func=lambda s: np.ones(s)
                ),
            )
        ),
        eqpool.Sequential(
            OrderedDict(
                encode=eqpool.Linear((N, N)),
                hidden=eqpool.Residual(eqpool.LIF(N)),
                readout=eqpool.FFwdStack(eqpool.RateJax(N), eqpool.ExpSyn(2)),
            )
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_after_three_dictionaries_both_go_on_alike(name):
    source, mod = PAIRS[name]()
    source = source.set_attributes(run(source, spikes(0))[1])
    for attributes in (source.parameters(), source.simulation_parameters(), source.state()):
        mod = mod.set_attributes(attributes)
    expected, _ = run(source, spikes(1))
    output, _, _ = mod(spikes(1))
    assert np.any(expected) and output.dtype == np.float32
    np.testing.assert_allclose(output, expected, rtol=2e-4, atol=2e-5)


def test_readouts_take_all_three_dictionaries():
    """Only what they take: their outputs are normalised differently, and need not agree."""
    source, mod = theirs.SoftmaxJax((N, 2), tau=0.03), eqpool.Softmax((N, 2))
    source = source.set_attributes(run(source, spikes(0))[1])
    for attributes in (source.parameters(), source.simulation_parameters(), source.state()):
        mod = mod.set_attributes(attributes)
    np.testing.assert_array_equal(mod.smooth.isyn, source.smooth.isyn)
    np.testing.assert_array_equal(mod.linear.weight, np.float32(source.linear.weight))
    np.testing.assert_array_equal(mod.smooth.tau, np.float32(0.03))


def test_the_new_state_of_a_run_keeps_the_synapses():
    """Rockpool calls their current `isyn` there, and forgets it; half a run and half are one."""
    source, mod = PAIRS["DynapSim"]()
    for attributes in (source.parameters(), source.simulation_parameters()):
        mod = mod.set_attributes(attributes)
    _, state = run(source, spikes(0))
    whole, _, _ = mod(np.concatenate([spikes(0), spikes(1)]))
    second, _, _ = mod.set_attributes(state)(spikes(1))
    assert np.any(second)
    np.testing.assert_array_equal(second, whole[40:])


def test_time_series_take_them_too():
    source, mod = theirs.RateJax(N, tau=0.03).timed(), eqpool.RateJax(N).timed()
    for attributes in (source.parameters(), source.simulation_parameters(), source.state()):
        mod = mod.set_attributes(attributes)
    np.testing.assert_array_equal(mod.module.tau, np.float32([0.03] * N))
    slower = theirs.RateJax(N, dt=2e-3).timed()
    with pytest.raises(ValueError, match=r"TimedModule.dt: is 0.002 s there, and 0.001 s here"):
        mod.set_attributes({"dt": slower.simulation_parameters()["dt"]})


def test_what_contradicts_the_module():
    rate = theirs.RateJax(N, activation_func="tanh").simulation_parameters()
    with pytest.raises(
        ValueError, match=r"RateJax.act_fn: is another function than activation_func of this"
    ):
        eqpool.RateJax(N).set_attributes(rate)
    recurrent = theirs.LIFJax((N, N), has_rec=True)
    with pytest.raises(ValueError, match="LIFJax._has_rec: has no recurrent weights; build it"):
        eqpool.LIF(N).set_attributes(recurrent.simulation_parameters())
    with pytest.raises(ValueError, match=r"LIFJax.w_rec: .* the same as zeros only; build it wi"):
        eqpool.LIF(N).set_attributes(recurrent.parameters())
    chip = RockpoolDynapSim((N, N))
    with pytest.raises(ValueError, match="DynapSim.Igain_syn: .* build them with synapses="):
        eqpool.DynapSim(N).set_attributes(chip.simulation_parameters())
    with pytest.raises(ValueError, match=r"DynapSim.igaba: .* the same as a current of Io only"):
        eqpool.DynapSim(N, synapses=("ampa",)).set_attributes({"igaba": np.full(N, 1e-9)})


def test_under_jit():
    source, mod = PAIRS["LIF"]()
    settings = source.simulation_parameters()
    settings = {name: settings[name] for name in ("_has_rec", "dt", "noise_std")}
    moved = jax.jit(lambda mod, values: mod.set_attributes(values))(mod, settings)
    assert float(moved.dt) == np.float32(2e-3)
    rate, mod = PAIRS["Rate"]()
    settings = rate.simulation_parameters()
    moved = jax.jit(lambda mod: mod.set_attributes(settings))(mod)
    assert float(moved.dt) == np.float32(2e-3)


def test_attributes_named():
    source, mod = PAIRS["a network"]()
    for names in ("tau", ["tau", "bias"], ("dt", "vmem")):
        expected, found = source.attributes_named(names), mod.attributes_named(names)
        assert jax.tree.map(jnp.shape, found) == jax.tree.map(
            jnp.shape, {name.replace("_Jax", "_"): value for name, value in expected.items()}
        )


def test_names_of_sequential():
    first = OrderedDict(hidden=theirs.LinearJax((N, 4)))
    source = theirs_combined.Sequential(first, theirs.RateJax(4), theirs.RateJax(4))
    mod = eqpool.Sequential({"hidden": eqpool.Linear((N, 4))}, eqpool.RateJax(4), eqpool.RateJax(4))
    assert list(mod.modules()) == list(source.modules())
    mod = mod.set_attributes(source.parameters())
    np.testing.assert_array_equal(mod.hidden.weight, np.float32(source.hidden.weight))
