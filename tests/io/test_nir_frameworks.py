"""Networks of snnTorch and Norse, with what they computed."""

import numpy as np
import pytest

import eqpool
from tests.helpers import DATA, relative_error


def of_snntorch(name):
    """A network of snnTorch, spikes and potentials of its last layer, and those of snnTorch."""
    net = eqpool.from_nir(DATA / f"snntorch_{name}.nir", dt=1e-4, discretisation="euler")
    with np.load(DATA / f"snntorch_{name}.npz") as data:
        output, _, record = net(data["input"], record=True)
        potentials = record[list(net.modules())[-1]]["vmem"]
        return output, potentials, data["spikes"], data["potentials"]


@pytest.mark.parametrize("name", ["leaky_silent", "synaptic_silent"])
def test_membranes_of_snntorch(name):
    """Without spikes nothing is approximate: `beta` and `alpha` are steps of forward Euler."""
    _, potentials, _, expected = of_snntorch(name)
    assert relative_error(potentials, expected) < 1e-5


@pytest.mark.parametrize(
    "name", ["prompt_leaky", "prompt_leaky_twice", "prompt_synaptic", "prompt_recurrent"]
)
def test_spikes_of_snntorch(name):
    """Every spike, where it resets in the step of the spike, `reset_delay=False`."""
    output, potentials, spikes, expected = of_snntorch(name)
    assert spikes.sum() > 30 and len(np.unique(spikes.sum(0))) > 2
    np.testing.assert_array_equal(output, spikes)
    assert relative_error(potentials, expected) < 1e-5


@pytest.mark.parametrize("name", ["leaky", "recurrent"])
def test_delayed_resets_of_snntorch(name):
    """By default it subtracts the threshold one step later, after the decay: it takes 10 % more."""
    output, _, spikes, _ = of_snntorch(name)
    assert spikes.sum() > 100 and output.max() == 1
    assert 1.0 <= output.sum() / spikes.sum() < 1.2
    counts, expected_counts = np.asarray(output.sum(0)), spikes.sum(0)
    np.testing.assert_allclose(counts, expected_counts, rtol=0.2, atol=2)
    np.testing.assert_array_equal(counts == 0, expected_counts == 0)
    kernel = np.ones(20)
    smooth = lambda x: np.stack([np.convolve(s, kernel, "same") for s in np.asarray(x).T])
    assert np.corrcoef(smooth(output).ravel(), smooth(spikes).ravel())[0, 1] > 0.95


def test_spikes_and_potentials_of_norse():
    net = eqpool.from_nir(DATA / "norse.nir", dt=1e-3, discretisation="euler")
    with np.load(DATA / "norse.npz") as data:
        output, _, record = net(data["input"], record=True)
        assert data["spikes"].sum() > 100
        np.testing.assert_array_equal(record["1_LIFJax"]["spikes"], data["spikes"])
        assert relative_error(output, data["potentials"]) < 1e-5
