"""Every model of eqpool keeps every promise of `eqpool.testing`."""

import diffrax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool.testing import check_neuron, PROMISES
from tests.helpers import tiers
from tests.neuron.adapting import Adapting, Synapses


def around(value, n=3):
    """Values of `n` neurons within a fifth of a value."""
    return value * np.random.default_rng(0).uniform(0.8, 1.2, n)


def weights(size, n=3, n_in=3):
    return np.random.default_rng(1).normal(0.0, size, (n, n_in))


def trained(value):
    return eqpool.Parameter(jnp.asarray(value, float))


NEURONS = {
    "ALIF": lambda: eqpool.ALIF(
        3, tau_mem=around(20e-3), tau_adapt=around(50e-3), threshold=around(1.0),
        Idc=around(0.2), beta=around(0.5), w_rec=weights(0.5), has_rec=True, t_ref=2e-3,
    ),
    "Izhikevich": lambda: eqpool.Izhikevich(
        3, a=[0.02, 0.1, 0.02], c=[-65.0, -65.0, -60.0], d=[8.0, 2.0, 6.0], tau_syn=around(5e-3),
        w_rec=weights(3.0), has_rec=True, solver=diffrax.Heun(),
    ),
    "LIFJax": lambda: eqpool.LIFJax(
        (6, 3), tau_mem=around(20e-3), tau_syn=around(10e-3, (3, 2)), bias=around(0.01),
        threshold=around(1.0), w_rec=weights(0.05, 3, 6), has_rec=True, t_ref=3e-3,
    ),
    "AdExLIF": lambda: eqpool.AdExLIF(
        3, C=around(200e-12), E_L=around(-70e-3), V_reset=around(-65e-3), tau_syn=around(5e-3),
        t_ref=2e-3, Idc=around(2e-10), w_rec=weights(2.0), has_rec=True,
    ),
    "EIF": lambda: eqpool.EIF(
        3, C=around(200e-12), E_L=around(-65e-3), Delta_T=around(3e-3), tau_syn=around(5e-3),
        t_ref=[1.7e-3, 0.5e-3, 1e-3], w_rec=weights(1.0), has_rec=True,
    ),
    "QIF": lambda: eqpool.QIF(
        3, tau_mem=around(10e-3), Idc=[-0.2, 0.0, -0.5], V_reset=[-100.0, -20.0, -5.0],
        w_rec=eqpool.SparseWeights([0.5, -0.3, 0.2], [0, 1, 2], [1, 2, 0], (3, 3)), has_rec=True,
    ),
    "HodgkinHuxley": lambda: eqpool.HodgkinHuxley(
        # Far above rheobase, near which the least change takes a spike away.
        3, g_Na=around(120.0), g_K=around(36.0), Idc=around(12.0), tau_syn=around(3e-3),
        w_rec=weights(0.5), has_rec=True, solver=diffrax.Heun(),
    ),
    "DynapSim": lambda: eqpool.DynapSim(
        3, Idc=trained(around(1e-11)), Itau_mem=trained(around(5e-12)), Iw_ahp=trained(1e-9),
        C_mem=trained(around(3e-12)), Itau_syn=trained(around(1e-10)), Iref=trained(around(1e-9)),
        w_rec=weights(10.0), has_rec=True, synapses=("ampa",), surrogate=eqpool.FastSigmoid(),
    ),
    "DynapSim of two synapses": lambda: eqpool.DynapSim(
        (6, 3), Idc=trained(around(1e-11)), Iscale=trained(around(1e-8)), Igain_gaba=2e-10,
        C_gaba=trained(around(25e-12)), Iw_ahp=1e-9, w_rec=weights(10.0, 3, 6).reshape(3, 3, 2),
        has_rec=True, synapses=("ampa", "gaba"), solver=diffrax.Heun(),
    ),
    "noisy ALIF": lambda: eqpool.ALIF(
        3, tau_mem=around(20e-3), noise_std=[0.5, 1.0, 2.0], w_rec=weights(0.5), has_rec=True,
        rng_key=1,
    ),
}  # fmt: skip

RATES = {
    "RateJax": lambda: eqpool.RateJax(
        3, tau=around(20e-3), bias=around(0.1), threshold=around(0.1), w_rec=weights(0.5),
        has_rec=True, activation_func="tanh",
    ),
    "a user's": lambda: Adapting(
        3, tau=around(10e-3), gain=around(0.8), noise_std=[0.1, 0.2, 0.3], w_rec=weights(0.5),
        has_rec=True, rng_key=1,
    ),
    "a user's by Heun": lambda: Adapting(
        3, tau=around(10e-3), w_rec=weights(0.5), has_rec=True, solver=diffrax.Heun()
    ),
    "nothing to integrate": lambda: Synapses(
        3, tau=around(10e-3), w_rec=weights(0.01), has_rec=True
    ),
    # It does not start at the threshold, where there are no derivatives.
    "rectified": lambda: eqpool.RateJax(
        3, tau=around(20e-3), bias=around(0.1), threshold=around(-0.3), w_rec=weights(0.5),
        has_rec=True,
    ),
}  # fmt: skip

QUICK = (
    "declaration", "spiking", "pure", "silence", "arrivals", "coordinates", "record", "halves",
    "reset_state",
)  # fmt: skip


# Those that differ most first.
SORTED = sorted(NEURONS, key=lambda name: name not in ("LIFJax", "HodgkinHuxley", "noisy ALIF"))


@pytest.mark.parametrize("name", tiers(SORTED, 3))
def test_what_is_quick_to_check(name):
    report = check_neuron(NEURONS[name](), only=QUICK)
    assert set(report.promises.values()) == {"kept"}, report


QUICK_RATES = ("declaration", "responding", "pure", "record", "halves", "gradient")


def test_what_is_quick_to_check_of_rates():
    report = check_neuron(RATES["a user's"](), only=QUICK_RATES)
    assert set(report.promises.values()) == {"kept"}, report


@pytest.mark.slow
@pytest.mark.parametrize("name", RATES)
def test_every_promise_of_rates(name):
    report = check_neuron(RATES[name]())
    skipped = {promise for promise, said in report.promises.items() if said != "kept"}
    assert {*QUICK_RATES, "order", "recurrent_gradient", "graph"} < set(report.promises)
    assert skipped == ({"order"} if "nothing" in name else set()), report


# With two synapses, steps at the tightest tolerances are thousands at each kink.
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NEURONS if "two" not in name])
def test_every_promise(name):
    report = check_neuron(NEURONS[name](), skip=QUICK)
    skipped = {promise for promise, said in report.promises.items() if said != "kept"}
    assert set(report.promises) == set(PROMISES) - {*QUICK, "responding"}
    expected = {"reset"} if name == "HodgkinHuxley" else set()
    if "noisy" in name:
        expected |= {"event_times", "event_gradients"}
    assert skipped == expected, report


@pytest.mark.parametrize("bad", ["halfs", ["halves", "halfs"]])
def test_a_promise_that_does_not_exist(bad):
    with pytest.raises(ValueError, match="no promise 'halfs'. Did you mean 'halves'?"):
        check_neuron(eqpool.ALIF, only=bad)
    with pytest.raises(ValueError, match="no promise 'halfs'"):
        check_neuron(eqpool.ALIF, skip=bad)


@pytest.mark.untyped
def test_what_is_no_neuron():
    with pytest.raises(TypeError, match="takes an AbstractNeuron or .*Neuron; got LinearJax"):
        check_neuron(eqpool.Linear((2, 2)))


def test_promises_of_other_neurons():
    rates = check_neuron(eqpool.RateJax, only=("reset", "declaration"))
    assert rates.promises == {"declaration": "kept", "reset": "skipped: the neuron emits rates"}
    spikes = check_neuron(eqpool.ALIF, only="responding")
    assert spikes.promises == {"responding": "skipped: the neuron spikes"}


def test_a_report():
    report = check_neuron(eqpool.ALIF(2), only=("declaration", "recurrent_gradient"))
    assert report["declaration"] == "kept"
    assert report["recurrent_gradient"].startswith("skipped: there are no recurrent weights")
    first, *lines = repr(report).splitlines()
    assert first == "ALIF(2,): 1 of 2 promises kept" and len(lines) == 2
    assert all(PROMISES[name].endswith(".") for name in PROMISES)
