"""`RateJax` beyond the reference traces: parameters, noise, own activations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool import Constant, Parameter
from tests.helpers import arguments, assert_same_bits, golden, wave


def test_step_response_closed_form():
    """Feed-forward, constant input: `x_n = u (1 - (1 - dt/tau)^n)`."""
    tau, dt = np.asarray([5e-3, 20e-3, 0.1]), 1e-3
    mod = eqpool.RateJax(3, tau=tau, dt=dt, activation_func=lambda x, threshold: x)
    output, _, _ = mod(jnp.full((50, 3), 2.0))
    n = np.arange(1, 51)[:, None]
    np.testing.assert_allclose(output, 2 * (1 - (1 - dt / tau) ** n), rtol=2e-6)


def test_defaults():
    mod = eqpool.RateJax(3, rng_key=0)
    np.testing.assert_array_equal(mod.tau, np.full(3, 20e-3, np.float32))
    np.testing.assert_array_equal(mod.bias, np.zeros(3))
    np.testing.assert_array_equal(mod.threshold, np.zeros(3))
    assert float(mod.noise_std) == 0 and float(mod.dt) == pytest.approx(1e-3)
    assert mod.shape == (3,) and mod.size == mod.size_in == mod.size_out == 3
    assert not mod.spiking_input and not mod.spiking_output
    assert list(mod.parameters()) == ["tau", "bias", "threshold"]
    assert list(mod.state()) == ["x", "rng_key"]
    assert list(mod.simulation_parameters()) == ["noise_std", "dt"]
    assert mod.w_rec is None
    assert eqpool.RateEulerJax is eqpool.RateJax


def test_recurrent_weights():
    mod = eqpool.RateJax((300, 300), has_rec=True, rng_key=0)
    assert list(mod.parameters()) == ["w_rec", "tau", "bias", "threshold"]
    assert np.std(mod.w_rec) == pytest.approx(1 / np.sqrt(300), rel=0.02)
    radius = np.abs(np.linalg.eigvals(np.asarray(mod.w_rec))).max()
    assert radius == pytest.approx(1.0, abs=0.15)
    assert eqpool.RateJax(3, has_rec=True).w_rec.shape == (3, 3)
    zeros = eqpool.RateJax(3, has_rec=True, weight_init_func=jnp.zeros)
    assert not np.any(zeros.w_rec)


def test_scalars_are_shared_and_equal_to_vectors():
    x = wave(40, 3)
    scalar = eqpool.RateJax(3, tau=10e-3, bias=0.1, threshold=-0.2)
    vector = eqpool.RateJax(
        3, tau=np.full(3, 10e-3), bias=np.full(3, 0.1), threshold=np.full(3, -0.2)
    )
    assert scalar.tau.shape == scalar.bias.shape == scalar.threshold.shape == ()
    np.testing.assert_allclose(scalar(x)[0], vector(x)[0], rtol=1e-6)

    def loss(mod):
        return jnp.mean(mod(x)[0] ** 2)

    shared = eqpool.filter_grad(loss)(scalar)
    each = eqpool.filter_grad(loss)(vector)
    for name in ("tau", "bias", "threshold"):
        np.testing.assert_allclose(getattr(shared, name), jnp.sum(getattr(each, name)), rtol=1e-4)


@pytest.mark.parametrize("name", ["ReLU", "relu", "leaky_relu", "LReLU", "tanh", "Sigmoid"])
def test_activation_names(name, code_of_users):
    mod = eqpool.RateJax(2, activation_func=name, threshold=0.1)
    output, _, record = mod(wave(20, 2), record=True)
    function = {"lrelu": eqpool.physics.leaky_relu}.get(name.lower())
    function = function or getattr(eqpool.physics, name.lower())
    np.testing.assert_allclose(output, function(record["x"], jnp.asarray(0.1)), rtol=1e-6)


def test_own_activation():
    mod = eqpool.RateJax(2, activation_func=lambda x, threshold: jnp.exp(-((x - threshold) ** 2)))
    output, _, record = mod(wave(20, 2), record=True)
    np.testing.assert_allclose(output, np.exp(-(np.asarray(record["x"]) ** 2)), rtol=1e-6)


def test_roles_change_in_one_instance():
    x = wave(30, 3)
    mod = eqpool.RateJax(
        3,
        tau=Constant(10e-3),
        noise_std=Parameter(0.1, family="noises"),
        bias=Parameter(family="currents", init_func=jnp.ones),
        rng_key=0,
    )
    assert list(mod.parameters()) == ["bias", "threshold", "noise_std"]
    assert list(mod.simulation_parameters()) == ["tau", "dt"]
    assert list(mod.parameters("currents")) == ["bias"] and np.all(np.asarray(mod.bias) == 1)
    assert eqpool.fields(mod)["tau"].role == "simulation parameter"
    assert eqpool.fields(eqpool.RateJax)["tau"].role == "parameter"
    gradient = eqpool.filter_grad(lambda m: jnp.sum(m(x)[0] ** 2))(mod)
    assert gradient.tau is None and gradient.noise_std is not None
    assert gradient.noise_std != 0


class TestNoise:
    def mod(self, **kwargs):
        data = golden("rate_noise")
        return data, eqpool.RateJax(5, activation_func="tanh", **(arguments(data) | kwargs))

    def test_statistics(self):
        data, mod = self.mod(rng_key=1)
        _, _, record = mod(jnp.zeros((64, 2000, 5)), record=True)
        x = np.asarray(record["x"])[:, 500:]
        std, expected = x.std(axis=(0, 1)), data["x_std_theory"]
        # x decorrelates within tau, so (64 * 1500 ms / tau) values count.
        count = 64 * 1500e-3 / (2 * data["arg_tau"])
        assert np.all(np.abs(std / expected - 1) < 4 / np.sqrt(2 * count))
        assert np.all(np.abs(std / data["x_std"] - 1) < 0.05)
        mean_error = expected / np.sqrt(count)
        assert np.all(np.abs(x.mean(axis=(0, 1)) - data["arg_bias"]) < 4 * mean_error)
        assert np.all(np.abs(data["x_mean"] - data["arg_bias"]) < 0.02)

    def test_closed_form_with_a_diffrax_solver(self):
        """Held noise and an exact step: `var = (1-e)/(1+e) noise_std^2 dt`, `e = exp(-dt/tau)`."""
        import diffrax

        tau, dt = 5e-3, 2e-3
        mod = eqpool.RateJax(8, tau=tau, dt=dt, noise_std=0.5, rng_key=2, solver=diffrax.Tsit5())
        _, _, record = mod(jnp.zeros((2, 20000, 8)), record=True)
        e = np.exp(-dt / tau)
        expected = 0.5 * np.sqrt(dt * (1 - e) / (1 + e))
        assert np.std(np.asarray(record["x"])[:, 100:]) == pytest.approx(expected, rel=0.01)

    @pytest.mark.parametrize("batch", [None, 3])
    def test_two_halves_draw_what_one_run_draws(self, batch, code_of_users):
        _, mod = self.mod(rng_key=5)
        x = wave(50, 5, batch)
        full, final, record = mod(x, record=True)
        first, state, early = mod(x[..., :25, :], record=True)
        second, last, late = mod.set_attributes(state)(x[..., 25:, :], record=True)
        assert_same_bits(jnp.concatenate([first, second], axis=-2), full)
        for name in record:
            assert_same_bits(jnp.concatenate([early[name], late[name]], axis=-2), record[name])
        for name in final:
            assert_same_bits(last[name], final[name])

    def test_batch_elements_draw_differently(self):
        _, mod = self.mod(rng_key=5)
        output, state, _ = mod(jnp.zeros((3, 20, 5)))
        assert state["rng_key"].shape == (3, 2)
        assert len(np.unique(np.asarray(output[:, -1, 0]))) == 3

    def test_keys_decide(self):
        x = jnp.zeros((20, 5))
        runs = [self.mod(rng_key=key)[1](x)[0] for key in (1, 1, 2, jax.random.key(1))]
        assert_same_bits(runs[0], runs[1])
        assert_same_bits(runs[0], runs[3])
        assert not np.array_equal(runs[0], runs[2])
        _, one = self.mod()
        _, other = self.mod()
        assert not np.array_equal(one(x)[0], other(x)[0])  # fresh seeds
        assert_same_bits(one(x)[0], one(x)[0])  # but a module is a value

    def test_silence_draws_nothing(self):
        _, mod = self.mod(noise_std=0.0, rng_key=1)
        _, state, _ = mod(jnp.zeros((20, 5)))
        assert_same_bits(state["rng_key"], mod.rng_key)

    def test_noise_of_each_neuron(self):
        _, mod = self.mod(noise_std=[0, 0, 0.5, 0, 0], bias=0.0, rng_key=1)
        x = mod(jnp.zeros((50, 5)), record=True)[2]["x"]
        np.testing.assert_array_equal(np.any(np.asarray(x) != 0, axis=0), [0, 0, 1, 0, 0])
