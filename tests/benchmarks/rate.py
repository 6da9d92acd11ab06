"""`RateJax` against a hand-written `jax.lax.scan` of the same step, and Rockpool where installed.

Compile time and run time apart; runs are interleaved and medians compared, so that ratios hold
when the machine's speed drifts.

    python tests/benchmarks/rate.py            # a table in Markdown
    python tests/benchmarks/rate.py --short    # the first case only, few runs
"""

import argparse
import importlib.util
import os
import platform
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

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
    from rockpool.nn.modules import RateJax  # pyright: ignore[reportMissingImports]

    mod = RateJax((n, n), has_rec=True, w_rec=w_rec, tau=tau, activation_func="tanh")
    return mod.parameters(), lambda params, x: mod.set_attributes(params)(x)[0]


def timed(function: Callable, *args: Any) -> float:
    start = time.perf_counter()
    jax.block_until_ready(function(*args))
    return time.perf_counter() - start


def compare(case: tuple[int, int, int], runs: int) -> None:
    n, steps, batch = case
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(batch, steps, n)), jnp.float32)
    w_rec = jnp.asarray(rng.normal(size=(n, n)) / np.sqrt(n), jnp.float32)
    tau = jnp.asarray(rng.uniform(10e-3, 50e-3, n), jnp.float32)
    makers = {"plain scan": plain, "eqpool": ours}
    if importlib.util.find_spec("rockpool") is not None:
        makers["Rockpool"] = rockpool
    for what in ("forward", "gradient"):
        functions, compile_times, outputs = {}, {}, {}
        for name, make in makers.items():
            params, run = make(n, w_rec, tau)
            if what == "gradient":
                run = jax.value_and_grad(lambda p, x, run=run: jnp.mean(run(p, x) ** 2))
            function = jax.jit(run)
            compile_times[name] = timed(function, params, x)
            functions[name] = (function, params)
            outputs[name] = jax.tree.leaves(function(params, x))[0]
        for name in functions:
            np.testing.assert_allclose(outputs[name], outputs["plain scan"], rtol=1e-3, atol=1e-4)
        times: dict[str, list[float]] = {name: [] for name in functions}
        for _ in range(runs):
            for name, (function, params) in functions.items():
                times[name].append(timed(function, params, x))
        base = np.asarray(times["plain scan"])
        for name, values in times.items():
            ratio = np.median(np.asarray(values) / base)
            print(
                f"| {n}, {steps}, {batch} | {what} | {name} | {1e3 * np.median(values):.2f} | "
                f"{ratio:.2f} | {compile_times[name]:.2f} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, {platform.machine()}, jax {jax.__version__}, {jax.devices()}\n")
    print("| N, T, B | what | who | median ms | against plain scan | compile s |")
    print("|---|---|---|---|---|---|")
    for case in CASES[:1] if args.short else CASES:
        compare(case, runs=5 if args.short else 15)


if __name__ == "__main__":
    main()
