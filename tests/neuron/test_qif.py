"""`QIF` between spikes is a tangent, and the theta neuron's phase goes round at its pace."""

import numpy as np
import pytest

import eqpool
from tests.neuron.dop853 import Layer, spikes
from tests.neuron.exact import assert_as_by_dop853, drawn, layer, N, run, trains


TAU = 10e-3


def qif(w_rec=0.0, **arguments):
    arguments = dict(V_peak=100.0, V_reset=-100.0, t_ref=0.0) | arguments
    return layer(eqpool.QIF, w_rec, tau_mem=TAU, **arguments)


def test_first_spike_and_period_in_closed_form(x64):
    """V = sqrt(I) tan(sqrt(I) t/tau + phase); and without a spike for a negative current."""
    current, start, peak, reset, t_ref = np.array([0.02, 0.3, 2.0]), -1.0, 30.0, -2.0, 1e-3
    mod = qif(Idc=[*current, -0.25], V_peak=peak, V_reset=reset, t_ref=t_ref)
    found, state = run(mod, 0.3)
    *found, silent = found.trains()
    for i, train in zip(current, found, strict=True):
        root = np.sqrt(i)
        first = TAU / root * (np.arctan(peak / root) - np.arctan(start / root))
        period = t_ref + TAU / root * (np.arctan(peak / root) - np.arctan(reset / root))
        assert len(train) == 1 + int((0.3 - first) / period)
        np.testing.assert_allclose(
            train, first + period * np.arange(len(train)), rtol=0, atol=1e-12
        )
    assert len(silent) == 0
    at_rest = -0.5 / np.tanh(0.5 * 0.3 / TAU + np.arctanh(0.5))
    np.testing.assert_allclose(state["vmem"][3], at_rest, rtol=1e-12)


def test_from_infinity_to_infinity_it_is_the_theta_neuron(x64):
    """Its phase is 2 arctan V: the period without input, and spike times with some."""
    current = np.array([0.05, 0.3, 1.0, 4.0])
    mod = qif(Idc=current, V_peak=1e12, V_reset=-1e12)
    for i, train in zip(current, trains(mod, 0.4), strict=True):
        np.testing.assert_allclose(np.diff(train), np.pi * TAU / np.sqrt(i), rtol=0, atol=1e-12)

    def slope(y):
        theta, isyn = y
        drive = current + isyn
        return np.stack([(1.0 - np.cos(theta) + (1.0 + np.cos(theta)) * drive) / TAU, -isyn / 5e-3])

    def move(y, row, i, by):
        y = y.copy()
        y[row, i] += by
        return y

    theta = Layer(
        slope, lambda y: y[0] - np.pi, lambda y, i: move(y, 0, i, -2.0 * np.pi),
        lambda y, channel, weight: move(y, 1, channel, weight), [1.0, 1.0],
    )  # fmt: skip
    arrivals = drawn(N, 0.1, 2.0)
    expected, neurons, _ = spikes(theta, [[-np.pi / 2] * N, [0.0] * N], 0.12, arrivals)
    found, _ = run(mod, 0.12, arrivals)
    count = int(found.count)
    assert count == len(expected) > 15
    np.testing.assert_array_equal(found.channels[:count], neurons)
    np.testing.assert_allclose(found.times[:count], expected, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_recurrent_neurons_spike_as_by_dop853(x64):
    mod = qif(1.0, Idc=[0.5, -0.1, 0.8, 0.2], t_ref=1e-3)
    assert_as_by_dop853(mod, 0.15, 0.5, at_least=10)
