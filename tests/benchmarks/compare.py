"""Timing of several implementations of one thing, beside each other in one process.

Runs are interleaved and the median of the ratios taken run by run, so that ratios hold when the
machine's speed drifts. Compile time is measured apart; memory is what XLA says it allocates.
"""

import os
import platform
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np


Maker = Callable[..., tuple[Any, Callable]]


def header(peer: str) -> None:
    print(f"{os.cpu_count()} cores, {platform.machine()}, jax {jax.__version__}, {jax.devices()}\n")
    print(f"| N, T, B | what | who | median ms | against {peer} | memory MB | compile s |")
    print("|---|---|---|---|---|---|---|")


def timed(function: Callable, *args: Any) -> float:
    start = time.perf_counter()
    jax.block_until_ready(function(*args))
    return time.perf_counter() - start


def compare(
    case: tuple[int, int, int],
    makers: Mapping[str, tuple[Any, Callable]],
    loss: Callable[[Any], jax.Array],
    x: jax.Array,
    peer: str,
    runs: int,
    same: Callable[[Any, Any], None],
) -> None:
    """Prints a row for each implementation, forward and gradient.

    `makers` gives parameters and `run(parameters, x) -> output` by name; `same(output, peer's
    output)` raises where they do not compute the same.
    """
    for what in ("forward", "gradient"):
        functions, compile_times, outputs, memory = {}, {}, {}, {}
        for name, (params, run) in makers.items():
            if what == "gradient":
                run = jax.value_and_grad(lambda p, x, run=run: loss(run(p, x)))
            start = time.perf_counter()
            compiled = jax.jit(run).lower(params, x).compile()
            compile_times[name] = time.perf_counter() - start
            analysis: Any = compiled.memory_analysis()
            memory[name] = (analysis.temp_size_in_bytes + analysis.output_size_in_bytes) / 1e6
            functions[name] = (compiled, params)
            outputs[name] = compiled(params, x)
        for name in functions:
            same(outputs[name], outputs[peer])
        times: dict[str, list[float]] = {name: [] for name in functions}
        for _ in range(runs):
            for name, (function, params) in functions.items():
                times[name].append(timed(function, params, x))
        base = np.asarray(times[peer])
        for name, values in times.items():
            ratio = np.median(np.asarray(values) / base)
            row = (
                ", ".join(map(str, case)),
                what,
                name,
                f"{1e3 * np.median(values):.2f}",
                f"{ratio:.2f}",
                f"{memory[name]:.1f}",
                f"{compile_times[name]:.2f}",
            )
            print(f"| {' | '.join(row)} |", flush=True)
