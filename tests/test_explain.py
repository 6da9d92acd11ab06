"""`eqpool.explain`: what computes a run, and why nothing faster does."""

import diffrax
import jax.numpy as jnp
import pytest
import scipy.sparse

import eqpool
from eqpool import _native


class Coupled(eqpool.AbstractNeuron):
    "tau dV/dt = x - V - mean(V)"

    integrated = ("vmem",)
    spiking = ("vmem", "threshold")

    tau_mem: object = eqpool.parameter(20e-3, "taus", "s")
    threshold: object = eqpool.parameter(1.0, "thresholds")
    vmem: object = eqpool.state(0.0)

    def derivative(self, y, at):
        return {"vmem": (-y["vmem"] - jnp.mean(y["vmem"])) / self.tau_mem}

    def arrive(self, s, spikes_in):
        return s | {"vmem": s["vmem"] + spikes_in}

    def fire(self, s, spikes):
        return s | {"vmem": s["vmem"] * (1.0 - spikes)}


X = jnp.ones((5, 4))
by_compiler = pytest.mark.skipif(
    not _native.ready("rate", "float32"), reason="needs a C++ compiler and a single CPU"
)


@by_compiler
def test_a_network():
    """Each layer by its place, every time that it is asked."""
    net = eqpool.Sequential(
        eqpool.Linear((4, 3), rng_key=0), eqpool.LIF(3, rng_key=0), Coupled(3, rng_key=0)
    )
    for x in (X, X[None], X):
        found = eqpool.explain(net, x)
        assert [entry.kernel for entry in found] == [False, True, False]
        assert str(found).splitlines() == [
            "Sequential.0_LinearJax: a matrix product: it is a small one.",
            "Sequential.1_LIFJax: a kernel in C++.",
            "Sequential.2_Coupled: a scan: its step has a sum over neurons.",
        ]
    assert "No layer" in str(eqpool.explain(eqpool.Instant(4, jnp.tanh), X))


@by_compiler
@pytest.mark.parametrize(
    "make, reason",
    [
        (lambda: eqpool.LIF(4, has_rec=True, w_rec=scipy.sparse.eye(4)), "weights are sparse"),
        (lambda: eqpool.LIF(4, solver=eqpool.EventDriven()), "from event to event"),
        (lambda: eqpool.AdExLIF(4, solver=diffrax.Kvaerno3()), "its solver chooses its steps"),
        (lambda: eqpool.RateJax(4, solver=diffrax.Heun()), "stages inside a step"),
        (lambda: eqpool.RateJax(4, activation_func=lambda x, _: x), "no other activation"),
    ],
)
def test_why_not(make, reason):
    (entry,) = eqpool.explain(make(), X)
    assert not entry.kernel and reason in entry.reason


@by_compiler
def test_a_large_product():
    """By a kernel where the input turns out to be mostly zeros."""
    mod, x = eqpool.Linear((40, 30), rng_key=0), jnp.ones((60, 40))
    (entry,) = eqpool.explain(mod, x)
    assert entry.kernel and "a kernel in C++ if" in entry.reason
    with eqpool.native_kernels(False):
        (entry,) = eqpool.explain(mod, x)
    assert str(entry) == "LinearJax: a matrix product: kernels are switched off."
    for small in (eqpool.explain(mod, x[:50]), eqpool.explain(eqpool.Linear((400, 15)), X[:, :1])):
        assert str(small) == "LinearJax: a matrix product: it is a small one."


def test_switched_off():
    with eqpool.native_kernels(False):
        (entry,) = eqpool.explain(eqpool.LIF(4), X)
    assert entry.reason == "a scan: kernels are switched off."
    assert str(entry) == "LIFJax: a scan: kernels are switched off."


def test_what_cannot_run():
    with pytest.raises(ValueError, match="channels"):
        eqpool.explain(eqpool.LIF(4), X[:, :3])
