"""Wrong bounds and norms of parameters, with what the message must say."""

import numpy as np

import eqpool
from tests.bad_input_rockpool import net


TRAINING_CASES = {
    "a bound for an unknown parameter": (
        lambda: eqpool.bounds_cost(net(), {"1_LIFJax": {"tau": 1.0}}, {}),
        ValueError,
        r"bounds_cost: lower_bounds.1_LIFJax: there is no parameter 'tau'. .*'tau_mem'",
    ),
    "a bound for an unknown module": (
        lambda: eqpool.bounds_clip(net().parameters(), {}, {"LIF": 1.0}),
        ValueError,
        "bounds_clip: upper_bounds: there is no parameter 'LIF'. .*'1_LIFJax'",
    ),
    "a bound of another shape": (
        lambda: eqpool.bounds_cost(net(), {"1_LIFJax": {"tau_mem": np.ones(3)}}, {}),
        ValueError,
        r"lower_bounds.1_LIFJax.tau_mem: must be a number, or an array of shape \(4,\); got",
    ),
    "one bound for a module": (
        lambda: eqpool.bounds_cost(net(), {"1_LIFJax": 0.0}, {}),
        TypeError,
        "bounds_cost: lower_bounds.1_LIFJax: must be a dictionary, as of make_bounds; got float 0",
    ),
    "bounds of an array": (
        lambda: eqpool.make_bounds(np.ones(3)),
        TypeError,
        "make_bounds: params must be a dictionary as of `net.parameters\\(\\)`, or a module; got",
    ),
    "a norm of nothing": (
        lambda: eqpool.l2sqr_norm({}),
        ValueError,
        "l2sqr_norm: there is no parameter",
    ),
    "a negative sigma": (
        lambda: eqpool.l0_norm_approx(net(), -1.0),
        ValueError,
        "l0_norm_approx: sigma must be positive; got -1.0",
    ),
    "a temperature of zero": (
        lambda: eqpool.softmax(np.ones(3), 0.0),
        ValueError,
        "temperature must be positive; got 0.0",
    ),
}
