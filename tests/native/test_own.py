"""Neurons of a user: by a kernel where one can be made, else by the scan, with the same numbers."""

import pathlib
import re
from functools import partial

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.sparse import BCOO
from jaxtyping import Array, Float

import eqpool
from eqpool import _native, parameter, state
from tests.helpers import tiers
from tests.native.test_kernels import assert_same, both


pytestmark = pytest.mark.skipif(
    not _native.ready("neuron", "float32"), reason="needs a C++ compiler and a single CPU"
)

DOCS = pathlib.Path(__file__).parents[2] / "docs"


class Plain(eqpool.AbstractNeuron):
    """Leaky neurons, from which others are made."""

    integrated = ("vmem",)
    spiking = ("vmem", "threshold")

    tau: Float[Array, "..."] = parameter(20e-3, "taus", "s", "Time constant.")
    threshold: Float[Array, "..."] = parameter(1.0, "thresholds", "", "Threshold.")
    vmem: Float[Array, " N"] = state(0.0, "", "Membrane potential.")

    def derivative(self, y, at):
        return {"vmem": self.drift(y["vmem"]) / self.tau}

    def drift(self, v):
        return -v

    def arrive(self, s, spikes_in):
        return s | {"vmem": s["vmem"] + spikes_in}

    def fire(self, s, spikes):
        return s | {"vmem": s["vmem"] - spikes * self.threshold}


class Summed(Plain):
    """In a common potential, which is a sum over neurons."""

    def drift(self, v):
        return -v + 0.1 * jnp.sum(v)


class Sorted(Plain):
    """By an operation that has no C++, forward."""

    def drift(self, v):
        return -v - 0.1 * jax.scipy.special.digamma(jnp.abs(v) + 1.0)


def strange(u):
    """A surrogate by an operation that has no C++; it is needed on the way back only."""
    return jnp.exp(-jnp.abs(u)) * (1.0 + 0.1 * jax.scipy.special.digamma(jnp.abs(u) + 1.0))


def kernels(mod, x):
    return str(jax.make_jaxpr(mod)(x)).count("eqpool_by_kernel")


def drive(mod, steps=90, batch=(), size=0.3):
    shape = (*batch, steps, mod.size_in)
    return jnp.asarray(np.random.default_rng(0).uniform(0.0, 2 * size, shape))


def run(mod, x):
    """Output and record, and the derivatives of a sum of them wrt parameters and input."""
    weight = jnp.cos(jnp.arange(float(mod.size_out)))

    @eqx.filter_jit
    def all_of_it(mod, x):
        def loss(params_and_x, rest):
            params, x = params_and_x
            output, _, record = eqpool.combine(params, rest)(x, record=True)
            leaves = [output, *jax.tree.leaves(record)]
            return sum(
                jnp.sum(leaf @ weight) for leaf in leaves if leaf.ndim == output.ndim
            ), output

        params, rest = eqpool.partition(mod)
        gradient, output = jax.grad(loss, has_aux=True)((params, x), rest)
        return output, jax.tree.leaves(gradient)

    return all_of_it(mod, x)


def assert_kernel_is_scan(mod, x, rtol=1e-9):
    scan, kernel = both(lambda: run(mod, x))
    assert scan[0].sum() > 3 and any(jnp.any(leaf != 0.0) for leaf in scan[1])
    np.testing.assert_array_equal(kernel[0], scan[0])
    assert_same(scan, kernel, rtol)


def test_the_one_of_the_documentation(x64):
    """It has a kernel, feed-forward and recurrent, whose numbers are the scan's."""
    (code,) = re.findall(
        r"```python\n(import diffrax.*?)```", (DOCS / "own-neuron.md").read_text(), re.DOTALL
    )
    names = {}
    exec(code, names)
    mod = names["Resonator"](4, has_rec=True, w_rec=0.2 * np.eye(4)[::-1], t_ref=2e-3, rng_key=0)
    x = jnp.zeros((200, 4)).at[::21].set(1.1)
    assert kernels(mod, x) == 1
    assert_kernel_is_scan(mod, x)


@pytest.mark.parametrize("cls, known", [(Plain, 1), (Summed, 0), (Sorted, 0)])
def test_operations(cls, known, x64):
    mod = cls(3, tau=[0.01, 0.02, 0.03], rng_key=0)
    x = drive(mod)
    assert kernels(mod, x) == known
    assert_kernel_is_scan(mod, x)


def test_a_surrogate_without_code(x64):
    """Forward by the kernel; the way back is the scan's, and its gradient is right."""
    mod = Plain(3, surrogate=strange, has_rec=True, w_rec=0.1 * np.ones((3, 3)), rng_key=0)
    x = drive(mod)
    assert kernels(mod, x) == 1
    assert_kernel_is_scan(mod, x)


def adaptive():
    controller = diffrax.PIDController(rtol=1e-6, atol=1e-6)
    return eqpool.Diffrax(diffrax.Dopri5(), stepsize_controller=controller)


class Halfway(diffrax.Heun):
    """A tableau of diffrax's, and another step."""

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        y1, *rest = super().step(terms, t0, t1, y0, args, solver_state, made_jump)
        return jax.tree.map(lambda a, b: 0.5 * (a + b), y0, y1), *rest


def test_a_step_that_is_not_in_the_tableau(x64):
    """It has no kernel: the tableau alone would give twice the step."""
    make = partial(eqpool.LIFJax, 2, bias=[0.03, 0.04], threshold=10.0)
    x = jnp.zeros((20, 2))
    mod, whole = make(solver=Halfway()), make(solver=diffrax.Heun())
    assert (kernels(mod, x), kernels(whole, x)) == (0, 1)
    halved = 0.03 / 1e-3 * 20e-3 * (1 - (1 - 0.5 * (0.05 - 0.05**2 / 2)) ** 20)
    np.testing.assert_allclose(mod(x)[1]["vmem"][0], halved, rtol=1e-12)


@pytest.mark.parametrize("solver", tiers([diffrax.Kvaerno5, eqpool.EventDriven, adaptive], 2))
def test_solvers_with_steps_of_their_own(solver, x64):
    """They have no kernel, and spike as Heun's steps of 0.1 ms, within two of them."""
    make = partial(eqpool.LIFJax, 2, bias=[0.09, 0.1], dt=1e-4)
    mod, fine = make(solver=solver()), make(solver=diffrax.Heun())
    x = jnp.zeros((600, 2))
    assert kernels(mod, x) == 0
    ours, expected = (jnp.cumsum(m(x)[0], 0)[-1] for m in (mod, fine))
    assert expected.min() > 1
    np.testing.assert_allclose(ours, expected, atol=1.0)


def test_sparse_weights_and_a_strange_activation(x64):
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((4, 4)) < 0.5, rng.normal(size=(4, 4)), 0.0)
    mod = eqpool.LIFJax(4, has_rec=True, w_rec=dense, bias=0.1, rng_key=0)
    sparse = eqpool.LIFJax(4, has_rec=True, w_rec=BCOO.fromdense(dense), bias=0.1, rng_key=0)
    x = drive(mod, 40)
    assert (kernels(mod, x), kernels(sparse, x)) == (1, 0)
    np.testing.assert_array_equal(mod(x)[0], sparse(x)[0])
    rate = eqpool.RateJax(4, activation_func=lambda x, threshold: jnp.tanh(x - threshold))
    known = eqpool.RateJax(4, activation_func="tanh")
    assert (kernels(rate, x), kernels(known, x)) == (0, 1)
    np.testing.assert_allclose(rate(x)[0], known(x)[0], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_runs_side_by_side(dtype):
    """Three neurons, of which 21 runs fit into a loop: spikes are those of each run by itself.

    Compilers round products in a loop otherwise than those after it, which derivatives over many
    steps make larger.
    """
    with jax.enable_x64(dtype == "float64"):
        rng = np.random.default_rng(0)
        mod = eqpool.AdExLIF(
            3, Idc=[8e-10, 9e-10, 1e-9], has_rec=True, w_rec=rng.normal(size=(3, 3)), rng_key=0
        )
        x = jnp.asarray(rng.uniform(0.0, 2.0, (70, 75, 3)), dtype)

        @eqx.filter_jit
        def derivatives(mod, x):
            output, _, record = mod(x, record=True)
            return output, record, jax.grad(lambda x: jnp.sum(mod(x, record=True)[2]["vmem"]))(x)

        together = derivatives(mod, x)
        assert together[0].sum() > 100
        for i in (0, 20, 21, 69):
            alone = derivatives(mod, x[i])
            for ours, expected in zip(
                jax.tree.leaves(together), jax.tree.leaves(alone), strict=True
            ):
                assert_same(expected, ours[i], 1e-3 if dtype == "float32" else 1e-12)
            np.testing.assert_array_equal(together[0][i], alone[0])


def test_ensembles(x64):
    """Modules of which every one has parameters of its own, over a batch of each."""
    taus = jnp.linspace(10e-3, 30e-3, 9).reshape(3, 3)
    make = lambda tau, key: eqpool.ALIF(3, tau_mem=tau, Idc=3.0, has_rec=True, rng_key=key)
    keys = jax.random.split(jax.random.key(0), 3)
    nets = eqx.filter_vmap(make)(taus, keys)
    x = jnp.asarray(np.random.default_rng(0).uniform(0.0, 2.0, (2, 70, 3)))

    @eqx.filter_jit
    def derivatives(nets, x):
        def loss(net):
            output, _, record = net(x, record=True)
            return jnp.sum(record["vmem"]), output

        gradient, output = eqx.filter_vmap(eqpool.filter_grad(loss, has_aux=True))(nets)
        return output, gradient.tau_mem, gradient.w_rec

    scan, kernel = both(lambda: derivatives(nets, x))
    assert kernel[0].shape == (3, 2, 70, 3) and kernel[0].sum() > 20
    np.testing.assert_array_equal(kernel[0], scan[0])
    assert_same(scan, kernel, 1e-9)
    for i in range(3):
        single = make(taus[i], keys[i])
        np.testing.assert_array_equal(single(x)[0], kernel[0][i])
