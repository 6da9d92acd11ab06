"""`DynapSim` against Rockpool's, recurrent, same input, weights and solver.

Needs the extra `parity`. Each neuron fires in about 6 % of the steps.

    python tests/benchmarks/dynapsim.py            # a table in Markdown
    python tests/benchmarks/dynapsim.py --short    # the first case only, few runs
"""

import argparse
import importlib
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from compare import compare, header

import eqpool


CASES = [(64, 1000, 1), (256, 1000, 8), (1024, 1000, 1), (64, 1000, 64)]


def ours(n: int, w_rec: Any) -> tuple[Any, Callable]:
    mod = eqpool.DynapSim((n, n), has_rec=True, w_rec=w_rec, synapses=("ampa",), rng_key=0)
    trainable, frozen = eqpool.partition(mod)
    return trainable, lambda trainable, x: eqpool.combine(trainable, frozen)(x)[0]


def rockpool(n: int, w_rec: Any) -> tuple[Any, Callable]:
    theirs: Any = importlib.import_module("rockpool.devices.dynapse")
    mod = theirs.DynapSim((n, n), has_rec=True, w_rec=w_rec)
    return mod.parameters(), lambda params, x: mod.set_attributes(params)(x)[0]


def same(ours: Any, theirs: Any) -> None:
    """Spikes agree but for those that rounding decides."""
    ours, theirs = (np.asarray(x[0] if isinstance(x, tuple) else x) for x in (ours, theirs))
    if ours.ndim == 0:  # the loss of a gradient
        np.testing.assert_allclose(ours, theirs, rtol=0.02)
    else:
        assert 0.02 < np.mean(theirs > 0) < 0.15, np.mean(theirs > 0)
        assert np.mean(ours != theirs) < 0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    args = parser.parse_args()
    header("Rockpool")
    for case in CASES[:1] if args.short else CASES:
        n, steps, batch = case
        rng = np.random.default_rng(0)
        x = jnp.asarray(rng.poisson(0.2, size=(batch, steps, n)) * 15.0, jnp.float32)
        w_rec = rng.normal(size=(n, n)) * 10 / np.sqrt(n)
        makers = {name: make(n, w_rec) for name, make in (("Rockpool", rockpool), ("eqpool", ours))}
        compare(case, makers, jnp.mean, x, "Rockpool", 5 if args.short else 15, same)


if __name__ == "__main__":
    main()
