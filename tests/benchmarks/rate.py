"""`RateJax` against a hand-written `jax.lax.scan` of the same step, and Rockpool where installed.

python tests/benchmarks/rate.py            # a table in Markdown
python tests/benchmarks/rate.py --short    # the first case only, few runs
"""

import argparse
import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from compare import compare, header

import eqpool


CASES = [(64, 1000, 1), (256, 1000, 8), (1024, 1000, 1), (64, 1000, 64)]


def plain(n: int, w_rec: Any, tau: Any) -> tuple[Any, Callable]:
    """The step and nothing else: no noise, no checks, no modules."""
    params = {"w_rec": w_rec, "tau": tau, "bias": jnp.zeros(n), "threshold": jnp.zeros(n)}

    def one(params: Any, x: Any) -> Any:
        def step(state: Any, now: Any) -> Any:
            rate = jnp.tanh(state - params["threshold"])
            drive = now + params["bias"] + rate @ params["w_rec"]
            state = state + 1e-3 / params["tau"] * (drive - state)
            return state, jnp.tanh(state - params["threshold"])

        return jax.lax.scan(step, jnp.zeros(n), x)[1]

    return params, lambda params, x: jax.vmap(one, (None, 0))(params, x)


def ours(n: int, w_rec: Any, tau: Any) -> tuple[Any, Callable]:
    mod = eqpool.RateJax(
        (n, n), has_rec=True, w_rec=w_rec, tau=tau, activation_func="tanh", rng_key=0
    )
    trainable, frozen = eqpool.partition(mod)
    return trainable, lambda trainable, x: eqpool.combine(trainable, frozen)(x)[0]


def rockpool(n: int, w_rec: Any, tau: Any) -> tuple[Any, Callable]:
    theirs: Any = importlib.import_module("rockpool.nn.modules")
    mod = theirs.RateJax((n, n), has_rec=True, w_rec=w_rec, tau=tau, activation_func="tanh")
    return mod.parameters(), lambda params, x: mod.set_attributes(params)(x)[0]


def same(ours: Any, theirs: Any) -> None:
    ours, theirs = (jax.tree.leaves(x)[0] for x in (ours, theirs))
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def run_case(case: tuple[int, int, int], runs: int) -> None:
    n, steps, batch = case
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(batch, steps, n)), jnp.float32)
    w_rec = jnp.asarray(rng.normal(size=(n, n)) / np.sqrt(n), jnp.float32)
    tau = jnp.asarray(rng.uniform(10e-3, 50e-3, n), jnp.float32)
    makers: dict[str, Callable] = {"plain scan": plain, "eqpool": ours}
    if importlib.util.find_spec("rockpool") is not None:
        makers["Rockpool"] = rockpool
    made = {name: make(n, w_rec, tau) for name, make in makers.items()}
    compare(case, made, lambda y: jnp.mean(y**2), x, "plain scan", runs, same)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    args = parser.parse_args()
    header("plain scan")
    for case in CASES[:1] if args.short else CASES:
        run_case(case, runs=5 if args.short else 15)


if __name__ == "__main__":
    main()
