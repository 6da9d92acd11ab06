"""Wrong uses of `AdExLIF`, each with what its message must say; as in `bad_input_cases.py`."""

import jax.numpy as jnp

import eqpool
from eqpool import AdExLIF


# name -> (what is done, the error, a pattern for its message)
ADEX_CASES = {
    "AdExLIF that is not square": (
        lambda: AdExLIF((5, 3)),
        ValueError,
        r"AdExLIF: shape must be N or \(N, N\): as many outputs as inputs; got \(5, 3\)",
    ),
    "AdExLIF with other channels": (
        lambda: AdExLIF(3)(jnp.ones((10, 4))),
        ValueError,
        r"has 4 channels .* expected \(T, 3\) or \(B, T, 3\)",
    ),
    "AdExLIF weights without has_rec": (
        lambda: AdExLIF(3, w_rec=jnp.ones((3, 3))),
        ValueError,
        r"AdExLIF: w_rec was given, but has_rec is False",
    ),
    "AdExLIF weights of another shape": (
        lambda: AdExLIF(3, w_rec=jnp.ones((3, 4)), has_rec=True),
        ValueError,
        r"AdExLIF.w_rec: has shape \(3, 4\), expected \(3, 3\) = \(N, N\)",
    ),
    "zero capacitance of an AdExLIF": (
        lambda: AdExLIF(3, C=0.0),
        ValueError,
        r"AdExLIF.C: every value must be finite and in \(0, inf\) F; got 0 F",
    ),
    "negative slope factor": (
        lambda: AdExLIF(3, Delta_T=-2e-3),
        ValueError,
        r"AdExLIF.Delta_T: every value must be finite and in \(0, inf\) V; got -0.002 V",
    ),
    "negative refractory period": (
        lambda: AdExLIF(3, t_ref=-1e-3),
        ValueError,
        r"AdExLIF.t_ref: every value must be finite and in \[0, inf\) s; got -0.001 s",
    ),
    "potential that is not a number": (
        lambda: AdExLIF(3, E_L=[-0.07, jnp.nan, -0.07]),
        ValueError,
        r"AdExLIF.E_L: every value must be finite",
    ),
    "peak below threshold": (
        lambda: AdExLIF(3, V_peak=[20e-3, -55e-3, 20e-3]),
        ValueError,
        r"AdExLIF.V_peak: must be above V_T.*got V_peak = -0.055 V and V_T = -0.0504 V "
        r"\(element 1\)",
    ),
    "reset to the peak": (
        lambda: AdExLIF(3, V_reset=20e-3),
        ValueError,
        r"AdExLIF.V_peak: must be above V_reset, since a neuron reset to V_peak would spike again",
    ),
    "surrogate per ampere": (
        lambda: AdExLIF(3, surrogate=eqpool.PiecewiseLinear()),
        ValueError,
        r"AdExLIF: PiecewiseLinear has a slope per ampere .* as eqpool.FastSigmoid\(\)",
    ),
    "solver of an AdExLIF by name": (
        lambda: AdExLIF(3, solver="euler"),  # pyright: ignore
        TypeError,
        r"solver must be an object: eqpool.ForwardEuler\(\)",
    ),
}
