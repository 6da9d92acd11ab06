"""What a solver of one's own says of itself, and what neurons make of it."""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import assert_same_bits, wave


W = np.random.default_rng(0).normal(0.0, 0.5, (3, 3))


class Midpoint(eqpool.AbstractStepper):
    """Two stages."""

    def step(self, vector_field, dt, y, args):
        slope = vector_field(0.0 * dt, y, args)
        half = {name: y[name] + 0.5 * dt * dy for name, dy in slope.items()}
        slope = vector_field(0.5 * dt, half, args)
        return {name: y[name] + dt * dy for name, dy in slope.items()}


class HeldMidpoint(Midpoint):
    """Two stages, in both of which the rates are those of the grid."""

    @property
    def single_stage(self):
        return True


class ReverseMidpoint(HeldMidpoint):
    """The same, said to have derivatives in reverse mode only."""

    @property
    def forward_mode(self):
        return False


class Deferring(Midpoint):
    """A step of the model's own where there is one."""

    @property
    def model_discretisation(self):
        return True


def rate(solver, **kwargs):
    return eqpool.RateJax(3, tau=4e-3, activation_func="tanh", solver=solver, **kwargs)


@pytest.mark.parametrize("solver, held", [(HeldMidpoint(), True), (Midpoint(), False)])
def test_rates_are_those_of_the_last_grid_point(solver, held, x64):
    """Held rates are input: step by step, a feed-forward layer does the same with them."""
    u = wave(30, 3).astype(jnp.float64)
    rates, _, _ = rate(solver, w_rec=W, has_rec=True)(u)
    layer, last, expected = rate(Midpoint()), jnp.zeros(3), []
    for now in u:
        (last,), state, _ = layer((now + last @ W)[None])
        layer = layer.set_attributes(state)
        expected.append(last)
    assert np.allclose(rates, np.stack(expected), rtol=1e-12, atol=1e-12) == held


def test_reverse_mode_alone(x64):
    u = wave(30, 3).astype(jnp.float64)

    def loss(solver):
        mod = rate(solver, w_rec=W, has_rec=True)
        return mod.parameters(), lambda values: jnp.sum(mod.set_attributes(values)(u)[0] ** 2)

    values, reverse = loss(ReverseMidpoint())
    found, expected = jax.grad(reverse)(values), jax.grad(loss(HeldMidpoint())[1])(values)
    for name, slopes in expected.items():
        np.testing.assert_allclose(found[name], slopes, rtol=1e-12, err_msg=name)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(reverse, (values,), (values,))


def runs(cls, solver):
    mod = cls(3, has_rec=True, solver=solver, rng_key=0)
    return mod(jnp.abs(wave(40, mod.size_in)), record=True)


@pytest.mark.parametrize("cls", [eqpool.LIFJax, eqpool.DynapSim])
def test_the_discretisation_of_the_model(cls):
    with eqpool.native_kernels(False):
        found, expected, other = map(
            ft.partial(runs, cls), (Deferring(), eqpool.RockpoolEuler(), Midpoint())
        )
    jax.tree.map(assert_same_bits, found, expected)
    assert any(np.any(found[2][name] != other[2][name]) for name in found[2])


def test_no_discretisation_of_the_model():
    found, expected = (runs(eqpool.ALIF, solver) for solver in (Deferring(), Midpoint()))
    jax.tree.map(assert_same_bits, found, expected)


def test_a_time_grid_is_named_with_its_solver():
    events = eqpool.Events([1e-3], [0], 3)
    for solver, name in ((Midpoint(), "with Midpoint runs"), (Deferring(), r"^LIFJax runs")):
        with pytest.raises(ValueError, match=name):
            eqpool.LIFJax(3, solver=solver).evolve_events(events, 10.5e-3)
