"""Values and shapes that a parameter cannot have; as in `bad_input_cases.py`."""

import numpy as np

import eqpool
from eqpool import Constant, RateJax
from tests.bad_input_runs import rate


PARAMETER_CASES = {
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
}
