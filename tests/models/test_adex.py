"""`AdExLIF` on a time grid: its equations, orders, patterns, gradients."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

import eqpool
from tests.helpers import wave
from tests.models.adex_reference import PATTERNS, ScipyAdEx


def network(n=4, **kwargs):
    """Recurrent, every neuron different, firing."""
    rng = np.random.default_rng(0)
    values = dict(
        C=rng.uniform(150e-12, 300e-12, n), E_L=rng.uniform(-72e-3, -65e-3, n),
        V_reset=rng.uniform(-70e-3, -55e-3, n), tau_syn=rng.uniform(2e-3, 9e-3, n), t_ref=2e-3,
        Idc=rng.uniform(4e-10, 9e-10, n), w_rec=rng.normal(0.0, 3.0, (n, n)), has_rec=True,
    )  # fmt: skip
    return eqpool.AdExLIF(n, **values | kwargs)


def by_hand(mod, x):
    """Forward Euler, one step and one number after another, in float64."""
    n, dt, trace = mod.size_out, float(mod.dt), []
    names = ("C", "g_L", "a", "b", "Idc", "E_L", "V_reset", "Delta_T", "V_T", "V_peak", "tau_w",
             "tau_syn", "t_ref", "Iscale")  # fmt: skip
    p = {name: np.broadcast_to(np.asarray(getattr(mod, name)), n) for name in names}
    V, w, isyn, spikes, wait = np.array(mod.vmem), np.zeros(n), np.zeros(n), np.zeros(n), [0] * n
    peaks = -np.log1p(np.exp(-(p["V_peak"] - p["V_T"]) / p["Delta_T"]))
    for row in np.asarray(x):
        isyn = isyn + p["Iscale"] * (row + spikes @ np.asarray(mod.w_rec))
        spikes = np.zeros(n)
        for i in range(n):
            C, g_L, a, b, Idc, E_L, V_reset, Delta_T, V_T = (p[name][i] for name in names[:9])
            u = (V[i] - V_T) / Delta_T
            current = -g_L * (V[i] - E_L) + g_L * Delta_T * np.exp(u) - w[i] + isyn[i] + Idc
            w[i] += dt * (a * (V[i] - E_L) - w[i]) / p["tau_w"][i]
            if wait[i]:
                wait[i] -= 1
                continue
            y = -np.log1p(np.exp(-u)) + dt * current / C / Delta_T / (1 + np.exp(u))
            if y > peaks[i]:
                spikes[i], V[i], wait[i] = 1.0, V_reset, round(p["t_ref"][i] / dt)
                w[i] += b
            else:
                V[i] = V_T + Delta_T * (y - np.log(-np.expm1(y)))
        isyn = isyn * np.exp(-dt / p["tau_syn"])
        trace.append((V.copy(), w.copy(), isyn.copy(), spikes.copy()))
    names = ("vmem", "iadapt", "isyn", "spikes")
    return dict(zip(names, map(np.stack, zip(*trace, strict=True)), strict=True))


def test_equations(x64):
    mod, x = network(), jnp.abs(wave(400, 4))
    spikes, state, record = mod(x, record=True)
    expected = by_hand(mod, x)
    assert (spikes.sum(0) > 3).all() and spikes.max() == 1.0
    for name, trace in expected.items():
        np.testing.assert_allclose(record[name], trace, rtol=1e-8, atol=1e-20)
        np.testing.assert_allclose(state[name], trace[-1], rtol=1e-8, atol=1e-20)


def test_without_the_exponential_there_is_a_closed_form(x64):
    """Far below threshold membrane, adaptation and synapse are a linear system."""
    mod = eqpool.AdExLIF(
        1, Delta_T=1e-4, V_T=0.0, V_peak=0.1, Idc=1e-10, solver=diffrax.Dopri8(), Iscale=1e-9
    )
    x = jnp.zeros((80, 1)).at[0].set(0.4)
    _, _, record = mod(x, record=True)
    names = ("C", "g_L", "a", "tau_w", "tau_syn")
    C, g_L, a, tau_w, tau = (float(getattr(mod, name)[0]) for name in names)
    # Of V - E_L in V, w and isyn in nA.
    system = np.array(
        [
            [-g_L / C, -1e-9 / C, 1e-9 / C, 1e-10 / C],
            [1e9 * a / tau_w, -1 / tau_w, 0, 0],
            [0, 0, -1 / tau, 0],
            [0, 0, 0, 0],
        ]
    )
    path = np.stack([expm(system * t) @ [0, 0, 0.4, 1] for t in 1e-3 * np.arange(1, 81)])
    np.testing.assert_allclose(record["vmem"][:, 0] + 70.6e-3, path[:, 0], rtol=1e-7)
    np.testing.assert_allclose(record["iadapt"][:, 0], 1e-9 * path[:, 1], rtol=1e-7)
    np.testing.assert_allclose(record["isyn"][:, 0], 1e-9 * path[:, 2], rtol=1e-11)


def test_the_psp_of_one_unit_of_input():
    """What the docstring says of the default scale."""
    _, _, record = eqpool.AdExLIF(1, dt=1e-4)(jnp.zeros((300, 1)).at[0].set(1.0), record=True)
    np.testing.assert_allclose(record["vmem"].max() + 70.6e-3, 0.9e-3, rtol=0.06)


@pytest.mark.parametrize(
    "solver, order",
    [
        (eqpool.ForwardEuler(), 1),
        (diffrax.Heun(), 2),
        pytest.param(diffrax.Bosh3(), 3, marks=pytest.mark.long),
        (diffrax.Tsit5(), 5),
    ],
    ids=lambda x: type(x).__name__ if not isinstance(x, int) else str(x),
)
def test_order_of_convergence(solver, order, x64):
    """A membrane up among the exponential and back, under a synaptic current that decays."""
    errors = []
    for n in (8, 16, 32) if order == 5 else (16, 32, 64):
        mod = eqpool.AdExLIF(1, dt=32e-3 / n, solver=solver, tau_w=20e-3, b=0.0)
        start = {"vmem": [-53e-3], "isyn": [6e-10], "iadapt": [5e-11]}
        mod = mod.set_attributes({name: jnp.asarray(x) for name, x in start.items()})
        spikes, state, record = mod(jnp.zeros((n, 1)), record=True)
        _, _, (vmem, iadapt, _) = ScipyAdEx(mod).run(32e-3, tolerance=1e-13)
        assert not spikes.any() and np.ptp(record["vmem"]) > 5e-3
        errors.append([state["vmem"][0] - vmem[0], 1e9 * (state["iadapt"][0] - iadapt[0])])
    orders = np.log2(np.abs(np.asarray(errors[:-1]) / errors[1:]))
    assert (order - 0.3 < orders[-1]).all() and (orders[-1] < order + 1.5).all(), (orders, errors)


@pytest.mark.slow
def test_adaptive_steps_reach_their_tolerance(x64):
    errors = []
    for tolerance in (1e-4, 1e-8):
        controller = diffrax.PIDController(rtol=tolerance, atol=tolerance)
        solver = eqpool.Diffrax(diffrax.Tsit5(), stepsize_controller=controller)
        mod = eqpool.AdExLIF(1, dt=5e-3, solver=solver)
        mod = mod.set_attributes({"vmem": jnp.array([-51e-3]), "isyn": jnp.array([5e-10])})
        _, state, _ = mod(jnp.zeros((4, 1)))
        _, _, (vmem, _, _) = ScipyAdEx(mod).run(20e-3)
        errors.append(abs(float(state["vmem"][0] - vmem[0])))
    assert errors[0] < 2e-6 and errors[1] < 1e-10, errors


@pytest.mark.parametrize(
    "solver",
    [
        eqpool.ForwardEuler(),
        pytest.param(diffrax.Tsit5(), marks=pytest.mark.slow),
        pytest.param(diffrax.Heun(), marks=pytest.mark.long),
    ],
    ids=lambda s: type(s).__name__,
)
def test_spike_times_converge(solver, x64):
    """Those of a network with synapses, at steps that fall by a factor of 4."""
    exact, neurons, _ = ScipyAdEx(network()).run(0.08)
    assert len(exact) > 8
    errors = []
    for dt in (2e-4, 5e-5, 1.25e-5):
        spikes, _, _ = network(dt=dt, solver=solver)(jnp.zeros((round(0.084 / dt), 4)))
        off = []
        for i in range(4):
            ours = dt * (np.flatnonzero(spikes[:, i]) + 1)
            theirs = exact[neurons == i]
            off += list(np.abs(ours[: len(theirs)] - theirs))
        errors.append(np.mean(off))
    assert errors[0] < 2e-3 and errors[0] > 2.5 * errors[1] > 6 * errors[2], errors


def kind_of(times):
    """A firing pattern by its intervals, in the words of the paper."""
    if len(times) < 2:
        return "transient"
    intervals = np.diff(times)
    first, last = intervals[0], intervals[-1]
    delayed = times[0] > 40e-3
    if max(intervals) > 4 * min(intervals):
        if (np.diff(intervals) > -2.1e-3).all():
            return "initial burst" if intervals[2] > 3 * intervals[1] else "adapting"
        return "delayed bursting" if delayed else "bursting"
    return "accelerating" if last < 0.8 * first else "tonic"


@pytest.mark.parametrize("name", PATTERNS)
def test_firing_patterns(name):
    """With the default solver and step, in float32; each neuron of Naud et al. does its own."""
    mod = eqpool.AdExLIF(1, **PATTERNS[name])
    spikes, _, _ = mod(jnp.zeros((400, 1)))
    assert kind_of(1e-3 * np.flatnonzero(spikes)) == name


@pytest.mark.parametrize(
    "solver", [eqpool.ForwardEuler(), pytest.param(diffrax.Tsit5(), marks=pytest.mark.slow)]
)
def test_at_most_one_spike_and_nothing_overflows(solver):
    """Whatever the input and the slope factor, in float32, and with any surrogate."""
    x = jnp.asarray([[1e4, -1e4]] * 20 + [[0.0, 0.0]] * 20)

    @eqx.filter_jit
    @eqpool.filter_value_and_grad(has_aux=True)
    def loss(mod):
        spikes, state, record = mod(x, record=True)
        return spikes.sum() + state["vmem"].sum(), (spikes, record)

    for Delta_T in (1e-4, 2e-3, 2e-2):
        mod = eqpool.AdExLIF(
            2, Delta_T=Delta_T, E_L=-90e-3, surrogate=eqpool.Gaussian(2.0), solver=solver
        )
        (_, (spikes, record)), gradient = loss(mod)
        assert spikes.max() == 1.0 and spikes[:, 1].sum() == 0.0 and spikes[:, 0].sum() > 5
        for leaf in jax.tree.leaves((gradient, record)):
            assert np.isfinite(leaf).all()


@pytest.mark.slow
def test_subthreshold_gradient_is_that_of_the_equations(x64):
    mod = eqpool.AdExLIF(3, Idc=[1e-10, 2e-10, 3e-10], surrogate=jnp.zeros_like)
    x = 0.1 * wave(60, 3)
    names = ("C", "g_L", "a", "E_L", "V_T", "Delta_T", "tau_w", "tau_syn", "Idc")

    @jax.jit
    def loss(values):
        _, _, record = mod.set_attributes(values)(x, record=True)
        return jnp.sum((1e3 * record["vmem"] + 70.0) ** 2) + 1e20 * jnp.sum(record["iadapt"] ** 2)

    assert not mod(x)[0].any()
    values = {name: getattr(mod, name) for name in names}
    gradient = jax.grad(loss)(values)
    for name, value in values.items():
        h = 1e-5 * jnp.abs(value)
        up, down = (loss(values | {name: value + s * h}) for s in (1, -1))
        np.testing.assert_allclose(jnp.sum(gradient[name] * h), (up - down) / 2, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("solver", [None, diffrax.Heun()])
def test_surrogate_gradients(solver):
    """Finite and not zero wrt whatever has a say in a spike, in float32, in both modes."""
    mod, x = network(solver=solver), jnp.abs(wave(100, 4))

    def loss(mod):
        return jnp.sum(mod(x)[0] ** 2)

    gradient = eqpool.filter_grad(loss)(mod)
    for name, value in gradient.parameters().items():
        assert np.isfinite(value).all(), name
        assert np.any(value != 0.0) or name == "t_ref", name
    values = mod.parameters()
    directions = jax.tree.map(lambda v: 0.01 * v, values)
    _, forward = jax.jvp(lambda v: loss(mod.set_attributes(v)), (values,), (directions,))
    products = jax.tree.map(lambda g, d: jnp.sum(g * d), gradient.parameters(), directions)
    np.testing.assert_allclose(forward, sum(jax.tree.leaves(products)), rtol=1e-3)


def test_surrogate_gradients_say_how_many_spikes_more():
    """Of neurons without synapses: the change of their number for 1 % more of a property."""
    alone, x = network(has_rec=False, w_rec=None, dt=1e-3), jnp.zeros((2000, 4))

    @jax.jit
    def spikes(values):
        return alone.set_attributes(values)(x)[0].sum()

    values = alone.parameters()
    gradient = jax.grad(spikes)(values)
    for name in ("Idc", "V_T", "E_L", "g_L", "b"):
        more = 0.02 * jnp.abs(values[name])
        up, down = (spikes(values | {name: values[name] + s * more}) for s in (1, -1))
        ratio = jnp.sum(gradient[name] * more) / ((up - down) / 2)
        assert 0.5 < ratio < 3.0, (name, ratio)


def test_any_surrogate_but_one_per_ampere():
    for surrogate in (eqpool.Arctan(0.5), eqpool.FastSigmoid(2.0, 5), lambda u: jnp.exp(-(u**2))):
        assert eqpool.AdExLIF(2, surrogate=surrogate).surrogate.max_spikes_per_dt == 1


def test_it_is_none_of_the_neurons_of_nir():
    with pytest.raises((TypeError, ValueError), match="AdEx"):
        eqpool.to_nir(network())
