"""Parts of networks for NIR, and of its graphs."""

import nir
import numpy as np

import eqpool


def lif(n, **kwargs):
    rng = np.random.default_rng(n)
    return eqpool.LIF(
        n,
        tau_mem=rng.uniform(5e-3, 30e-3, n),
        tau_syn=rng.uniform(5e-3, 30e-3, (n, 1)),
        bias=rng.normal(scale=0.01, size=n),
        threshold=rng.uniform(0.5, 2.0, n),
        rng_key=n,
        **kwargs,
    )


def linear(n_in, n_out, **kwargs):
    return eqpool.Linear((n_in, n_out), rng_key=n_in, **kwargs)


def graph_of(edges=(("input", "n"), ("n", "output")), size=2, **nodes):
    ends = {
        "input": nir.Input({"input": np.atleast_1d(size)}),
        "output": nir.Output({"output": np.atleast_1d(size)}),
    }
    return nir.NIRGraph(nodes=ends | nodes, edges=list(edges), type_check=False)


def leaky(**kwargs):
    values = dict(tau=1e-2, r=1.0, v_leak=0.0, v_threshold=1.0) | kwargs
    return nir.LIF(**{name: np.full(2, value) for name, value in values.items()})


def li(tau=1e-2, n=2):
    return nir.LI(tau=np.full(n, tau), r=np.ones(n), v_leak=np.zeros(n))
