"""`compare_solvers`: a model run by several solvers at several steps, against a reference."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._attribute import FamilyLike
from .._filters import filter_grad
from .._solver import EventDriven
from ._distances import gradient_error, spike_time_error, spike_times, trace_error


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One solver at one step.

    **Attributes:**

    - `solver`: its name.
    - `dt`: time step, s.
    - `setting`: what sets its accuracy, in words: the time step, or the tolerance where events
        rule.
    - `trace_error`: root mean square error of the traces, in their unit.
    - `spike_time_error`: mean error of spike times, s; `nan` without spikes.
    - `spikes_off`: spikes missing or too many, over all neurons.
    - `gradient_error`: relative error of the gradient; `nan` if none was asked for.
    - `run_time`: of one compiled run, s, median.
    - `gradient_time`: of one compiled value and gradient, s, median; `nan` if none was asked for.
    - `compile_time`: of the run, s.
    """

    solver: str
    dt: float
    setting: str
    trace_error: float
    spike_time_error: float
    spikes_off: int
    gradient_error: float
    run_time: float
    gradient_time: float
    compile_time: float


def compare_solvers(
    build: Callable[[Any, float], Any],
    drive: Callable[[float], Array],
    solvers: Mapping[str, Any],
    steps: Sequence[float],
    *,
    reference: tuple[Any, float],
    observe: Callable[[Any, Any, Any], tuple[Array, Array]],
    loss: Callable[[Any, Array], Array] | None = None,
    family: FamilyLike = None,
    repeats: int = 5,
    on_measurement: Callable[[Measurement], Any] | None = None,
) -> list[Measurement]:
    """Errors and run times of a model under several solvers and steps.

    **Arguments:**

    - `build`: `build(solver, dt)` gives the module, or any network, to be run.
    - `drive`: `drive(dt)` gives its input on the grid of step `dt`; the same duration for all.
    - `solvers`: what `build` takes, by the name to report.
    - `steps`: time steps, s; each a whole multiple of the reference's.
    - `reference`: solver and time step of the reference run, tight enough to stand for the truth.
    - `observe`: `observe(output, state, record)` of a run with record gives the traces
        `(T, N)` and the spikes `(T, M)` to be compared.
    - `loss`: `loss(module, input)` whose gradient is compared too. It should mean the same on
        every grid: a final value does, while a mean over time steps is itself off by a step.
        Default: none.
    - `family`: the families that the gradient is taken for. Default: every parameter.
    - `repeats`: compiled runs of which the median time is taken; fewer where they take more
        than a second together. Default 5.
    - `on_measurement`: called with each measurement when it is made, as to show progress.
        Default: none.

    **Returns:** a measurement for each solver and step.

    **Raises:** `ValueError` for a step that is not a multiple of the reference's.

    !!! example

        ```python
        found = eqpool.studies.compare_solvers(
            lambda solver, dt: eqpool.DynapSim(4, Idc=5e-11, dt=dt, solver=solver),
            lambda dt: jnp.zeros((round(0.02 / dt), 16)),
            {"Euler": eqpool.ForwardEuler(), "Heun": diffrax.Heun()},
            steps=[1e-3, 5e-4],
            reference=(diffrax.Tsit5(), 1e-4),
            observe=lambda output, state, record: (record["vmem"], output),
        )
        print(eqpool.studies.table(found))
        ```
    """
    _, finest = reference
    for dt in steps:
        if abs(dt / finest - round(dt / finest)) > 1e-6 or dt < finest:
            raise ValueError(
                f"compare_solvers: every step must be a whole multiple of the reference's, "
                f"{finest:g} s; got {dt:g} s."
            )

    def run(mod: Any, x: Array) -> tuple[Array, Array]:
        return observe(*mod.evolve(x, record=True))

    def measure(solver: Any, dt: float) -> tuple[Any, Any, list[float]]:
        mod, x = build(solver, dt), drive(dt)
        found, gradient, elapsed = timed_with_gradient(run, loss, mod, x, family, repeats)
        return (np.asarray(found[0]), spike_times(found[1], dt)), gradient, elapsed

    points = [(name, solver, dt) for name, solver in solvers.items() for dt in steps]
    return measurements(measure, points, reference, on_measurement)


def measurements(
    measure: Callable[[Any, float], tuple[Any, Any, list[float]]],
    points: Sequence[tuple[str, Any, float]],
    reference: tuple[Any, float],
    on_measurement: Callable[[Measurement], Any] | None,
) -> list[Measurement]:
    """Each point, `(name, solver, dt)`, against the reference.

    `measure(solver, dt)` gives trace and spike times, gradient or `None`, and the elapsed times.
    """
    (trace, times), gradient, _ = measure(*reference)
    found = []
    for name, solver, dt in points:
        (ours, our_times), our_gradient, elapsed = measure(solver, dt)
        timing, surplus = spike_time_error(our_times, times)
        found.append(
            Measurement(
                name,
                dt,
                _setting(solver, dt),
                trace_error(ours, trace),
                timing,
                surplus,
                float("nan") if gradient is None else gradient_error(our_gradient, gradient),
                *elapsed,
            )
        )
        if on_measurement is not None:
            on_measurement(found[-1])
    return found


def timed_with_gradient(
    run: Callable, loss: Callable | None, mod: Any, x: Any, family: FamilyLike, repeats: int
) -> tuple[Any, Any, list[float]]:
    """What a run and the gradient of a loss return, and how long they and compiling took."""
    result, run_time, compile_time = _timed(run, mod, x, repeats)
    gradient, gradient_time = None, float("nan")
    if loss is not None:
        gradients = filter_grad(loss, family=family, check_finite=False)
        gradient, gradient_time, _ = _timed(gradients, mod, x, repeats)
    return result, gradient, [run_time, gradient_time, compile_time]


_ENOUGH = 1.0
"""Seconds after which a slow run is not repeated."""


def _setting(solver: Any, dt: float) -> str:
    """What sets the accuracy of a solver, in words."""
    if isinstance(solver, EventDriven):
        rtol = solver.controller(jnp.result_type(float)).rtol
        return f"rtol {float(rtol):g}"
    return f"{1e3 * dt:g} ms"


def _timed(function: Callable, mod: Any, x: Any, repeats: int) -> tuple[Any, float, float]:
    """Result, median run time and compile time."""
    jitted: Any = eqx.filter_jit(function)
    compiled = jitted.lower(mod, x)
    start = time.perf_counter()
    compiled = compiled.compile()
    compile_time = time.perf_counter() - start
    result = jax.block_until_ready(compiled(mod, x))
    elapsed = []
    while len(elapsed) < repeats and sum(elapsed) < _ENOUGH:
        start = time.perf_counter()
        jax.block_until_ready(compiled(mod, x))
        elapsed.append(time.perf_counter() - start)
    return result, float(np.median(elapsed)), compile_time
