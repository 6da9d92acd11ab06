"""`EIF` and `AdExLIF` against DOP853, in V and A, and the least current that brings on spikes."""

import numpy as np
import pytest

import eqpool
from tests.neuron.exact import assert_as_by_dop853, layer, trains


# Where a spike goes off to infinity its pace is known to 1e-5 of the last 1e-6 of a time constant.
OF_A_SPIKE = 1e-13


def eif(w_rec=0.0, **arguments):
    usual = dict(C=200e-12, g_L=20e-9, E_L=-65e-3, V_T=-59.9e-3, Delta_T=3.48e-3)
    return layer(eqpool.EIF, w_rec, **usual | arguments)


@pytest.mark.slow
def test_rheobase_of_an_exponential_neuron(x64):
    """g_L (V_T - E_L - Delta_T): where leak and spike current balance at V_T. Near it, the
    neuron is quadratic, and waits for pi sqrt(2 C^2 Delta_T/(g_L (I - I_rheobase)))."""
    g_L, E_L, V_T, Delta_T, C = 20e-9, -65e-3, -55e-3, 2e-3, 200e-12
    rheobase = g_L * (V_T - E_L - Delta_T)
    excess = np.array([-1e-3, 1e-3, 1e-4, -1e-4]) * rheobase
    values = dict(C=C, g_L=g_L, E_L=E_L, V_T=V_T, Delta_T=Delta_T)
    mod = eif(**values, Idc=rheobase + excess, t_ref=0.0)
    found = trains(mod, 6.0)
    assert len(found[0]) == len(found[3]) == 0
    for d, train in zip(excess[1:3], found[1:3], strict=True):
        period = np.pi * np.sqrt(2.0 * C**2 * Delta_T / (g_L * d))
        np.testing.assert_allclose(np.diff(train), period, rtol=1e-3)
    assert [len(train) for train in found[1:3]] == [8, 2]


@pytest.mark.slow
def test_exponential_neurons_spike_as_by_dop853(x64):
    mod = eif(1.0, Idc=[3e-10, 1e-10, 4e-10, 2e-10], t_ref=1.7e-3)
    assert_as_by_dop853(mod, 0.15, 1.0, 30, atol=45 * OF_A_SPIKE)


@pytest.mark.slow
def test_adaptive_exponential_neurons_spike_as_by_dop853(x64):
    current = [8e-10, 5e-10, 9e-10, 7e-10]
    mod = layer(eqpool.AdExLIF, 2.0, Idc=current, t_ref=2e-3, V_peak=-10e-3)
    assert_as_by_dop853(mod, 0.15, 2.0, 10, atol=14 * OF_A_SPIKE)
