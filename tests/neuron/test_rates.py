"""Rate neurons of a user's own, which nothing in eqpool knows."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from scipy.integrate import solve_ivp

import eqpool
from tests.helpers import assert_same_bits, wave
from tests.neuron.adapting import Adapting, Synapses


N, T = 4, 40
W = np.where(np.random.default_rng(1).uniform(size=(N, N)) < 0.5, 0.7, 0.0)


def layer(w_rec=W, **kwargs):
    taus = np.linspace(8e-3, 20e-3, N)
    return Adapting(N, w_rec=w_rec, has_rec=True, tau=taus, rng_key=0, **kwargs)


def by_scipy(mod, u):
    """`x` after each step: within it, rates come back as they are at every moment."""
    p = {name: np.asarray(x, np.float64) for name, x in mod.parameters().items()}
    dt, isyn, found = float(mod.dt), np.zeros(N), []
    y = np.concatenate([mod.x, mod.a])

    def slope(t, y, now, isyn):
        x, a = np.split(y, 2)
        pull = now + np.tanh(x) @ p["w_rec"] + isyn * np.exp(-t / p["tau_syn"]) - x - a
        return np.concatenate([pull / p["tau"], (p["gain"] * x - a) / p["tau_a"]])

    for now in np.asarray(u):
        isyn = isyn + now + np.tanh(y[:N]) @ p["w_rec"]
        step = solve_ivp(slope, (0.0, dt), y, "DOP853", args=(now, isyn), rtol=1e-12, atol=1e-12)
        y = step.y[:, -1]
        isyn = isyn * np.exp(-dt / p["tau_syn"])
        found.append(y[:N])
    return np.stack(found)


def test_numbers(x64):
    mod = layer(solver=eqpool.Diffrax(diffrax.Tsit5(), substeps=8))
    u = wave(T, N).astype(jnp.float64)
    rates, state, record = mod(u, record=True)
    np.testing.assert_allclose(record["x"], by_scipy(mod, u), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(rates, np.tanh(record["x"]), rtol=1e-12)
    assert set(record) == set(state) == {"x", "a", "isyn"}


def test_noise():
    mod, u = layer(noise_std=0.5), wave(T, N)
    kick = mod(u)[0] - mod.set_attributes({"noise_std": 0.0})(u)[0]
    assert np.all(np.std(kick, 0) > 1e-4)
    assert layer().noise_std is None and layer().rng_key is None


def test_sparse_is_dense():
    u, loss = wave(T, N), eqpool.filter_value_and_grad(lambda mod, u: jnp.sum(mod(u)[0] ** 2))
    dense, sparse = (eqx.filter_jit(loss)(layer(w), u) for w in (W, scipy.sparse.csr_array(W)))
    np.testing.assert_allclose(sparse[0], dense[0], rtol=1e-5)
    np.testing.assert_allclose(sparse[1].w_rec.values, dense[1].w_rec[W != 0.0], rtol=1e-4)
    np.testing.assert_allclose(sparse[1].gain, dense[1].gain, rtol=1e-4)


def test_nothing_to_integrate(code_of_users):
    mod, same = Synapses(N, noise_std=0.1, rng_key=3), eqpool.ExpSyn(N, noise_std=0.1, rng_key=3)
    u = wave(T, N)
    for ours, theirs in zip(mod(u, record=True), same(u, record=True), strict=True):
        jax.tree.map(assert_same_bits, ours, theirs)


def test_a_graph_keeps_the_solver():
    mod = layer(gain=0.3, solver=diffrax.Heun())
    same = eqpool.from_graph(mod.as_graph())
    assert type(same) is Adapting and same.solver == mod.solver
