"""Spike times and traces against NEST, in ms and mV: `pip install eqpool[oracles]`."""

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import CubicSpline

import eqpool


pytestmark = pytest.mark.slow
EXACT = eqpool.EventDriven(
    diffrax.Dopri8(), diffrax.PIDController(1e-12, 1e-12), max_spikes=512, max_steps=50_000
)
run = eqx.filter_jit(lambda mod, events, duration: mod.evolve_events(events, duration)[0])


def trains(mod, duration, arrivals=()):
    """In ms, from ms."""
    times, channels, weights = map(np.array, zip(*arrivals, strict=True)) if arrivals else [[]] * 3
    events = eqpool.Events(1e-3 * np.array(times), channels, mod.size_in, weights)
    return [1e3 * train for train in run(mod, events, jnp.asarray(1e-3 * duration)).trains()]


def recorded(nest, neurons, duration):
    """Spike trains of neurons, of which it makes no others."""
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder)
    nest.Simulate(duration)
    times, senders = recorder.events["times"], recorder.events["senders"]
    return [np.sort(times[senders == i]) for i in neurons.tolist()]


def arriving(nest, neurons, arrivals, unit, resolution):
    """Connects inputs to neurons, so that they arrive when they should."""
    for time, channel, weight in arrivals:
        source = nest.Create(
            "spike_generator", params={"spike_times": [time - resolution], "precise_times": True}
        )
        synapse = {"weight": unit * weight, "delay": resolution}
        nest.Connect(source, neurons[int(channel)], syn_spec=synapse)


def test_integrate_and_fire_neurons_spike_as_iaf_psc_exp_ps(nest, x64):
    """NEST's is exact, too, and keeps spikes off its grid: to 1e-9 ms.

    It resets to a potential, which is what subtracting the threshold does at an exact crossing.
    """
    n, dt, resolution, t_ref, duration = 4, 1.0, 2.0**-3, 2.0, 200.0
    tau_mem, tau_syn = np.array([20.0, 10.0, 15.0, 8.0]), np.array([5.0, 3.0, 8.0, 2.0])
    bias, threshold = np.array([0.0, 0.12, 0.05, 0.14]), np.array([1.0, 1.0, 0.8, 1.2])
    draw = np.random.default_rng(4)
    times = np.sort(draw.uniform(1.0, duration, 60))
    # Of both signs.
    weights = draw.uniform(-0.1, 0.4, 60)
    arrivals = list(zip(times, draw.integers(0, n, 60), weights, strict=True))
    mod = eqpool.LIF(
        n, tau_mem=1e-3 * tau_mem, tau_syn=1e-3 * tau_syn[:, None], bias=bias, threshold=threshold,
        t_ref=1e-3 * t_ref, dt=1e-3 * dt, solver=EXACT,
    )  # fmt: skip
    nest.resolution = resolution
    neurons = nest.Create("iaf_psc_exp_ps", n)
    # With 1 pF, 1 pA is 1 mV/ms.
    common = dict(C_m=1.0, E_L=0.0, V_m=0.0, V_reset=0.0, t_ref=t_ref)
    for i in range(n):
        neurons[i].set(
            **common, tau_m=tau_mem[i], tau_syn_ex=tau_syn[i], tau_syn_in=tau_syn[i],
            I_e=bias[i] / dt, V_th=threshold[i],
        )  # fmt: skip
    arriving(nest, neurons, arrivals, 1.0 / dt, resolution)
    found, expected = trains(mod, duration, arrivals), recorded(nest, neurons, duration)
    for ours, theirs in zip(found, expected, strict=True):
        assert len(ours) == len(theirs) >= 3
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


AEIF = dict(C=281.0, g_L=30.0, E_L=-70.6, V_T=-50.4, Delta_T=2.0, V_reset=-60.0, V_peak=0.0)
"""pF, nS, mV."""


@pytest.mark.parametrize("adaptive", [True, False])
def test_exponential_neurons_spike_as_aeif_psc_exp(nest, adaptive, x64):
    """NEST resets within a step of 1 µs, but says of a spike only at the end of which it was."""
    n, resolution, duration, tau_syn, tau_w, a, b = 3, 1e-3, 150.0, 4.0, 80.0, 4.0, 80.5
    current = np.array([800.0, 700.0, 1000.0])
    draw = np.random.default_rng(5)
    times = np.sort(draw.integers(1, 1000 * duration, 10)) * resolution
    arrivals = list(zip(times, draw.integers(0, n, 10), draw.uniform(0.5, 2.0, 10), strict=True))
    units = dict(C=1e-12, g_L=1e-9) | {k: 1e-3 for k in AEIF if k not in ("C", "g_L")}
    values = {name: units[name] * x for name, x in AEIF.items()}
    values |= dict(tau_syn=1e-3 * tau_syn, Idc=1e-12 * current, Iscale=1e-10, solver=EXACT)
    if adaptive:
        mod = eqpool.AdExLIF(n, a=1e-9 * a, b=1e-12 * b, tau_w=1e-3 * tau_w, **values)
    else:
        mod = eqpool.EIF(n, **values)
    nest.resolution = resolution
    theirs = {{"C": "C_m", "V_T": "V_th"}.get(name, name): x for name, x in AEIF.items()}
    neurons = nest.Create("aeif_psc_exp", n, params=theirs)
    neurons.set(
        V_m=AEIF["E_L"], a=a * adaptive, b=b * adaptive, tau_w=tau_w, tau_syn_ex=tau_syn,
        gsl_error_tol=1e-12, I_e=list(current),
    )  # fmt: skip
    arriving(nest, neurons, arrivals, 100.0, resolution)
    found, expected = trains(mod, duration, arrivals), recorded(nest, neurons, duration)
    for ours, theirs in zip(found, expected, strict=True):
        assert len(ours) == len(theirs) >= 3
        late = theirs - ours
        assert late.min() > -0.01 * resolution and late.max() < 1.01 * resolution


def test_izhikevich_steps_as_in_nest(nest, x64):
    """Euler's method on the same grid: each step the same.

    Its map pulls fast spiking apart, so that in 250 ms roundings grow to 1e-5 mV.
    """
    n, dt, steps = 4, 0.125, 300
    values = dict(a=[0.02, 0.1, 0.02, 0.02], c=[-65.0, -65.0, -55.0, -50.0], d=[8.0, 2.0, 4.0, 2.0])
    mod = eqpool.Izhikevich(n, **values, Idc=[10.0, 6.0, 8.0, 12.0], dt=1e-3 * dt)
    _, _, record = mod(jnp.zeros((steps, n)), record=True)
    nest.resolution = dt
    neurons = nest.Create("izhikevich", n, params={"b": 0.2, "V_m": -65.0, "U_m": -13.0})
    for i in range(n):
        neurons[i].set(**{name: x[i] for name, x in values.items()})
        neurons[i].set(I_e=float(mod.Idc[i]), V_m=float(mod.c[i]), U_m=0.2 * float(mod.c[i]))
    meter = nest.Create("multimeter", params={"record_from": ["V_m", "U_m"], "interval": dt})
    nest.Connect(meter, neurons)
    trains = recorded(nest, neurons, dt * steps)
    for i, neuron in enumerate(neurons.tolist()):
        own = meter.events["senders"] == neuron
        for ours, theirs in (("vmem", "V_m"), ("u", "U_m")):
            x = meter.events[theirs][own]
            np.testing.assert_allclose(record[ours][: len(x), i], x, rtol=1e-10, atol=1e-10)
        steps_of_spikes = np.flatnonzero(record["spikes"][:, i]) + 1
        assert len(steps_of_spikes) >= 2
        np.testing.assert_allclose(trains[i], dt * steps_of_spikes, rtol=1e-12)


def test_hodgkin_huxley_crosses_threshold_as_hh_psc_alpha(nest, x64):
    """NEST says where a spike has its peak, so crossings are those of its membrane potential."""
    n, resolution, duration = 3, 0.01, 60.0
    current = np.array([8.0, 10.0, 20.0])
    mod = eqpool.HodgkinHuxley(n, Idc=current, solver=EXACT)
    nest.resolution = resolution
    # 100 pF, as of 1e-4 cm².
    neurons = nest.Create("hh_psc_alpha", n, params={"E_L": -54.387, "V_m": -65.0})
    neurons.set(
        I_e=list(100.0 * current), Act_m=float(mod.m[0]), Inact_h=float(mod.h[0]),
        Act_n=float(mod.n[0]),
    )  # fmt: skip
    meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": resolution})
    nest.Connect(meter, neurons)
    counts = [(train < duration).sum() for train in recorded(nest, neurons, duration + 2.0)]
    for i, ours in enumerate(trains(mod, duration)):
        own = meter.events["senders"] == neurons.tolist()[i]
        path = CubicSpline(meter.events["times"][own], meter.events["V_m"][own])
        roots = path.roots(extrapolate=False)
        theirs = roots[path(roots, 1) > 0.0]
        theirs = theirs[theirs < duration]
        assert len(ours) == len(theirs) == counts[i] >= 3
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-7)
