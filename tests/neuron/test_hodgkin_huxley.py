"""`HodgkinHuxley` against DOP853 with the rates of 1952, and what the axon is known for."""

import numpy as np
import pytest

import eqpool
from tests.neuron.exact import assert_as_by_dop853, layer, run


def axons(w_rec=0.0, **arguments):
    return layer(eqpool.HodgkinHuxley, w_rec, **dict(t_ref=0.0) | arguments)


@pytest.mark.slow
def test_recurrent_axons_spike_as_by_dop853(x64):
    mod = axons(5.0, Idc=[10.0, 5.0, 15.0, 12.0], t_ref=[0.0, 3e-3, 11.5e-3, 14e-3])
    assert_as_by_dop853(mod, 0.04, 5.0, at_least=10)


def test_rest_one_spike_and_regular_spikes(x64):
    """At rest at -65 mV; 2 µA/cm² brings on no spike, 4 a single one, 10 regular ones of 68 Hz."""
    spikes, state = run(axons(Idc=[0.0, 2.0, 4.0, 10.0]), 0.1)
    np.testing.assert_allclose(state["vmem"][0], -65.0, rtol=0, atol=0.01)
    *few, regular = spikes.trains()
    assert [len(train) for train in few] == [0, 0, 1]
    np.testing.assert_allclose(1.0 / np.diff(regular)[1:], 68.0, rtol=0.03)


def test_a_crossing_while_refractory_is_no_spike_afterwards(x64):
    """The second of the regular crossings comes 14.9 ms after the first, and is over in 1 ms."""
    crossings = run(axons(Idc=10.0), 0.06)[0].trains()[0]
    assert len(crossings) == 4
    found = run(axons(Idc=10.0, t_ref=[14e-3, 14.95e-3, 15.5e-3, 16.5e-3]), 0.06)[0].trains()
    for train, expected in zip(found, [[0, 1, 2, 3], [0, 2], [0, 2], [0, 2]], strict=True):
        np.testing.assert_allclose(train, crossings[expected], rtol=0, atol=1e-11)
