"""Wrong uses of the public interface, each with what its message must say.

`python -m tests.bad_input_cases` runs them in a plain interpreter, as a user meets them: no
annotation is checked at run time there.
"""

import json
import re
import sys
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import eqpool
from eqpool import Constant, Parameter, RateJax
from tests import compiling
from tests.bad_input_adex import ADEX_CASES
from tests.bad_input_dynapsim import DYNAPSIM_CASES
from tests.bad_input_events import EVENT_CASES
from tests.bad_input_files import FILE_CASES
from tests.bad_input_idioms import IDIOM_CASES
from tests.bad_input_keys import KEY_CASES
from tests.bad_input_neurons import NEURON_CASES
from tests.bad_input_operands import OPERAND_CASES
from tests.bad_input_parallel import PARALLEL_CASES
from tests.bad_input_rockpool import ROCKPOOL_CASES
from tests.bad_input_sparse import SPARSE_CASES
from tests.bad_input_timed import TIMED_CASES
from tests.bad_input_units import UNIT_CASES


def network():
    return eqpool.Sequential(
        eqpool.Linear((3, 4), rng_key=0), RateJax((4, 4), has_rec=True, rng_key=1)
    )


def rate(**kwargs):
    return RateJax(4, rng_key=0, **kwargs)


# name -> (what is done, the error, a pattern for its message)
CASES = {
    # input
    "wrong channel count": (
        lambda: network()(jnp.ones((10, 5))),
        ValueError,
        r"Sequential: input_data has 5 channels \(shape \(10, 5\)\); expected \(T, 3\) or \(B, T",
    ),
    "swapped axes": (
        lambda: network()(jnp.ones((3, 10))),
        ValueError,
        r"last two axes look swapped, try `input_data.swapaxes\(-1, -2\)`",
    ),
    "missing time axis": (
        lambda: network()(jnp.ones(3)),
        ValueError,
        r"has 1 axes, shape \(3,\).*add the missing axis, perhaps with `input_data\[None\]`",
    ),
    "missing channel axis": (
        lambda: RateJax(1)(jnp.ones(10)),
        ValueError,
        r"perhaps with `input_data\[:, None\]`",
    ),
    "too many axes": (
        lambda: network()(jnp.ones((1, 2, 10, 3))),
        ValueError,
        r"has 4 axes, shape \(1, 2, 10, 3\); expected \(T, 3\) or \(B, T, 3\)",
    ),
    "empty batch": (
        lambda: network()(jnp.ones((0, 10, 3))),
        ValueError,
        r"is an empty batch \(shape \(0, 10, 3\)\); give at least one element",
    ),
    "complex input": (
        lambda: network()(1j * jnp.ones((10, 3))),
        TypeError,
        r"got complex64\[10,3\]: take its real part or its magnitude",
    ),
    "a string for input": (
        lambda: network()("noise"),
        TypeError,
        "Sequential: input_data must be an array; got str 'noise'",
    ),
    "a ragged list for input": (
        lambda: network()([[1.0, 2.0, 3.0], [1.0]]),
        TypeError,
        "input_data must be an array; got list",
    ),
    "a module for input": (lambda: network()(network()), TypeError, "got a module. If this came"),
    "wrong input inside jit": (
        lambda: jax.jit(lambda net, x: net(x))(network(), jnp.ones((10, 5))),
        ValueError,
        "input_data has 5 channels",
    ),
    # states
    "a batched state and unbatched input": (
        lambda: network().set_attributes({"1_RateJax": {"x": jnp.ones((2, 4))}})(jnp.ones((9, 3))),
        ValueError,
        r"'1_RateJax.x' has batch size 2, but input_data .* has no batch axis.*`reset_state\(\)`",
    ),
    "a float64 module without double precision": (
        lambda: in_double(lambda: rate())(jnp.ones((9, 4))),
        TypeError,
        r"RateJax: 'tau' is float64, but double precision is off: switch it on, `jax.config",
    ),
    "a state of another batch size": (
        lambda: rate().set_attributes({"x": jnp.ones((2, 4))})(jnp.ones((5, 9, 4))),
        ValueError,
        "'x' has batch size 2, but input_data .* has batch size 5: give input of the same batch",
    ),
    "an ensemble outside vmap": (
        lambda: eqx.filter_vmap(lambda key: RateJax(4, rng_key=key))(
            jax.random.split(jax.random.key(0), 3)
        )(jnp.ones((10, 4))),
        ValueError,
        r"has shape \(3, 4\): this is an ensemble. Map over it",
    ),
    # values of parameters
    "NaN in a parameter": (
        lambda: rate(bias=[0.0, 1.0, np.nan, 0.0]),
        ValueError,
        r"RateJax.bias: every value must be finite and in \(-inf, inf\); got nan \(element 2\)",
    ),
    "tau = 0": (
        lambda: rate(tau=0.0),
        ValueError,
        r"RateJax.tau: every value must be finite and in \(0, inf\) s; got 0 s",
    ),
    "negative tau": (
        lambda: rate(tau=[1e-3, 1e-2, -1e-2, 1e-3]),
        ValueError,
        r"RateJax.tau: .* got -0.01 s \(element 2\)",
    ),
    "negative time step": (lambda: rate(dt=-1e-3), ValueError, r"RateJax.dt: .* got -0.001 s"),
    "negative noise": (
        lambda: rate(noise_std=-0.5),
        ValueError,
        r"RateJax.noise_std: .* \[0, inf\) s\^-1/2; got -0.5",
    ),
    "infinite threshold": (
        lambda: rate(threshold=np.inf),
        ValueError,
        "RateJax.threshold: every value must be finite",
    ),
    "complex parameter": (
        lambda: rate(tau=1j),
        TypeError,
        "RateJax.tau: must be a real number or an array of real numbers; got complex 1j",
    ),
    "a string for a parameter": (
        lambda: rate(tau="fast"),
        TypeError,
        "RateJax.tau: must be a real number .* got str 'fast'",
    ),
    "NaN weights in Linear": (
        lambda: eqpool.Linear((1, 2), weight=[[np.nan, 1.0]]),
        ValueError,
        "LinearJax.weight: every value must be finite",
    ),
    "NaN through set_attributes": (
        lambda: rate().set_attributes({"tau": np.nan}),
        ValueError,
        "RateJax.tau: every value must be finite",
    ),
    "a constant that is out of bounds": (
        lambda: rate(tau=Constant(-1.0)),
        ValueError,
        "RateJax.tau: .* got -1 s",
    ),
    # shapes of parameters
    "wrong number of time constants": (
        lambda: rate(tau=np.ones(3)),
        ValueError,
        r"RateJax.tau: has shape \(3,\), expected \(4,\) = \(N\) or \(\)",
    ),
    "non-square w_rec": (
        lambda: RateJax((4, 4), has_rec=True, w_rec=np.ones((4, 3))),
        ValueError,
        r"RateJax.w_rec: has shape \(4, 3\), expected \(4, 4\) = \(N, N\)",
    ),
    "flat w_rec": (
        lambda: RateJax((4, 4), has_rec=True, w_rec=np.ones(16)),
        ValueError,
        r"RateJax.w_rec: has shape \(16,\), expected \(4, 4\)",
    ),
    "transposed weight": (
        lambda: eqpool.Linear((2, 3), weight=np.ones((3, 2))),
        ValueError,
        r"LinearJax.weight: has shape \(3, 2\), expected \(2, 3\) = \(N_in, N\)",
    ),
    "w_rec without has_rec": (
        lambda: rate(w_rec=np.ones((4, 4))),
        ValueError,
        "RateJax: w_rec was given, but has_rec is False; pass has_rec=True",
    ),
    "a rate layer that changes the size": (
        lambda: RateJax((4, 5)),
        ValueError,
        r"RateJax: shape must be N or \(N, N\).* got \(4, 5\). Put an `eqpool.Linear` in front",
    ),
    "no neurons": (lambda: RateJax(0), ValueError, "shape must be N.*positive integers; got int 0"),
    "a size that is no integer": (
        lambda: RateJax(4.0),
        ValueError,
        "RateJax: shape must be N.*got float 4.0",
    ),
    "one size for Linear": (
        lambda: eqpool.Linear(4),
        ValueError,
        r"LinearJax: shape must be \(N_in, N_out\); got 4",
    ),
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
        lambda: eqpool.Diffrax(heun(), substeps=0),
        ValueError,
        "Diffrax: substeps must be at least 1; got 0",
    ),
    "substeps and a controller": (
        lambda: eqpool.Diffrax(heun(), 2, controller()),
        ValueError,
        r"Diffrax: give substeps \(got 2\) or stepsize_controller, not both",
    ),
    "an adjoint of fixed steps": (
        lambda: eqpool.Diffrax(heun(), adjoint=adjoint()),
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


def heun():
    import diffrax

    return diffrax.Heun()


def controller():
    import diffrax

    return diffrax.PIDController(rtol=1e-3, atol=1e-3)


def adjoint():
    import diffrax

    return diffrax.DirectAdjoint()


def in_double(build):
    with jax.enable_x64(True):
        return build()


CASES |= ADEX_CASES | DYNAPSIM_CASES | EVENT_CASES | PARALLEL_CASES | SPARSE_CASES
CASES |= TIMED_CASES | OPERAND_CASES | NEURON_CASES
CASES |= TIMED_CASES
CASES |= KEY_CASES
CASES |= ROCKPOOL_CASES | TIMED_CASES
CASES |= TIMED_CASES | IDIOM_CASES
CASES |= TIMED_CASES | UNIT_CASES
CASES |= FILE_CASES


def outcome(name: str) -> str:
    """`""` if the case raises what it should, else what happened instead."""
    call, error, pattern = CASES[name]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", ".*is outside what")
            call()
    except Exception as caught:
        if type(caught) is not error:
            return f"raised {type(caught).__name__}: {caught}"
        # That of a KeyError is in quotes, and the first argument of an OSError is a number.
        message = str(caught if isinstance(caught, OSError) else caught.args[0])
        return "" if re.search(pattern, message, re.DOTALL) else f"said: {message}"
    return "raised nothing"


if __name__ == "__main__":
    compiling.install()
    jax.config.update("jax_traceback_filtering", "off")  # a tenth of the time, and not seen here
    compiling.switch(True, "bad input")  # messages do not depend on how well the compiler does
    json.dump({name: outcome(name) for name in CASES}, sys.stdout)
