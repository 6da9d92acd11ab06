"""The consistent discretisation: orders of convergence, stiffness, exact spike times."""

import diffrax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import eqpool
from tests.helpers import golden


DECAYING = {"iampa": 5e-11, "iahp": 5e-12, "imem": 4e-11}
"""A membrane that rises and falls again under decaying synapse and adaptation currents."""


def start(mod, **values):
    return mod.set_attributes({name: jnp.full(mod.size_out, x) for name, x in values.items()})


def scipy_imem(mod, duration, iampa, iahp, imem):
    """The same neuron by DOP853, its equations written out anew in ln(Imem/Io)."""
    p = {name: float(np.ravel(x)[0]) for name, x in mod.simulation_parameters().items()}
    Itau, Igain = p["Itau_mem"], p["Igain_mem"]
    kappa = (p["kappa_n"] + p["kappa_p"]) / 2
    tau_syn = p["Ut"] * p["C_syn"] / (kappa * p["Itau_syn"])
    tau_ahp = p["Ut"] * p["C_ahp"] / (kappa * p["Itau_ahp"])

    def rate(t, y):
        current, ahp = iampa * np.exp(-t / tau_syn), max(iahp * np.exp(-t / tau_ahp), p["Io"])
        leak, now = Itau + ahp, p["Io"] * np.exp(y)
        steady = Igain / Itau * (max(current + p["Idc"] - leak, p["Io"]) - leak)
        feedback = p["Io"] * np.exp(kappa / (kappa + 1) * y) / leak * (now + Igain)
        tau = p["Ut"] / kappa * p["C_mem"] / leak
        return (steady + feedback - now * (1 + ahp / Itau)) / (tau * (now + Igain))

    y0 = [np.log(imem / p["Io"])]
    y = solve_ivp(rate, (0, duration), y0, method="DOP853", rtol=1e-13, atol=1e-13).y
    return p["Io"] * np.exp(y[0, -1])


@pytest.mark.parametrize(
    "solver, order",
    [
        (eqpool.ForwardEuler(), 1),
        pytest.param(diffrax.Euler(), 1, marks=pytest.mark.long),
        (diffrax.Heun(), 2),
        pytest.param(diffrax.Ralston(), 2, marks=pytest.mark.long),
        pytest.param(diffrax.Bosh3(), 3, marks=pytest.mark.slow),
        (diffrax.Tsit5(), 5),
    ],
    ids=lambda x: type(x).__name__ if not isinstance(x, int) else str(x),
)
def test_order_of_convergence(solver, order, x64):
    duration, errors = 16e-3, []
    for dt in (2e-3, 1e-3, 5e-4):
        mod = eqpool.DynapSim(1, dt=dt, synapses=("ampa",), solver=solver)
        mod = start(mod, **DECAYING)
        _, state, record = mod(jnp.zeros((round(duration / dt), 1)), record=True)
        errors.append(abs(np.log(state["imem"][0] / scipy_imem(mod, duration, **DECAYING))))
        assert not record["spikes"].any() and np.ptp(record["imem"]) > 1e-11
    orders = np.log2(np.asarray(errors[:-1]) / errors[1:])
    assert order - 0.3 < orders[-1] < order + 1.0, (orders, errors)


def test_substeps_are_smaller_steps(x64):
    def imem(dt, solver):
        mod = start(eqpool.DynapSim(1, dt=dt, synapses=("ampa",), solver=solver), **DECAYING)
        return mod(jnp.zeros((round(8e-3 / dt), 1)))[1]["imem"]

    coarse = imem(1e-3, eqpool.Diffrax(diffrax.Heun(), substeps=4))
    np.testing.assert_allclose(coarse, imem(2.5e-4, diffrax.Heun()), rtol=1e-9)


@pytest.mark.slow
def test_adaptive_steps_reach_their_tolerance(x64):
    errors = []
    for tolerance in (1e-4, 1e-7, 1e-10):
        controller = diffrax.PIDController(rtol=tolerance, atol=tolerance)
        solver = eqpool.Diffrax(diffrax.Tsit5(), stepsize_controller=controller)
        mod = start(eqpool.DynapSim(1, synapses=("ampa",), solver=solver), **DECAYING)
        _, state, _ = mod(jnp.zeros((16, 1)))
        errors.append(abs(np.log(state["imem"][0] / scipy_imem(mod, 16e-3, **DECAYING))))
    assert errors[0] < 1e-3 and errors[1] < 1e-6 and errors[2] < 1e-9


@pytest.mark.slow
def test_stiff_membrane_at_the_default_step(x64):
    """A time constant of 0.2 ms: Euler is unstable at 1 ms, the implicit solver is right."""
    stiff = dict(Itau_mem=100 * 5.319148936170212e-12, Igain_mem=2e-9, Idc=2e-9)

    def run(solver, dt=1e-3):
        mod = eqpool.DynapSim(1, synapses=("ampa",), solver=solver, dt=dt, **stiff)
        mod = start(mod, iampa=0.0)
        _, _, record = mod(jnp.zeros((round(5e-3 / dt), 1)), record=True)
        return mod, np.log(record["imem"][:: round(1e-3 / dt), 0] / 5e-13)

    def error(trace):
        return np.max(np.abs(trace - exact))

    mod, default = run(diffrax.Kvaerno5())
    ends = 1e-3 * np.arange(1, 6)
    exact = [np.log(scipy_imem(mod, t, 0.0, 5e-13, 5e-13) / 5e-13) for t in ends]
    controller = diffrax.PIDController(rtol=1e-8, atol=1e-8)
    _, tight = run(eqpool.Diffrax(diffrax.Kvaerno5(), stepsize_controller=controller))
    _, euler = run(eqpool.ForwardEuler())
    assert error(tight) < 1e-6 and error(default) < 1e-3
    assert error(euler) > 0.5, error(euler)


SPIKING = {
    "ForwardEuler": (eqpool.ForwardEuler(), (4e-4, 1e-4, 2.5e-5)),
    "Heun": (diffrax.Heun(), (4e-4, 1e-4, 2.5e-5)),
    "Tsit5": (diffrax.Tsit5(), (4e-4, 1e-4, 2.5e-5)),
    "Kvaerno3": (diffrax.Kvaerno3(), (4e-4, 1e-4)),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if "Kvaerno" in name else ()) for name in SPIKING],
)
@pytest.mark.parametrize("row", range(3))
def test_spike_times_converge_to_the_exact_ones(name, row, x64):
    """All spikes of all neurons, adaptation included, at steps that fall by a factor of 4."""
    data = golden("membrane_exact")
    exact = data["dynamic_spike_times"][row]
    n, spikes_each = exact.shape
    used = np.isfinite(exact) & (exact < 0.3)
    assert used.sum() > 20
    solver, steps = SPIKING[name]
    errors = []
    for dt in steps:
        Iw_ahp = float(data["Iw_ahp"][row])
        mod = eqpool.DynapSim(
            n, Idc=data["Idc"], Iw_ahp=Iw_ahp, dt=dt, synapses=("ampa",), solver=solver
        )
        spikes, _, _ = start(mod, iampa=0.0)(jnp.zeros((round(0.33 / dt), n)))
        assert spikes.max() == 1.0
        times = np.full_like(exact, np.nan)
        for i, train in enumerate(np.asarray(spikes).T):
            fired = dt * (np.flatnonzero(train) + 1)[:spikes_each]
            times[i, : len(fired)] = fired
        errors.append(np.mean(np.abs(times - exact)[used] / exact[used]))
        if name != "ForwardEuler" and dt <= 1e-4:
            # The grid delays each spike by up to a step, and later ones by all before them.
            delay = (np.arange(spikes_each) + 1.5) * dt
            assert (np.abs(times - exact) < delay)[used].all()
    assert errors[1] < (0.02 if name == "ForwardEuler" else 0.005), errors
    assert all(4.0 / 1.6 < a / b for a, b in zip(errors, errors[1:], strict=False)), errors


def test_rockpool_does_not_converge(x64):
    """Its synapse injects more, the smaller the step is."""
    mods = [eqpool.DynapSim(1, dt=dt, synapses=("ampa",)) for dt in (1e-3, 1e-5)]
    coarse, fine = (mod(jnp.zeros((round(0.1 / float(mod.dt)), 1)))[1]["iampa"] for mod in mods)
    assert fine[0] > 50 * coarse[0]
    mod = eqpool.DynapSim(1, dt=1e-5, synapses=("ampa",), solver=eqpool.ForwardEuler())
    assert mod(jnp.zeros((10000, 1)))[1]["iampa"][0] < 1e-16


def test_refractory_steps_are_whole_up_to_rounding():
    for dt in (1e-3, 5e-4, 3e-4, 1e-4, 5e-5, 1e-5):
        mod = eqpool.DynapSim(1, dt=dt, synapses=("ampa",), solver=eqpool.ForwardEuler())
        mod = mod.set_attributes({"timer_ref": mod.t_ref})
        steps = int(np.ceil(np.round(1e-3 / dt, 3)))
        _, before, _ = mod(jnp.zeros((steps - 1, 1)))
        _, after, _ = mod.set_attributes(before)(jnp.zeros((1, 1)))
        assert before["timer_ref"] > 0.0 and after["timer_ref"] == 0.0, dt


@pytest.mark.slow
def test_no_overshoot_to_infinity(x64):
    """Within a long step the equation would run to infinity behind the threshold."""
    controller = diffrax.PIDController(rtol=1e-6, atol=1e-6)
    for solver in (
        eqpool.Diffrax(diffrax.Tsit5(), stepsize_controller=controller),
        diffrax.Kvaerno5(),
    ):
        mod = eqpool.DynapSim(2, Idc=1e-9, dt=20e-3, synapses=("ampa",), solver=solver)
        spikes, state, _ = mod(jnp.zeros((20, 2)))
        assert spikes.sum() > 10 and np.isfinite(state["imem"]).all()
