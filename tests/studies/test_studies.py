"""Errors in closed form, and a study whose outcome is known."""

import diffrax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool import studies


def test_trace_error_compares_at_common_times():
    fine = np.arange(1, 9)[:, None] * 1.0  # ends of 8 steps
    coarse = np.array([[2.0], [4.0], [6.0], [8.0]])
    assert studies.trace_error(coarse, fine) == studies.trace_error(fine, coarse) == 0.0
    assert studies.trace_error(coarse + 3.0, fine) == 3.0
    relative = studies.trace_error(coarse + 3.0, fine, relative=True)
    np.testing.assert_allclose(relative, 3.0 / np.std([2.0, 4.0, 6.0, 8.0]))
    with pytest.raises(ValueError, match=r"must be a multiple.*\(3, 1\) and \(8, 1\)"):
        studies.trace_error(coarse[:3], fine)


def test_spike_times_and_their_error():
    spikes = np.array([[0, 1], [2, 0], [0, 0], [1, 1]])
    first, second = studies.spike_times(spikes, 0.5)
    np.testing.assert_allclose(first, [1.0, 1.0, 2.0])
    np.testing.assert_allclose(second, [0.5, 2.0])
    reference = [np.array([1.0, 1.3]), np.array([0.5, 1.9, 2.2])]
    error, surplus = studies.spike_time_error([first, second], reference)
    np.testing.assert_allclose(error, (0 + 0.3 + 0 + 0.1) / 4)
    assert surplus == 2
    assert np.isnan(studies.spike_time_error([np.empty(0)], [np.empty(0)])[0])
    with pytest.raises(ValueError, match="got 1 neurons and a reference of 2"):
        studies.spike_time_error([first], reference)


def test_gradient_error():
    reference = {"a": jnp.array([3.0, 0.0]), "b": jnp.array(4.0)}
    ours = {"a": jnp.array([3.0, 0.5]), "b": jnp.array(4.0)}
    np.testing.assert_allclose(studies.gradient_error(ours, reference), 0.1)


def build(solver, dt):
    return eqpool.DynapSim(
        2, Idc=jnp.array([14e-12, 1e-9]), Itau_mem=eqpool.Parameter(), dt=dt, solver=solver,
        synapses=("ampa",),
    )  # fmt: skip


def study(**kwargs):
    return studies.compare_solvers(
        build,
        lambda dt: jnp.zeros((round(0.064 / dt), 2)),
        {"Euler": eqpool.ForwardEuler(), "Heun": diffrax.Heun()},
        [2e-3, 1e-3],
        reference=(diffrax.Tsit5(), 1.25e-4),
        observe=lambda output, state, record: (record["vmem"][:, :1], output[:, 1:]),
        repeats=2,
        **kwargs,
    )


def test_a_study(x64):
    """Below threshold Euler's error halves with the step, Heun's falls to a quarter."""
    seen = []
    found = study(loss=lambda mod, x: mod(x)[1]["vmem"][0], on_measurement=seen.append)
    assert seen == found
    euler, heun = found[:2], found[2:]
    assert [m.solver for m in found] == ["Euler", "Euler", "Heun", "Heun"]
    assert 1.7 < euler[0].trace_error / euler[1].trace_error < 2.3
    assert 3.3 < heun[0].trace_error / heun[1].trace_error < 5.0
    assert heun[1].trace_error < 0.02 * euler[1].trace_error
    assert 1.7 < euler[0].gradient_error / euler[1].gradient_error < 2.5
    assert heun[1].gradient_error < 0.05 * euler[1].gradient_error
    for m in found:
        assert 0.0 < m.spike_time_error < 20e-3 and m.spikes_off <= 2
        assert m.run_time > 0.0 and m.gradient_time > 0.0 and m.compile_time > 0.0
    assert heun[1].spike_time_error < 0.5 * euler[1].spike_time_error
    text = studies.table(found).splitlines()
    assert len(text) == 6 and text[2].startswith("| Euler | 2 ms | ")
    assert studies.fastest_within(found, 1e-3 * euler[1].trace_error + heun[0].trace_error) in heun
    with pytest.raises(ValueError, match="no trace_error is at most 1e-30; the smallest is"):
        studies.fastest_within(found, 1e-30)


def test_without_a_loss_no_gradient(x64):
    found = study()
    assert all(np.isnan(m.gradient_error) and np.isnan(m.gradient_time) for m in found)
    assert " – " in studies.table(found)


def test_a_step_that_does_not_fit_the_reference():
    with pytest.raises(ValueError, match="whole multiple of the reference's, 0.0003 s; got 0.001"):
        studies.compare_solvers(
            build, lambda dt: jnp.zeros((1, 2)), {}, [1e-3], reference=(diffrax.Tsit5(), 3e-4),
            observe=lambda *run: (run[0], run[0]),
        )  # fmt: skip


def test_gradient_cosine():
    a, b = {"x": jnp.array([1.0, 0.0])}, {"x": jnp.array([1.0, 1.0])}
    np.testing.assert_allclose(studies.gradient_cosine(a, b), np.sqrt(0.5))
    np.testing.assert_allclose(studies.gradient_cosine(b, {"x": -2 * b["x"]}), -1.0)
    assert np.isnan(studies.gradient_cosine({"x": jnp.zeros(2)}, b))


@pytest.mark.slow
def test_work_precision(x64):
    """Grids are off by about a step; the event-driven solver by its tolerance."""

    def exact(tolerance):
        controller = diffrax.PIDController(rtol=tolerance, atol=tolerance)
        return eqpool.EventDriven(stepsize_controller=controller), 1e-3

    def net(solver, dt):
        return eqpool.DynapSim(
            2, Idc=[2e-10, 4e-10], Itau_mem=eqpool.Parameter(), dt=dt, solver=solver
        )

    seen = []
    found = studies.work_precision(
        net,
        eqpool.Events([5e-3], [0], 8, 0.1),
        0.06,
        {
            "Heun": [(diffrax.Heun(), dt) for dt in (1e-3, 1e-4)],
            "exact": [exact(tolerance) for tolerance in (1e-4, 1e-7)],
        },
        reference=exact(1e-11),
        loss=lambda spikes, state: (
            jnp.sum(jnp.where(spikes.valid, spikes.times, 0.0)) + jnp.sum(state["vmem"])
        ),
        repeats=1,
        on_measurement=seen.append,
    )
    assert seen == found
    heun, ours = found[:2], found[2:]
    assert [m.setting for m in found] == ["1 ms", "0.1 ms", "rtol 0.0001", "rtol 1e-07"]
    assert all(m.spikes_off == 0 for m in found)
    assert 1e-4 < heun[0].spike_time_error < 5e-3 and 1e-5 < heun[1].spike_time_error < 5e-4
    assert ours[0].spike_time_error < 1e-4 and ours[1].spike_time_error < 1e-7
    assert ours[1].gradient_error < 1e-5 and ours[1].trace_error < 1e-6
    assert heun[1].gradient_error > 0.1  # no grid knows how spike times move
    assert "rtol 1e-07" in studies.table(found)
    with pytest.raises(ValueError, match=r"whole number of every dt; 0.06 s is not one of 0.007 s"):
        studies.work_precision(
            net, eqpool.Events([], [], 8), 0.06, {"Heun": [(diffrax.Heun(), 7e-3)]},
            reference=exact(1e-4),
        )  # fmt: skip


@pytest.mark.slow
def test_gradient_memory():
    """Storing every step takes more memory than recomputing it."""

    def memory(adjoint):
        controller = diffrax.PIDController(rtol=1e-4, atol=1e-4)
        solver = eqpool.Diffrax(
            diffrax.Heun(), stepsize_controller=controller, adjoint=adjoint, max_steps=64
        )
        mod = build(solver, 1e-3)
        loss = lambda mod, x: jnp.sum(mod(x)[1]["vmem"])
        return studies.gradient_memory(loss, mod, jnp.zeros((20, 2)))

    assert 0 < memory(diffrax.RecursiveCheckpointAdjoint()) < memory(diffrax.DirectAdjoint())
