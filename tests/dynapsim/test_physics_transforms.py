"""Every physics function of the spiking neurons under every transform, in both precisions."""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqpool import physics


TYPICAL = {
    "Imem": 3e-9, "Iin": 5e-11, "Ileak": 6e-12, "Iahp": 1e-12, "Ia": 3e-11, "Itau_mem": 5e-12,
    "Igain_mem": 2e-11, "C_mem": 3e-12, "kappa": 0.7, "Ut": 0.025, "Io": 5e-13, "Vmem": 0.3,
    "Inmda": 4e-11, "If_nmda": 1e-9, "Igaba": 2e-12, "Iexc": 6e-11, "Ishunt": 1e-11, "Idc": 2e-11,
    "Ia_gain": 5e-11, "Ia_th": -2e-9, "Ia_norm": 1e-9, "kappa_n": 0.75, "kappa_p": 0.66,
    "I": 5e-12, "C": 3e-12, "tau": 0.02, "t": 1e-3, "Vth": 0.7, "t_pulse": 1e-5, "Iw": 1e-8,
    "Igain": 9e-9, "Itau": 9e-11, "u": 1.4, "spikes": 0.0, "timer": 2e-3, "t_ref": 1e-3, "dt": 1e-3,
    "y": -1.5, "w": 0.8, "drive": 15.0, "rest": -10.0, "tau_m": 9e-3, "coupling": 0.1, "tau_w": 0.1,
}  # fmt: skip
SMOOTH = [
    "slope_factor", "time_constant", "leak_current", "pulse_width", "pulse_current",
    "membrane_potential", "dpi_decay", "dpi_charge", "dpi_steady_state", "nmda_gate", "leak",
    "membrane_input", "exponential_feedback", "sigmoid_feedback", "membrane_derivative",
    "adex_coordinate", "adex_distance", "adex_membrane", "adex_adaptation", "adex_upstroke",
    "adex_smooth_adaptation",
]  # fmt: skip
GRID = ["spike_count", "reset", "refractory_timer", "steps_left"]
OTHERS = ["relu", "leaky_relu", "tanh", "sigmoid", "rate_derivative", "stepwise_product"]


def arguments(name, n=5):
    names = [p for p in inspect.signature(getattr(physics, name)).parameters if p in TYPICAL]
    scale = jnp.linspace(0.8, 1.2, n)
    return names, [TYPICAL[p] * scale for p in names]


def function(name):
    def call(*args):
        names, _ = arguments(name)
        given = dict(zip(names, args, strict=True))
        if name == "membrane_input":
            given["active"] = jnp.ones(jnp.shape(args[0]), bool)
        return getattr(physics, name)(**given)

    return call


def test_none_is_left_out():
    public = {name for name, value in vars(physics).items() if inspect.isfunction(value)}
    public |= {"stepwise_product"}  # a custom JVP
    assert public == {*SMOOTH, *GRID, *OTHERS}


@pytest.mark.parametrize("name", SMOOTH + GRID)
def test_jit_and_vmap(name):
    call, (_, args) = function(name), arguments(name)
    expected = call(*args)
    assert expected.dtype == jnp.float32 and np.isfinite(expected).all()
    for transformed in (jax.jit(call), jax.vmap(call), eqx.filter_jit(call), eqx.filter_vmap(call)):
        np.testing.assert_allclose(transformed(*args), expected, rtol=1e-5)


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives(name, x64):
    """Wrt the logarithm of each argument, against central differences."""
    call, (names, args) = function(name), arguments(name)
    for i, argument in enumerate(names):

        def of_log(log, i=i):
            return call(*args[:i], args[i] * jnp.exp(log), *args[i + 1 :])

        zero, one = jnp.zeros(5), jnp.ones(5)
        numeric = (of_log(zero + 1e-5) - of_log(zero - 1e-5)) / 2e-5
        _, forward = jax.jvp(of_log, (zero,), (one,))
        reverse = jax.grad(lambda log: jnp.sum(of_log(log)))(zero)
        largest = np.abs(of_log(zero)).max()
        np.testing.assert_allclose(
            forward, numeric, rtol=1e-6, atol=1e-9 * largest, err_msg=argument
        )
        np.testing.assert_allclose(reverse, forward, rtol=1e-10, atol=1e-14 * largest)


@pytest.mark.parametrize("name", GRID)
def test_derivatives_on_the_grid_are_finite(name):
    call, (_, args) = function(name), arguments(name)
    gradient = jax.grad(lambda args: jnp.sum(call(*args)))(args)
    assert all(np.isfinite(g).all() for g in gradient)


def test_steps_left_counts_up_to_rounding(x64):
    for dtype in (jnp.float32, jnp.float64):
        dt = jnp.asarray([1e-3, 5e-4, 1e-4, 5e-5, 1e-5], dtype)
        for whole in (1, 3, 10, 997):
            np.testing.assert_array_equal(physics.steps_left(whole * dt, dt), whole)
            np.testing.assert_array_equal(physics.steps_left((whole + 0.01) * dt, dt), whole + 1)
    assert float(physics.steps_left(jnp.asarray(0.0), jnp.asarray(1e-3))) == 0.0
