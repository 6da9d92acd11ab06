"""`LIF` between spikes is a sum of exponentials: spike times in closed form."""

import numpy as np
import pytest
from scipy.optimize import brentq

import eqpool
from tests.neuron.exact import assert_as_by_dop853, drawn, layer, N, trains


def lif(w_rec=0.0, **arguments):
    """Two synapses on each neuron."""
    arguments = dict(tau_mem=20e-3, threshold=1.0) | arguments
    return layer(eqpool.LIF, w_rec, 2 * N, tau_syn=[[8e-3, 3e-3]], **arguments)


def closed_form(tau_mem, tau_syn, drive, threshold, t_ref, arrivals, duration):
    """Spike times of one neuron, all in s and per s; `arrivals` are times and charges per s."""
    now, v, isyn, ready, fired = 0.0, 0.0, 0.0, 0.0, []
    upcoming = [*arrivals, (duration, 0.0)]
    steady = drive * tau_mem
    while upcoming:
        stop = min(upcoming[0][0], ready if ready > now else np.inf)
        length, held = stop - now, ready > now

        def membrane(t, v=v, isyn=isyn):
            decay = np.exp(-t / tau_mem)
            if tau_mem == tau_syn:
                return steady + (v - steady + isyn * t) * decay
            c = isyn / (1.0 / tau_mem - 1.0 / tau_syn)
            return steady + (v - steady - c) * decay + c * np.exp(-t / tau_syn)

        if not held:
            # It turns once at most.
            points = [t for t in [0.0, turning(tau_mem, tau_syn, v - steady, isyn), length]
                      if 0.0 <= t <= length]  # fmt: skip
            for a, b in zip(points, points[1:], strict=False):
                if membrane(a) < threshold <= membrane(b):
                    length = brentq(lambda t: membrane(t) - threshold, a, b, xtol=1e-17)
                    fired.append(now + length)
                    break
            v = membrane(length)
        isyn *= np.exp(-length / tau_syn)
        if not held and fired and fired[-1] == now + length:
            now, v, ready = fired[-1], v - threshold, fired[-1] + t_ref
        else:
            now = stop
            if stop == upcoming[0][0]:
                isyn += upcoming.pop(0)[1]
    return np.array(fired)


def turning(tau_mem, tau_syn, v, isyn):
    """Where the membrane has an extremum, at `v` from its steady state; NaN where nowhere."""
    with np.errstate(all="ignore"):
        if tau_mem == tau_syn:
            return tau_mem - v / np.float64(isyn)
        c = isyn / (1.0 / tau_mem - 1.0 / tau_syn)
        ratio = -np.float64(c / tau_syn) / ((v - c) / tau_mem)
        return np.log(ratio) / (1.0 / tau_syn - 1.0 / tau_mem)


def test_spike_times_in_closed_form(x64):
    """Double exponentials, of which one has two equal time constants, to 1e-12 s."""
    tau_mem, tau_syn = np.array([20e-3, 8e-3, 10e-3, 15e-3]), np.array([8e-3, 3e-3])
    bias, threshold, t_ref = (
        np.array([0.0, 0.1, 0.12, 0.05]),
        np.array([1.0, 0.8, 1.0, 1.2]),
        1.5e-3,
    )
    mod = lif(tau_mem=tau_mem, bias=bias, threshold=threshold, t_ref=t_ref)
    # Each neuron by one of its synapses only.
    synapse = np.array([0, 0, 1, 1])
    arrivals = [(t, 2 * n + synapse[n], w) for t, n, w in drawn(N, 0.1, 0.4)]
    found, counts = trains(mod, 0.12, arrivals), []
    for n, train in enumerate(found):
        own = [(t, w / 1e-3) for t, channel, w in arrivals if channel // 2 == n]
        expected = closed_form(
            tau_mem[n], tau_syn[synapse[n]], bias[n] / 1e-3, threshold[n], t_ref, own, 0.12
        )
        assert len(train) == len(expected)
        counts.append(len(train))
        np.testing.assert_allclose(train, expected, rtol=0, atol=1e-12)
    assert min(counts) >= 2, counts


def test_rate_of_a_constant_current_in_closed_form(x64):
    """T = t_ref + tau ln(V/(V - threshold)) with V = bias tau/dt, the potential it goes to."""
    tau, threshold, t_ref, dt = 20e-3, 1.5, 2e-3, 1e-3
    bias = np.array([0.07, 0.0751, 0.1, 0.5])  # 0.075 is the least that brings on spikes
    found = trains(lif(bias=bias, tau_mem=tau, threshold=threshold, t_ref=t_ref), 0.5)
    assert len(found[0]) == 0
    for b, train in zip(bias[1:], found[1:], strict=True):
        final = b * tau / dt
        rise = tau * np.log(final / (final - threshold))
        assert len(train) == int((0.5 + t_ref) / (rise + t_ref))
        np.testing.assert_allclose(train[0], rise, rtol=0, atol=1e-12)
        np.testing.assert_allclose(np.diff(train), rise + t_ref, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_recurrent_neurons_spike_as_by_dop853(x64):
    mod = lif(0.05, bias=[0.06, 0.04, 0.07, 0.052], t_ref=1.5e-3)
    assert_as_by_dop853(mod, 0.15, 0.05, at_least=15)
