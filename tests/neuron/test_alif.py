"""`ALIF` against its steady rate in closed form, and against DOP853."""

import numpy as np
import pytest
from scipy.optimize import brentq

import eqpool
from tests.neuron.exact import assert_as_by_dop853, layer, trains


def alif(w_rec=0.0, **arguments):
    arguments = dict(tau_mem=20e-3, beta=1.8) | arguments
    return layer(eqpool.ALIF, w_rec, **arguments)


def test_rate_decays_to_the_one_at_which_the_threshold_stays(x64):
    """Between spikes at an interval T a trace of 1/(e^(T/tau) - 1) is left of all before."""
    current, beta = np.array([1.2, 2.0, 5.0, 2.0]), [1.0, 1.0, 1.0, 0.0]
    tau_mem, tau_adapt = 20e-3, 50e-3
    mod = alif(Idc=current, beta=beta, tau_mem=tau_mem, tau_adapt=tau_adapt)
    for i, b, train in zip(current, beta, trains(mod, 1.5), strict=True):
        first = tau_mem * np.log(i / (i - 1.0))
        np.testing.assert_allclose(train[0], first, rtol=0, atol=1e-12)
        intervals = np.diff(train)

        def excess(period, i=i, b=b):
            reached = 1.0 + b / np.expm1(period / tau_adapt)
            return reached - i * -np.expm1(-period / tau_mem)

        steady = brentq(excess, 1e-6, 10.0, xtol=1e-17)
        np.testing.assert_allclose(intervals[-3:], steady, rtol=0, atol=1e-12)
        if b > 0.0:
            assert first < intervals[0] < intervals[1] < intervals[2] and steady > 1.5 * first
    assert len(train) > 100  # that without adaptation


@pytest.mark.slow
def test_recurrent_neurons_spike_as_by_dop853(x64):
    mod = alif(1.0, Idc=[2.5, 1.4, 3.0, 2.0], tau_adapt=80e-3)
    assert_as_by_dop853(mod, 0.15, 1.0, at_least=10)
