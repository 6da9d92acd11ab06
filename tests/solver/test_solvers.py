"""Solvers against closed forms: the input is held, orders are what they claim to be."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import relative_error, tiers, wave


TAU, DT = 7e-3, 2e-3
LINEAR = dict(tau=TAU, dt=DT, activation_func=lambda x, threshold: x)


def exact_held(inputs):
    """The exact solution of `tau dx/dt = u - x` for an input that is held over each step."""
    x, xs, decay = np.zeros(inputs.shape[1]), [], np.exp(-DT / TAU)
    for u in np.asarray(inputs, np.float64):
        x = u + (x - u) * decay
        xs.append(x)
    return np.stack(xs)


def jumps(num_steps=40, channels=3):
    return jnp.asarray(np.random.default_rng(0).normal(size=(num_steps, channels)))


@pytest.mark.parametrize(
    "solver, tolerance",
    tiers(
        [
            (diffrax.Dopri8(), 1e-9),
            (eqpool.Diffrax(diffrax.Heun(), substeps=100), 1e-5),
            (
                eqpool.Diffrax(
                    diffrax.Tsit5(), stepsize_controller=diffrax.PIDController(rtol=1e-9, atol=1e-9)
                ),
                1e-8,
            ),
            (diffrax.Kvaerno5(), 1e-4),
            (diffrax.Tsit5(), 1e-5),
        ],
        default=4,
    ),
)
def test_held_input_is_never_read_one_sample_early(solver, tolerance, x64):
    """With white input, reading one next sample at one stage is an error of order 1."""
    inputs = jumps()
    mod = eqpool.RateJax(3, solver=solver, **LINEAR)
    assert relative_error(mod(inputs)[0], exact_held(inputs)) < tolerance


@pytest.mark.parametrize(
    "solver, order",
    tiers(
        [
            (diffrax.Heun(), 2),
            (diffrax.Tsit5(), 5),
            (diffrax.ImplicitEuler(), 1),
            (diffrax.Euler(), 1),
            (diffrax.Bosh3(), 3),
        ],
        default=3,
    ),
)
def test_order(solver, order, x64):
    inputs = jumps()
    errors = []
    substeps = np.asarray([4, 16])
    for n in substeps:
        mod = eqpool.RateJax(3, solver=eqpool.Diffrax(solver, substeps=int(n)), **LINEAR)
        errors.append(np.abs(np.asarray(mod(inputs)[0]) - exact_held(inputs)).max())
    slope = -np.polyfit(np.log(substeps), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.2)


@pytest.mark.slow
def test_order_of_forward_euler_on_a_recurrent_network(x64):
    w_rec = np.random.default_rng(1).normal(size=(3, 3)) / 2
    errors = []
    steps = np.asarray([100, 200, 400, 800])

    def final(n, solver):
        mod = eqpool.RateJax(
            3,
            tau=TAU,
            dt=0.05 / n,
            w_rec=w_rec,
            has_rec=True,
            activation_func="tanh",
            solver=solver,
        )
        return mod(jnp.broadcast_to(jnp.asarray([0.5, -1.0, 1.0]), (n, 3)))[1]["x"]

    reference = final(200, diffrax.Dopri8())
    for n in steps:
        errors.append(float(jnp.abs(final(int(n), eqpool.ForwardEuler()) - reference).max()))
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(1, abs=0.05)


def test_diffrax_euler_is_forward_euler():
    x = wave(50, 4)
    nets = [
        eqpool.RateJax(4, has_rec=True, rng_key=0, solver=solver)
        for solver in (None, eqpool.ForwardEuler(), diffrax.Euler())
    ]
    outputs = [net(x)[0] for net in nets]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    np.testing.assert_allclose(outputs[0], outputs[2], rtol=1e-5, atol=1e-7)


def test_stiff():
    """At `dt = 20 tau` forward Euler blows up; an implicit solver settles at the input."""
    inputs = jnp.ones((20, 1))
    kwargs = dict(tau=1e-4, dt=2e-3, activation_func="ReLU")
    euler, _, _ = eqpool.RateJax(1, **kwargs)(inputs)
    assert np.abs(np.asarray(euler)).max() > 1e6
    for solver in (
        diffrax.Kvaerno3(),
        eqpool.Diffrax(
            diffrax.Kvaerno3(), stepsize_controller=diffrax.PIDController(rtol=1e-5, atol=1e-5)
        ),
    ):
        implicit, _, _ = eqpool.RateJax(1, solver=solver, **kwargs)(inputs)
        np.testing.assert_allclose(implicit[5:], 1.0, rtol=1e-3)


@pytest.mark.parametrize(
    "adjoint", tiers([None, diffrax.DirectAdjoint(), diffrax.BacksolveAdjoint()], 1)
)
def test_gradients_of_adaptive_steps(adjoint, x64):
    inputs = jumps(10)
    controller = diffrax.PIDController(rtol=1e-8, atol=1e-8)
    solver = eqpool.Diffrax(
        diffrax.Tsit5(), stepsize_controller=controller, adjoint=adjoint, max_steps=64
    )
    mod = eqpool.RateJax(3, has_rec=True, activation_func="tanh", rng_key=0, solver=solver)
    short_steps = eqpool.Diffrax(diffrax.Tsit5(), substeps=4)
    reference = eqpool.RateJax(
        3, has_rec=True, activation_func="tanh", rng_key=0, solver=short_steps
    )

    def loss(mod):
        return jnp.mean(mod(inputs)[0] ** 2)

    gradient = eqx.filter_jit(eqpool.filter_grad(loss))
    ours, expected = gradient(mod), gradient(reference)
    for name in mod.parameters():
        assert relative_error(getattr(ours, name), getattr(expected, name)) < 1e-5


def test_batch_and_carry_over():
    mod = eqpool.RateJax(3, has_rec=True, rng_key=0, solver=diffrax.Heun())
    x = wave(20, 3, 2)
    full, _, _ = mod(x)
    first, state, _ = mod(x[:, :9])
    second, _, _ = mod.set_attributes(state)(x[:, 9:])
    np.testing.assert_array_equal(jnp.concatenate([first, second], axis=1), full)
    np.testing.assert_allclose(full[1], mod(x[1])[0], rtol=1e-5)


def test_solvers_are_values():
    """Equal solvers make equal tree structures, so that nothing is compiled twice."""
    controller = diffrax.PIDController(rtol=1e-3, atol=1e-6)
    for make in (
        lambda: eqpool.ForwardEuler(),
        lambda: diffrax.Tsit5(),
        lambda: diffrax.Kvaerno5(),
        lambda: eqpool.Diffrax(diffrax.Tsit5(), stepsize_controller=controller),
    ):
        one, other = (eqpool.RateJax(2, solver=make()) for _ in range(2))
        assert jax.tree.structure(one) == jax.tree.structure(other)
