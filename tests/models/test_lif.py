import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import wave


def by_hand(mod, x):
    """The equations of the class, one neuron and step after another, in float64."""
    n, k = mod.isyn.shape
    dt = float(mod.dt)
    alpha = np.broadcast_to(np.exp(-dt / np.asarray(mod.tau_mem, np.float64)), n)
    beta = np.broadcast_to(np.exp(-dt / np.asarray(mod.tau_syn, np.float64)), (n, k))
    threshold = np.broadcast_to(np.asarray(mod.threshold, np.float64), n)
    bias = np.broadcast_to(np.asarray(mod.bias, np.float64), n)
    w_rec = np.zeros((n, n * k)) if mod.w_rec is None else np.asarray(mod.w_rec, np.float64)
    v, isyn, spikes = np.zeros(n), np.zeros((n, k)), np.zeros(n)
    trace = dict(vmem=[], isyn=[], irec=[], spikes=[])
    for row in np.asarray(x, np.float64):
        irec = (spikes @ w_rec).reshape(n, k)
        isyn = beta * (isyn + row.reshape(n, k) + irec)
        v = alpha * v + isyn.sum(axis=1) + bias
        spikes = np.array([int(u // t) if u >= t else 0 for u, t in zip(v, threshold, strict=True)])
        spikes = np.minimum(spikes, float(mod.max_spikes_per_dt))
        v = v - spikes * threshold
        for name, value in dict(vmem=v, isyn=isyn, irec=irec, spikes=spikes).items():
            trace[name].append(value)
    return {name: np.stack(values) for name, values in trace.items()}


@pytest.mark.parametrize("synapses", [1, 3])
@pytest.mark.parametrize("recurrent", [False, True])
def test_equations(synapses, recurrent, x64):
    rng = np.random.default_rng(synapses)
    n = 4
    mod = eqpool.LIF(
        (synapses * n, n),
        tau_mem=rng.uniform(5e-3, 50e-3, n),
        tau_syn=rng.uniform(5e-3, 50e-3, (n, synapses)),
        bias=rng.normal(scale=0.02, size=n),
        threshold=rng.uniform(0.5, 2.0, n),
        has_rec=recurrent,
        max_spikes_per_dt=3,
        rng_key=1,
    )
    x = rng.poisson(0.1, (200, synapses * n)) * 0.3
    output, state, record = mod(x, record=True)
    expected = by_hand(mod, x)
    assert 20 < output.sum() and output.max() >= 2
    np.testing.assert_array_equal(output, expected["spikes"])
    for name, trace in expected.items():
        np.testing.assert_allclose(record[name], trace, rtol=1e-10, atol=1e-12)
        if name != "irec":
            np.testing.assert_allclose(state[name], trace[-1], rtol=1e-10, atol=1e-12)


def test_decay_of_a_single_input_has_a_closed_form(x64):
    """Two exponentials: the response of a membrane to a synaptic current."""
    a, b = np.exp(-1 / 20), np.exp(-1 / 7)
    mod = eqpool.LIF(1, tau_mem=20e-3, tau_syn=7e-3, threshold=1e3)
    x = jnp.zeros((60, 1)).at[0].set(0.5)
    _, _, record = mod(x, record=True)
    t = np.arange(1, 61)
    np.testing.assert_allclose(record["isyn"][:, 0, 0], 0.5 * b**t, rtol=1e-12)
    expected = 0.5 * b * (a**t - b**t) / (a - b)
    np.testing.assert_allclose(record["vmem"][:, 0], expected, rtol=1e-12)


def test_surrogate_derivative():
    v = jnp.asarray([-1.0, 1.4, 1.5, 1.6, 2.0, 4.1, 7.0])
    spikes, slope = jax.jvp(
        lambda v: eqpool.physics.lif_spikes(v, jnp.asarray(2.0), 2.0), (v,), (jnp.ones_like(v),)
    )
    np.testing.assert_array_equal(spikes, [0, 0, 0, 0, 1, 2, 2])
    np.testing.assert_array_equal(slope, [0, 0, 0.5, 0.5, 0.5, 0.5, 0.5])
    by_threshold = jax.vmap(
        jax.grad(lambda theta, v: eqpool.physics.lif_spikes(v, theta, 9.0)), (None, 0)
    )(jnp.asarray(2.0), v)
    np.testing.assert_allclose(by_threshold, [0, 0, *(-np.asarray(v[2:]) / 4)], rtol=1e-6)


def test_subthreshold_gradient_is_that_of_the_equations(x64):
    """Without spikes and outside the window nothing is a surrogate: finite differences."""
    mod = eqpool.LIF((6, 3), threshold=1e6, rng_key=0)
    x = wave(40, 6)

    def loss(parameters):
        _, _, record = mod.set_attributes(parameters)(x, record=True)
        return jnp.sum(record["vmem"] ** 2)

    parameters = {name: mod.parameters()[name] for name in ("tau_mem", "tau_syn", "bias")}
    gradient = jax.grad(loss)(parameters)
    for name, value in parameters.items():
        for index in np.ndindex(value.shape):
            h = 1e-6 * (1e-2 if "tau" in name else 1.0)
            up, down = (parameters | {name: value.at[index].add(s * h)} for s in (1, -1))
            expected = (loss(up) - loss(down)) / (2 * h)
            np.testing.assert_allclose(gradient[name][index], expected, rtol=1e-5)


def test_noise_has_the_stated_deviation():
    mod = eqpool.LIF(2000, tau_mem=1e-6, threshold=1e9, noise_std=[0.5] * 1000 + [2.0] * 1000)
    _, _, record = mod(jnp.zeros((50, 2000)), record=True)
    half = np.asarray(record["vmem"]).reshape(50, 2, 1000)
    np.testing.assert_allclose(half.std((0, 2)) / np.sqrt(1e-3), [0.5, 2.0], rtol=0.02)
    np.testing.assert_allclose(half.mean((0, 2)), 0.0, atol=2e-3)


def test_shapes_of_time_constants():
    for tau_syn, shape in [(5e-3, ()), (np.full((1, 2), 5e-3), (1, 2)), ([5e-3] * 6, (3, 2))]:
        mod = eqpool.LIF((6, 3), tau_syn=tau_syn)
        assert mod.tau_syn.shape == shape
        np.testing.assert_array_equal(
            mod(wave(9, 6))[0], eqpool.LIF((6, 3), tau_syn=np.full((3, 2), 5e-3))(wave(9, 6))[0]
        )
