"""Sparse against dense recurrent weights: time and memory of `DynapSim` with one synapse type.

python tests/benchmarks/sparse.py            # a table in Markdown
python tests/benchmarks/sparse.py --short    # the first case only, few runs
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import eqpool


CASES = [(n, density, batch) for n in (1000, 4000) for density in (0.01, 0.05) for batch in (1, 8)]


def network(w_rec: Any) -> Any:
    return eqpool.DynapSim(w_rec.shape[0], w_rec=w_rec, has_rec=True, synapses=("ampa",), rng_key=0)


def weights(n: int, density: float) -> Any:
    rng = np.random.default_rng(0)
    there = rng.random((n, n)) < density
    scale = 20.0 / np.sqrt(n * density)
    return np.where(there, rng.normal(0.0, scale, (n, n)), 0.0).astype(np.float32)


def tasks(mod: Any) -> tuple[Any, Callable, Callable]:
    trainable, frozen = eqpool.partition(mod)

    def forward(trainable: Any, x: Any) -> Any:
        return eqpool.combine(trainable, frozen)(x)[0]

    def gradient(trainable: Any, x: Any) -> Any:
        return jax.grad(lambda trainable: jnp.mean(forward(trainable, x) ** 2))(trainable)

    return trainable, forward, gradient


def medians(runs: int, *calls: Callable[[], Any]) -> list[float]:
    """Seconds of each, run in turn, so that what else the machine does falls on all."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(runs):
        for call, taken in zip(calls, times, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(call())
            taken.append(time.perf_counter() - start)
    return [float(np.median(taken)) for taken in times]


def megabytes(compiled: Any) -> float:
    """Arguments, result and what is needed in between."""
    found = compiled.memory_analysis()
    sizes = found.argument_size_in_bytes, found.output_size_in_bytes, found.temp_size_in_bytes
    return sum(sizes) / 2**20


def run_case(case: tuple[int, float, int], steps: int, runs: int) -> None:
    n, density, batch = case
    dense = weights(n, density)
    both = [network(eqpool.SparseWeights.from_dense(dense)), network(jnp.asarray(dense))]
    fired = np.random.default_rng(1).random((batch, steps, n)) < 0.05
    x = jnp.asarray(60.0 * fired, jnp.float32)
    x = x[0] if batch == 1 else x
    outputs = [np.asarray(mod(x)[0]) for mod in both]
    rate = outputs[1].mean()
    assert rate > 0.0 and np.mean(outputs[0] != outputs[1]) < 1e-3
    cells = [f"{n}", f"{density:.0%}", f"{batch}", f"{rate:.3f}"]
    found = [tasks(mod) for mod in both]
    for which in (1, 2):
        compiled = [jax.jit(task[which]).lower(task[0], x).compile() for task in found]
        for call, task in zip(compiled, found, strict=True):
            jax.block_until_ready(call(task[0], x))
        sparse_time, dense_time = medians(
            runs,
            *(lambda c=c, t=t: c(t[0], x) for c, t in zip(compiled, found, strict=True)),
        )
        sparse_space, dense_space = map(megabytes, compiled)
        each = 1e3 / steps
        cells += [f"{sparse_time * each:.2f}", f"{dense_time * each:.2f}"]
        cells += [f"**{dense_time / sparse_time:.1f}**", f"{sparse_space:.0f} / {dense_space:.0f}"]
    print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--steps", type=int, default=100)
    short = parser.parse_args().short
    steps = parser.parse_args().steps
    print(f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores, {platform.machine()}, jax")
    print(f"{jax.__version__}; ms for each time step; MiB of arguments, result and what is needed")
    print("in between, sparse / dense.\n")
    heads = ["N", "density", "B", "spikes per step"]
    for what in ("forward", "gradient"):
        heads += [f"{what}, sparse", "dense", "ratio", "MiB"]
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    for case in CASES[:1] if short else CASES:
        run_case(case, steps, 3 if short else 7)


if __name__ == "__main__":
    main()
