"""Promises of solvers: that each runs, to what they converge, and how fast."""

from typing import Any

import diffrax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._solver import AbstractStepper, Diffrax, EventDriven, ForwardEuler
from .._types import PyTree
from ._report import BrokenPromise, expect, Skipped
from ._subject import in_double, spread, Subject, with_fields


class Midpoint(AbstractStepper):
    """A solver of one's own, of second order."""

    def step(self, vector_field: Any, dt: Float[Array, ""], y: Any, args: PyTree[Any]) -> Any:
        slope = vector_field(jnp.zeros_like(dt), y, args)
        half = {name: y[name] + 0.5 * dt * dy for name, dy in slope.items()}
        slope = vector_field(0.5 * dt, half, args)
        return {name: y[name] + dt * dy for name, dy in slope.items()}


def _solvers() -> dict[str, tuple[Any, float]]:
    """Solvers, and how far each may be off in a quiet run, relative to how far a state moves.

    Those of low order, in steps of `dt`, may be far off: of them `order` tells more.
    """
    controller = diffrax.PIDController(rtol=1e-7, atol=1e-7)
    return {
        "ForwardEuler()": (ForwardEuler(), np.inf),
        "diffrax.Heun()": (diffrax.Heun(), np.inf),
        "Diffrax(diffrax.Tsit5(), substeps=2)": (Diffrax(diffrax.Tsit5(), substeps=2), 1e-3),
        "diffrax.Kvaerno3()": (diffrax.Kvaerno3(), 1e-3),
        "Diffrax(diffrax.Tsit5(), stepsize_controller=...)": (
            Diffrax(diffrax.Tsit5(), stepsize_controller=controller),
            1e-3,
        ),
        "a solver of the user's": (Midpoint(), np.inf),
        "EventDriven()": (EventDriven(), 1e-3),
    }


@in_double
def solvers(subject: Subject) -> None:
    """Every kind of solver runs, stays finite, and without spikes agrees with a tight one."""
    steps = min(subject.drive.smooth_steps, _STEPS)
    reference = _quiet_run(subject, TIGHT)
    for name, (solver, tolerance) in _solvers().items():
        if isinstance(solver, EventDriven) and (subject.noisy or not subject.spikes):
            continue
        try:
            found = _quiet_run(subject, solver)
        except Exception as error:
            raise BrokenPromise(
                f"with {name} it raises {type(error).__name__}: {error} Methods must do for all "
                'states of that moment; `at["exact"]` tells EventDriven apart.'
            ) from error
        for state, trace in reference.items():
            finite = np.isfinite(found[state]).all()
            expect(finite, f"with {name}, {state} is not finite.", "Is `dt` short enough?")
            if not steps:
                continue
            size = spread(trace[:steps])
            off = np.max(np.abs(found[state][:steps] - trace[:steps]), initial=0.0)
            expect(
                off <= tolerance * size,
                f"with {name}, {state} is off by {off:.3g} in {steps} steps without spikes, in "
                f"which it moves by {size:.3g}.",
                "`derivative` should depend on nothing but states at that moment and parameters; "
                'if it tells solvers apart by `at["exact"]`, both must be the same equation.',
            )


TIGHT = Diffrax(diffrax.Tsit5(), substeps=16)


@in_double
def order(subject: Subject) -> None:
    """Below threshold, Euler converges with order 1 and Heun with order 2."""
    steps = min(subject.drive.smooth_steps, _STEPS)
    if not subject.given.integrated:
        raise Skipped("no state is integrated")
    if steps < 4:
        raise Skipped("it spikes at once, whatever the input")
    reference = _quiet_run(subject, TIGHT)
    for name, solver, expected in (("Euler", diffrax.Euler(), 1), ("Heun", diffrax.Heun(), 2)):
        errors = []
        for substeps in (16, 32):
            found = _quiet_run(subject, Diffrax(solver, substeps=substeps))
            errors.append(
                max(
                    np.max(np.abs(found[state] - reference[state])[:steps])
                    / spread(reference[state])
                    for state in subject.given.integrated
                )
            )
        if errors[1] < 1e-11:
            continue
        found = float(np.log2(errors[0] / errors[1]))
        expect(
            expected - 0.3 < found < expected + 0.7,
            f"with {name} in 16 and 32 substeps of dt the errors are {errors[0]:.3g} and "
            f"{errors[1]:.3g} of how far a state moves: order {found:.2f}, expected {expected}.",
            "Does `derivative` jump or have a kink where the membrane is below threshold, or "
            "change with the number of times it is called?",
        )


_STEPS = 64
"""Of a run without spikes, at most."""


def _quiet_run(subject: Subject, solver: Any) -> dict[str, np.ndarray]:
    """Traces of the states of a run without spikes, once for each solver."""
    if isinstance(solver, diffrax.AbstractSolver):
        solver = Diffrax(solver)
    mod = with_fields(subject.still64, solver=solver)
    _, _, record = mod(subject.input(mod, weak=True)[:_STEPS], record=True)
    names = {*subject.given.integrated, *subject.given.decaying}
    return {name: np.asarray(trace) for name, trace in record.items() if name in names}
