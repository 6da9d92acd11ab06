"""Traces of recurrent layers on a grid against Brian2: `pip install eqpool[oracles]`.

Both add what arrives before a step, integrate over it, and look for spikes at its end; a spike
arrives at the start of the next step.
"""

import diffrax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool


pytestmark = pytest.mark.slow
N = 3
WEIGHTS = np.array([[0.0, 0.8, -0.3], [0.5, 0.0, 0.4], [-0.6, 0.9, 0.0]])
EXACT = eqpool.Diffrax(diffrax.Dopri8())


def simulated(
    brian, dt, inputs, w_rec, equations, start, names, constants, each_step=None, **group
):
    """Raster `(T, N)` and states by name; `isyn` is what spikes add to."""
    steps, second = len(inputs), brian.second
    brian.defaultclock.dt = dt * second
    neurons = brian.NeuronGroup(N, equations, namespace=constants, **group)
    for name, value in start.items():
        setattr(neurons, name, value)
    if each_step is not None:
        neurons.run_regularly(each_step, when="after_groups")
    # What arrives in a step is what a source sends in the one before.
    times, channels = np.nonzero(inputs)
    source = brian.SpikeGeneratorGroup(N, channels, (times - 1) * dt * second)
    synapses = brian.Synapses(source, neurons, "w : 1", on_pre="isyn_post += w")
    synapses.connect(j="i")
    synapses.w = inputs.max()
    recurrent = brian.Synapses(neurons, neurons, "w : 1", on_pre="isyn_post += w")
    recurrent.connect()
    recurrent.w = w_rec.ravel()
    # At the start of a step, after what the one before has reset; but currents before they jump.
    monitor = brian.StateMonitor(neurons, names, record=True)
    currents = brian.StateMonitor(neurons, "isyn", record=True, when="before_thresholds")
    spikes = brian.SpikeMonitor(neurons)
    network = brian.Network(neurons, source, synapses, recurrent, monitor, currents, spikes)
    network.run(dt * (steps + 1) * second, namespace={})
    raster = np.zeros((steps + 1, N))
    raster[np.rint(np.asarray(spikes.t) / dt).astype(int), np.asarray(spikes.i)] = 1.0
    states = {name: np.asarray(getattr(monitor, name)).T[1:] for name in names}
    return raster[:steps], states | {"isyn": np.asarray(currents.isyn).T[:steps]}


def drawn(steps, size):
    """Nothing in the first step, before which no source can send."""
    inputs = size * (np.random.default_rng(3).uniform(size=(steps, N)) < 0.02)
    inputs[0] = 0.0
    return inputs


def assert_same(mod, inputs, raster, states, names, at_least=3):
    found, _, record = mod(jnp.asarray(inputs), record=True)
    assert raster.sum(0).min() >= at_least
    np.testing.assert_array_equal(found, raster)
    for ours, theirs in names.items():
        x = np.asarray(record[ours]).reshape(raster.shape)
        np.testing.assert_allclose(x, states[theirs], rtol=1e-10, atol=1e-10)


def test_integrate_and_fire_neurons(brian, x64):
    dt, tau_mem, tau_syn, bias = 1e-3, 20e-3, 5e-3, [0.06, 0.05, 0.08]
    inputs, w_rec = drawn(300, 0.2), 0.05 * WEIGHTS
    mod = eqpool.LIF(
        N, tau_mem=tau_mem, tau_syn=tau_syn, bias=bias, has_rec=True, w_rec=w_rec, dt=dt,
        solver=EXACT,
    )  # fmt: skip
    raster, states = simulated(
        brian, dt, inputs, w_rec,
        """
        dv/dt = -v/tau_mem + (isyn + bias)/width : 1
        disyn/dt = -isyn/tau_syn : 1
        bias : 1
        """,
        dict(bias=bias), ["v"],
        dict(tau_mem=tau_mem * brian.second, tau_syn=tau_syn * brian.second,
             width=dt * brian.second),
        method="exact", threshold="v >= 1", reset="v -= 1",
    )  # fmt: skip
    assert_same(mod, inputs, raster, states, {"vmem": "v", "isyn": "isyn"})


def test_neurons_with_an_adaptive_threshold(brian, x64):
    dt, taus, current = 1e-3, dict(tau_mem=20e-3, tau_syn=5e-3, tau_adapt=100e-3), [2.0, 1.5, 3.0]
    inputs, w_rec = drawn(300, 1.0), WEIGHTS
    mod = eqpool.ALIF(
        N, **taus, Idc=current, beta=0.7, has_rec=True, w_rec=w_rec, dt=dt, solver=EXACT
    )
    raster, states = simulated(
        brian, dt, inputs, w_rec,
        """
        dv/dt = (-v + isyn + current)/tau_mem : 1
        disyn/dt = -isyn/tau_syn : 1
        da/dt = -a/tau_adapt : 1
        current : 1
        """,
        dict(current=current), ["v", "a"],
        {name: tau * brian.second for name, tau in taus.items()},
        method="exact", threshold="v >= 1 + 0.7*a", reset="v -= 1 + 0.7*a; a += 1",
    )  # fmt: skip
    assert_same(mod, inputs, raster, states, {"vmem": "v", "isyn": "isyn", "adaptation": "a"})


def test_izhikevich_neurons_by_euler_steps(brian, x64):
    dt, current, c, d = 1e-4, [10.0, 8.0, 12.0], [-65.0, -55.0, -50.0], [8.0, 4.0, 2.0]
    inputs, w_rec = drawn(600, 5.0), 5.0 * WEIGHTS
    mod = eqpool.Izhikevich(
        N, c=c, d=d, Idc=current, has_rec=True, w_rec=w_rec, dt=dt, solver=eqpool.ForwardEuler()
    )
    # A parameter stays over a step, as a decaying current does in one of Euler's.
    raster, states = simulated(
        brian, dt, inputs, w_rec,
        """
        dv/dt = (0.04*v**2 + 5*v + 140 - u + current + isyn)/ms : 1
        du/dt = 0.02*(0.2*v - u)/ms : 1
        isyn : 1
        current : 1
        c : 1
        d : 1
        """,
        dict(current=current, c=c, d=d, v=c, u=0.2 * np.array(c)), ["v", "u"],
        dict(tau_syn=5e-3 * brian.second),
        method="euler", threshold="v >= 30", reset="v = c; u += d",
        each_step="isyn *= exp(-dt/tau_syn)",
    )  # fmt: skip
    assert_same(mod, inputs, raster, states, {"vmem": "v", "u": "u", "isyn": "isyn"})


def test_hodgkin_huxley_axons_by_midpoint_steps(brian, x64):
    """Without synapses, whose current Brian2 would not have decayed in the middle of a step."""
    dt, current = 1e-5, [7.0, 10.0, 20.0]
    inputs, w_rec = np.zeros((4000, N)), np.zeros((N, N))
    mod = eqpool.HodgkinHuxley(
        N, Idc=current, has_rec=True, w_rec=w_rec, dt=dt, solver=diffrax.Midpoint()
    )
    raster, states = simulated(
        brian, dt, inputs, w_rec,
        """
        dv/dt = (current - 120*m**3*h*(v - 50) - 36*n**4*(v + 77) - 0.3*(v + 54.387))/ms : 1
        dm/dt = (am*(1 - m) - 4*exp(-(v + 65)/18)*m)/ms : 1
        dh/dt = (0.07*exp(-(v + 65)/20)*(1 - h) - h/(1 + exp(-(v + 35)/10)))/ms : 1
        dn/dt = (an*(1 - n) - 0.125*exp(-(v + 65)/80)*n)/ms : 1
        am = 1/exprel(-(v + 40)/10) : 1
        an = 0.1/exprel(-(v + 55)/10) : 1
        isyn : 1
        current : 1
        """,
        dict(current=current, v=-65.0, m=mod.m, h=mod.h, n=mod.n), ["v", "m", "h", "n"],
        {},
        method="rk2", threshold="v >= 0", refractory="v >= 0",
    )  # fmt: skip
    assert_same(mod, inputs, raster, states, {"vmem": "v"} | {x: x for x in "mhn"})
