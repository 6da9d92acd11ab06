"""Every spiking model by its kernel against the scan: drawn layers, outputs and derivatives."""

import dataclasses

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool import _native
from eqpool._solver import as_stepper
from tests.helpers import tiers
from tests.native.test_kernels import assert_same, both, weighted


pytestmark = pytest.mark.skipif(
    not _native.ready("neuron", "float32"), reason="needs a C++ compiler and a single CPU"
)

FOUR = ("ampa", "gaba", "nmda", "shunt")
# Arguments by which neurons spike; the size of weights, of input and of noise.
MODELS = {
    "LIFJax": (dict(bias=0.1), 0.3, 0.4, 0.3),
    "LIFJax of two synapses": (dict(bias=0.1, tau_syn=[[8e-3, 3e-3]]), 0.3, 0.3, 0.3),
    "AdExLIF": (dict(Idc=9e-10), 0.5, 1.0, 1e-2),
    "EIF": (dict(Idc=5e-10), 0.5, 1.0, 1e-2),
    "QIF": (dict(Idc=2.0), 0.5, 1.0, 1.0),
    "ALIF": (dict(Idc=3.0, beta=0.3), 0.5, 1.0, 0.3),
    "Izhikevich": (dict(Idc=12.0), 3.0, 5.0, 10.0),
    "HodgkinHuxley": (dict(Idc=20.0), 5.0, 5.0, 1.0),
    "DynapSim": (dict(synapses=("ampa",), Idc=1e-11), 4.0, 8.0, 1e-11),
    "DynapSim of all synapses": (dict(synapses=FOUR, Idc=5e-11), 2.0, 8.0, 1e-11),
}
SURROGATES = [
    lambda: None,
    lambda: eqpool.Arctan(0.5),
    eqpool.FastSigmoid,
    lambda: eqpool.Arctan(2.0),
    lambda: eqpool.Gaussian(0.7, max_spikes_per_dt=1.0),
    lambda: lambda u: 1.0 / (1.0 + u**2),
]
# What stays as it is: every neuron has the same, or zero.
COMMON = {"dt", "max_spikes_per_dt", "noise_std", "w_rec", "Iscale"}


def drawn(name, seed):
    """A layer of which options and the parameters of each neuron are drawn, and its input."""
    rng = np.random.default_rng([seed, *name.encode()])
    arguments, weight, size, noise = MODELS[name]
    n, k = int(rng.choice([1, 3, 5])), 1
    options = dict(arguments, rng_key=seed, surrogate=SURROGATES[rng.integers(6)]())
    options["solver"] = (eqpool.RockpoolEuler, eqpool.ForwardEuler)[rng.integers(2)]()
    options["noise_std"] = noise if rng.random() < 0.5 else 0.0
    square = (n, n)
    if " of " in name:
        k, square = (2, (n, 2 * n)) if "LIF" in name else (4, (n, n, 4))
    if rng.random() < 0.7:
        options |= dict(has_rec=True, w_rec=weight * rng.normal(size=square))
    if "DynapSim" not in name and rng.random() < 0.5:
        options["t_ref"] = (5e-4 if name == "HodgkinHuxley" else 2e-3) * np.ones(n)
    for each in {"Idc", "bias", "tau_syn"}.intersection(options):
        options[each] = np.broadcast_to(options[each], (n, 2) if each == "tau_syn" else (n,))
    mod = getattr(eqpool, name.split()[0])((n * k, n) if k > 1 else n, **options)
    spread = 0.05 if name == "HodgkinHuxley" else 0.2  # more keeps neurons silent
    values = {x: getattr(mod, x) for x in names(mod)}
    drawn = {x: v * rng.uniform(1 - spread, 1 + spread, v.shape) for x, v in values.items()}
    x = size * rng.poisson(0.3, (3, 135, n * k)) + 0.01 * size * rng.normal(size=(3, 135, n * k))
    changed = {x: v for x, v in drawn.items() if x not in COMMON and x not in mod.state()}
    return mod.set_attributes(changed), jnp.asarray(x)


def names(mod):
    """All fields that have derivatives."""
    fields = [field.name for field in dataclasses.fields(mod)]
    return [name for name in fields if eqx.is_inexact_array(getattr(mod, name))]


def run_and_derivatives(mod, x):
    """Output, last state and record; the derivatives of all of it, in reverse and forward mode."""
    values = {name: getattr(mod, name) for name in names(mod)}
    directions = jax.tree.map(lambda v: 0.1 * v + 1e-3 * jnp.max(jnp.abs(v)), (values, x))

    @jax.jit
    def all_of_it(values, x):
        def run(values, x):
            return mod.set_attributes(values)(x, record=True)

        def loss(values, x):
            return weighted(run(values, x))

        slope = jax.jvp(loss, (values, x), directions)[1]
        return run(values, x), jax.grad(loss, (0, 1))(values, x), slope

    return all_of_it(values, x)


@pytest.mark.parametrize(
    "solver",
    tiers(
        [
            diffrax.Heun(),
            eqpool.Diffrax(diffrax.Bosh3(), substeps=2),
            diffrax.Tsit5(),
            diffrax.Euler(),
            diffrax.Dopri8(),
        ],
        0,
        slow=3,
    ),
)
def test_explicit_solvers(solver, x64):
    """What diffrax computes stage after stage, in a loop, the kernel has written out."""
    mod, x = drawn("AdExLIF", 1)
    old, new = mod.solver, as_stepper(solver)
    mod = eqx.tree_at(lambda m: m.solver, mod, new, is_leaf=lambda s: s is old)
    assert "eqpool_by_kernel" in str(jax.make_jaxpr(mod)(x))
    scan, kernel = both(lambda: run_and_derivatives(mod, x))
    assert scan[0][0].sum() > 3
    np.testing.assert_array_equal(kernel[0][0], scan[0][0])
    assert_same(scan, kernel, 1e-9)


@pytest.mark.parametrize(
    "name, seed",
    tiers(
        [("LIFJax of two synapses", 0), ("AdExLIF", 0)]
        + [(name, seed) for seed in (1, 2) for name in MODELS],
        2,
        slow=len(MODELS),
    ),
)
def test_every_model(name, seed, x64):
    """Over two segments and a part, of a batch of three."""
    mod, x = drawn(name, seed)
    assert "eqpool_by_kernel" in str(jax.make_jaxpr(mod)(x))
    scan, kernel = both(lambda: run_and_derivatives(mod, x))
    assert scan[0][0].sum() > 3
    np.testing.assert_array_equal(kernel[0][0], scan[0][0])
    assert_same(scan, kernel, 1e-9)
