"""Run time, compile time and memory of several implementations of one thing, in one process.

Runs are interleaved and ratios taken run by run, so that ratios hold when the machine's speed
drifts. Before anything is timed, all must compute the same.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .models import Case, Model
from .peers import C, c_call, EQPOOL, jax_call, LeftOut


# A loss of the last state alone, since output and its gradient have the length of the run.
LAST = "gradient of the last state"
CHECKPOINTED = f"{LAST}, checkpoint=True"


class Effort(NamedTuple):
    """How long to measure."""

    runs: int = 15
    """The most runs of each implementation."""
    seconds: float = 20.0
    """After these, no more than five runs."""
    compilations: int = 3
    longest_run: float = 60.0
    """Seconds beyond which a peer is left out."""
    most_memory: float = 8e9
    """Bytes beyond which a peer is left out."""


class Compiled(NamedTuple):
    """One implementation, ready to run."""

    call: Callable[[], Any]
    numbers: dict[str, Any]


def quartiles(values: Any) -> dict[str, Any]:
    """Median and quartiles."""
    low, median, high = np.quantile(np.asarray(values), [0.25, 0.5, 0.75])
    return {"median": float(median), "quartiles": [float(low), float(high)]}


def timed(call: Callable[[], Any]) -> float:
    """Seconds until the result is there."""
    start = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - start


def compiled(peer: str, model: Model, case: Case, what: str, x: Any, effort: Effort) -> Compiled:
    """An implementation in JAX, traced and compiled `effort.compilations` times."""
    options = {"checkpoint": True} if what == CHECKPOINTED else {}
    params, run = jax_call(peer, model, case, **options)

    def output(params: Any, x: Any) -> Any:
        return run(params, x)[0]

    def last_state(params: Any, x: Any) -> Any:
        state = run(params, x)[1]
        return jnp.mean(state["x" if "x" in state else "vmem"])

    functions = {
        "forward": output,
        "gradient": jax.value_and_grad(lambda params, x: model.loss(output(params, x))),
    }
    function = functions.get(what, jax.value_and_grad(last_state))
    tracing, compiling, executable = [], [], None
    for _ in range(effort.compilations):
        jax.clear_caches()
        start = time.perf_counter()
        # A function of its own: what was traced before is found again by the function.
        lowered = jax.jit(lambda params, x: function(params, x)).lower(params, x)
        traced = time.perf_counter()
        executable = lowered.compile()
        tracing.append(traced - start)
        compiling.append(time.perf_counter() - traced)
    assert executable is not None
    analysis: Any = executable.memory_analysis()
    memory = {
        "temporary": int(analysis.temp_size_in_bytes),
        "output": int(analysis.output_size_in_bytes),
    }
    if peer != EQPOOL and sum(memory.values()) > effort.most_memory:
        raise LeftOut(f"It would take {sum(memory.values()) / 1e9:.0f} GB.")
    numbers = {
        "tracing_s": float(np.median(tracing)),
        "compiling_s": float(np.median(compiling)),
        "memory_bytes": memory,
    }
    return Compiled(lambda: executable(params, x), numbers)


def implementation(peer: str, model: Model, case: Case, what: str, x: Any, effort: Effort) -> Any:
    """Any implementation, or `LeftOut`."""
    if peer != C:
        return compiled(peer, model, case, what, x, effort)
    if what == "gradient":
        raise LeftOut("The C kernel has no gradient.")
    return Compiled(c_call(model, case, x), {})


def same(model: Model, what: str, ours: Any, theirs: Any) -> None:
    """Raises where outputs, or losses of a gradient, differ."""
    if what == "forward":
        model.same(np.asarray(ours), np.asarray(theirs))
    else:
        np.testing.assert_allclose(ours[0], theirs[0], rtol=0.02)


def interleaved(calls: dict[str, Callable[[], Any]], effort: Effort) -> dict[str, list[float]]:
    """Seconds of each run of each call, in turn."""
    return in_turns({name: lambda call=call: timed(call) for name, call in calls.items()}, effort)


def in_turns(clocks: dict[str, Callable[[], float]], effort: Effort) -> dict[str, list[float]]:
    """The same of what times a run itself."""
    times: dict[str, list[float]] = {name: [] for name in clocks}
    start = time.perf_counter()
    for run in range(effort.runs):
        if run >= 5 and time.perf_counter() - start > effort.seconds:
            break
        for name, clock in clocks.items():
            times[name].append(clock())
    return times


def compare(
    model: Model, case: Case, what: str, peers: Sequence[str], effort: Effort
) -> dict[str, Any]:
    """All numbers of one row, as JSON holds them.

    **Arguments:**

    - `what`: `"forward"` or `"gradient"`, which is value and gradient of a loss of the output.
    - `peers`: with eqpool first.
    """
    x = jax.block_until_ready(model.inputs(case))
    found: dict[str, Compiled] = {}
    left_out: dict[str, str] = {}
    ours: Any = None
    for peer in peers:
        try:
            made = implementation(peer, model, case, what, x, effort)
            start = time.perf_counter()
            output = jax.block_until_ready(made.call())
            took = time.perf_counter() - start
            if peer == EQPOOL:
                ours = output
            else:
                same(model, what, ours, output)
                if took > effort.longest_run:
                    raise LeftOut(f"One run takes {took:.0f} s.")
            found[peer] = made
        except LeftOut as reason:
            left_out[peer] = str(reason)
    del ours
    times = interleaved({peer: made.call for peer, made in found.items()}, effort)
    numbers = {}
    for peer, made in found.items():
        numbers[peer] = {"run_s": quartiles(times[peer]), "runs": len(times[peer])} | made.numbers
        if peer != EQPOOL:
            ratio = np.asarray(times[peer]) / np.asarray(times[EQPOOL])
            numbers[peer]["of_eqpool"] = quartiles(ratio)
            numbers[peer]["eqpool_of_it"] = quartiles(1.0 / ratio)
    return case._asdict() | {"what": what, "peers": numbers, "left_out": left_out}
