"""`work_precision`: spike times and their gradients by several solvers, against exact ones."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array

from .._attribute import FamilyLike
from .._events import Events
from .._filters import filter_grad
from ._compare import Measurement, measurements, timed_with_gradient


def work_precision(
    build: Callable[[Any, float], Any],
    events: Events,
    duration: float,
    settings: Mapping[str, Sequence[tuple[Any, float]]],
    *,
    reference: tuple[Any, float],
    loss: Callable[[Events, Any], Array] | None = None,
    family: FamilyLike = None,
    repeats: int = 5,
    on_measurement: Callable[[Measurement], Any] | None = None,
) -> list[Measurement]:
    """Errors and run times of a spiking model, run over events, by solver and setting.

    Every solver gets the same events and is asked for events; on a grid, times are rounded to
    it. So solvers on a grid and [`eqpool.EventDriven`][] can be compared.

    **Arguments:**

    - `build`: `build(solver, dt)` gives the module, or any network, to be run.
    - `events`: its input.
    - `duration`: of the run, s; a whole number of every `dt`.
    - `settings`: for each name a curve of points `(solver, dt)`: one solver with several steps,
        or event-driven ones with several tolerances.
    - `reference`: solver and `dt` that stand for the truth, as an event-driven one with a tight
        tolerance.
    - `loss`: `loss(spikes, state)` of the events that come out and the new state, whose gradient
        is compared too. Default: none.
    - `family`: the families that the gradient is taken for. Default: every parameter.
    - `repeats`: compiled runs of which the median time is taken; fewer where they take more
        than a second together. Default 5.
    - `on_measurement`: called with each measurement when it is made, as to show progress.
        Default: none.

    **Returns:** a measurement for each point; its `trace_error` is that of `vmem` at the end.

    **Raises:** `ValueError` for a duration that is not a whole number of a `dt`.

    !!! example

        ```python
        found = eqpool.studies.work_precision(
            lambda solver, dt: eqpool.DynapSim(4, Idc=2e-10, dt=dt, solver=solver),
            eqpool.Events([], [], 16),
            0.05,
            {
                "Euler": [(eqpool.ForwardEuler(), dt) for dt in (1e-3, 1e-4)],
                "exact": [(eqpool.EventDriven(), 1e-3)],
            },
            reference=(eqpool.EventDriven(), 1e-3),
        )
        print(eqpool.studies.table(found))
        ```
    """
    for name, points in settings.items():
        for _, dt in points:
            if abs(duration / dt - round(duration / dt)) > 1e-6 or dt > duration:
                raise ValueError(
                    f"work_precision: duration must be a whole number of every dt; {duration:g} s "
                    f"is not one of {dt:g} s ({name})."
                )

    def measure(solver: Any, dt: float) -> tuple[Any, Any, list[float]]:
        mod, steps = build(solver, dt), round(duration / dt)

        def run(mod: Any, events: Events) -> tuple[Events, Any]:
            return mod.evolve_events(events, num_steps=steps)

        value: Any = loss
        found, gradient, elapsed = timed_with_gradient(
            run, loss and (lambda m, x: value(*run(m, x))), mod, events, family, repeats
        )
        spikes, state = found
        return (_vmem(state)[None], spikes.trains()), gradient, elapsed

    points = [(name, *point) for name, curve in settings.items() for point in curve]
    return measurements(measure, points, reference, on_measurement)


def gradient_memory(
    loss: Callable[..., Array], mod: Any, *args: Any, family: FamilyLike = None
) -> int:
    """Bytes that the compiled gradient of a loss allocates besides its input and output.

    It is XLA's own figure, known before anything runs.

    **Arguments:**

    - `loss`: `loss(mod, *args)`, a scalar.
    - `mod`, `args`: what it is called with.
    - `family`: the families that the gradient is taken for. Default: every parameter.
    """
    jitted: Any = eqx.filter_jit(filter_grad(loss, family=family, check_finite=False))
    return int(jitted.lower(mod, *args).compile().compiled.memory_analysis().temp_size_in_bytes)


def _vmem(state: Any) -> np.ndarray:
    """`vmem` of every module in a nested dictionary of states."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return np.concatenate([np.ravel(x) for path, x in leaves if path[-1].key == "vmem"])
