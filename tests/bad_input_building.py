"""Names, keys, solvers and modules that do not go together; as in `bad_input_cases.py`."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

import eqpool
from eqpool import Parameter, RateJax
from tests.bad_input_runs import network, rate


BUILDING_CASES = {
    # names
    "unknown activation": (
        lambda: rate(activation_func="sigmoidal"),
        ValueError,
        "activation_func 'sigmoidal' does not exist. Did you mean 'sigmoid'. Give one of 'ReLU'",
    ),
    "an activation that is no function": (
        lambda: rate(activation_func=3),
        TypeError,
        "RateJax.activation_func: must be a function; got int 3",
    ),
    "an initialiser that is no function": (
        lambda: RateJax(4, has_rec=True, weight_init_func=3),
        TypeError,
        "RateJax.w_rec: init_func must be a function, as `jax.numpy.zeros`; got int 3",
    ),
    "a misspelt key": (
        lambda: network().set_attributes({"1_RateJax": {"taus": 1.0}}),
        ValueError,
        r"Sequential.1_RateJax has no attribute 'taus'. Did you mean 'tau'\? It has 'w_rec', 'tau'",
    ),
    "a misspelt submodule": (
        lambda: network().set_attributes({"1_Rat": {"tau": 1.0}}),
        ValueError,
        r"Sequential has no attribute '1_Rat'. Did you mean '1_RateJax'\? It has '0_LinearJax'",
    ),
    "a value where a dictionary belongs": (
        lambda: network().set_attributes({"1_RateJax": 1.0}),
        TypeError,
        "Sequential.1_RateJax: expected a dictionary of attributes; got float 1.0",
    ),
    "a wrong shape in a dictionary": (
        lambda: network().set_attributes({"1_RateJax": {"tau": np.ones(3)}}),
        ValueError,
        r"Sequential.1_RateJax.tau: has shape \(3,\), expected \(4,\) or \(\)",
    ),
    "a wrong state in a dictionary": (
        lambda: rate().set_attributes({"x": np.ones((2, 3, 4))}),
        ValueError,
        r"RateJax.x: has shape \(2, 3, 4\), expected \(4,\), or with a batch axis B: \(B, 4\)",
    ),
    "a complex value in a dictionary": (
        lambda: rate().set_attributes({"tau": 1j}),
        TypeError,
        "RateJax.tau: expected float32; got complex64",
    ),
    "a float for a key in a dictionary": (
        lambda: rate().set_attributes({"rng_key": np.ones(2, np.float32)}),
        TypeError,
        r"RateJax.rng_key: expected uint32; got float32\[2\]",
    ),
    "an attribute that nobody has": (
        lambda: network().attributes_named("tua"),
        ValueError,
        r"Sequential has no attribute named 'tua'. Did you mean 'tau'\? It has 'bias', 'dt'",
    ),
    "a module that nobody has": (
        lambda: network()["RateJax"],
        KeyError,
        "Sequential has no module 'RateJax'; it has '0_LinearJax', '1_RateJax'",
    ),
    "a family that nobody has": (
        lambda: eqpool.partition(network(), "tau"),
        ValueError,
        r"No parameter has the family 'tau'. Families of parameters here: .* Did you mean 'taus'",
    ),
    # keys, solvers, combinators
    "a string for a key": (
        lambda: RateJax(4, rng_key="seed"),
        TypeError,
        r"rng_key must be a key from `jax.random.key\(seed\)`, an integer seed or None; got str",
    ),
    "several keys for one": (
        lambda: RateJax(4, rng_key=jax.random.split(jax.random.key(0), 3)),
        TypeError,
        r"rng_key must be a key .* got uint32\[3,2\]",
    ),
    "a string for a solver": (
        lambda: rate(solver="euler"),
        TypeError,
        r"solver must be an object: eqpool.ForwardEuler\(\), a diffrax solver .* got str 'euler'",
    ),
    "a class for a solver": (
        lambda: rate(solver=eqpool.ForwardEuler),
        TypeError,
        r"Did you mean `ForwardEuler\(\)`",
    ),
    "no substeps": (
        lambda: eqpool.Diffrax(diffrax.Heun(), substeps=0),
        ValueError,
        "Diffrax: substeps must be at least 1; got 0",
    ),
    "substeps and a controller": (
        lambda: eqpool.Diffrax(diffrax.Heun(), 2, diffrax.PIDController(rtol=1e-3, atol=1e-3)),
        ValueError,
        r"Diffrax: give substeps \(got 2\) or stepsize_controller, not both",
    ),
    "an adjoint of fixed steps": (
        lambda: eqpool.Diffrax(diffrax.Heun(), adjoint=diffrax.DirectAdjoint()),
        ValueError,
        "adjoint belongs to adaptive steps; give stepsize_controller as well",
    ),
    "a stepper for a diffrax solver": (
        lambda: eqpool.Diffrax(eqpool.ForwardEuler()),
        TypeError,
        "Diffrax: solver must be a diffrax solver; got ForwardEuler",
    ),
    "a function in Sequential": (
        lambda: eqpool.Sequential(RateJax(4), jnp.tanh),
        TypeError,
        r"argument 1 is not a module; .* Wrap a plain function as `eqpool.Instant\(N, function\)`",
    ),
    "sizes that do not fit": (
        lambda: eqpool.Sequential(eqpool.Linear((3, 5)), RateJax(4, name="hidden")),
        ValueError,
        r"module 0 \(LinearJax, shape \(3, 5\)\) has 5 outputs, but module 1 \(RateJax 'hidden'",
    ),
    "a function that is none": (
        lambda: eqpool.Instant(3, 4),
        TypeError,
        "InstantJax.function: must be a function; got int 4",
    ),
    "a wrapper that contradicts the declaration": (
        lambda: rate(tau=Parameter(np.ones(4), shape=(5,))),
        ValueError,
        r"RateJax.tau: has shape \(4,\), expected \(5,\)",
    ),
    "a field that is no attribute": (
        lambda: eqpool.field(3),
        TypeError,
        "eqpool.field takes a Parameter, a State or a SimulationParameter; got int 3",
    ),
}
