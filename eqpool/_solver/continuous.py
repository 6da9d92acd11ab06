"""Any diffrax solver, with a number of substeps or a step-size controller."""

import operator
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._errors import current, describe
from .._types import PyTree
from .base import _Y, AbstractStepper, VectorField
from .euler import ForwardEuler
from .event_driven import EventDriven
from .explicit import Explicit, is_plain
from .prepare import is_implicit, prepared


class Diffrax(AbstractStepper):
    """Advances by a solver of diffrax.

    The solver starts anew in each interval of the grid, since the input jumps there.

    !!! example

        ```python
        eqpool.RateJax(5, solver=diffrax.Heun())  # one step in each interval
        eqpool.RateJax(5, solver=eqpool.Diffrax(diffrax.Heun(), substeps=4))
        controller = diffrax.PIDController(rtol=1e-6, atol=1e-6)
        eqpool.RateJax(5, solver=eqpool.Diffrax(diffrax.Tsit5(), stepsize_controller=controller))
        ```
    """

    solver: diffrax.AbstractSolver[Any] = eqx.field(static=True)
    substeps: int | None = eqx.field(static=True)
    stepsize_controller: diffrax.AbstractStepSizeController[Any, Any] | None = eqx.field(
        static=True
    )
    adjoint: diffrax.AbstractAdjoint | None = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)

    def __init__(
        self,
        solver: diffrax.AbstractSolver[Any],
        substeps: int | None = None,
        stepsize_controller: diffrax.AbstractStepSizeController[Any, Any] | None = None,
        adjoint: diffrax.AbstractAdjoint | None = None,
        max_steps: int = 4096,
    ):
        """**Arguments:**

        - `solver`: a diffrax solver, as `diffrax.Heun()`.
        - `substeps`: steps of equal length in each interval of the grid. Default 1 for
            explicit solvers. Implicit ones take adaptive steps by default, since a fixed step
            has no answer to an equation that does not converge.
        - `stepsize_controller`: adaptive steps inside each interval instead, as
            `diffrax.PIDController(rtol=..., atol=...)`. Default for implicit solvers:
            `rtol = atol = eps**(2/3)`, 2.4e-5 in float32.
        - `adjoint`: how diffrax differentiates adaptive steps. Default:
            `diffrax.RecursiveCheckpointAdjoint()`.
        - `max_steps`: the most adaptive steps in one interval; more is an error. Default 4096.

        All arguments are static: solvers that are equal by value share compiled functions.

        **Raises:** `TypeError` for anything but a diffrax solver; `ValueError` for
        `substeps` or `max_steps` below 1, for `substeps` beside a controller, and for an adjoint
        of fixed steps.
        """
        if not isinstance(solver, diffrax.AbstractSolver):
            raise TypeError(f"Diffrax: solver must be a diffrax solver; got {describe(solver)}.")
        if stepsize_controller is not None and substeps is not None:
            raise ValueError(
                f"Diffrax: give substeps (got {substeps}) or stepsize_controller, not both."
            )
        adaptive = stepsize_controller is not None or is_implicit(solver) and substeps is None
        if adjoint is not None and not adaptive:
            raise ValueError(
                "Diffrax: adjoint belongs to adaptive steps; give stepsize_controller as well. "
                "Fixed steps are differentiated by JAX directly."
            )
        self.solver = solver
        self.substeps = None if adaptive else 1 if substeps is None else operator.index(substeps)
        self.stepsize_controller = stepsize_controller
        self.adjoint = adjoint
        self.max_steps = max_steps

    @property
    def forward_mode(self) -> bool:
        # diffrax differentiates adaptive steps backwards only.
        return self.substeps is not None

    @property
    def unrolled(self) -> AbstractStepper:
        if self.substeps is None or not is_plain(self.solver):
            return self
        return Explicit(self.solver, self.substeps)

    def __check_init__(self) -> None:
        for name in ("substeps", "max_steps"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ValueError(f"Diffrax: {name} must be at least 1; got {number}.")

    def step(
        self, vector_field: VectorField[_Y], dt: Float[Array, ""], y: _Y, args: PyTree[Any]
    ) -> _Y:
        if self.substeps is not None and not is_implicit(self.solver):
            return self._fixed(diffrax.ODETerm(vector_field), dt, y, args, self.substeps)
        # An error estimate or a root finder would not end with NaN: it sits out the interval.
        slope = vector_field(jnp.zeros_like(dt), y, args)
        lost = jax.tree.map(lambda dy: ~jnp.isfinite(dy), slope)
        rest = jax.tree.map(lambda y: jnp.where(jnp.isfinite(y), y, 0.0), y)
        end = self._by_error(diffrax.ODETerm(_Finite(vector_field, lost)), dt, rest, args)
        return jax.tree.map(lambda lost, y: jnp.where(lost, jnp.nan, y), lost, end)

    def _by_error(self, terms: Any, dt: Float[Array, ""], y: _Y, args: PyTree[Any]) -> _Y:
        if self.substeps is not None:
            return self._fixed(terms, dt, y, args, self.substeps)
        tolerance = _tolerance(dt)
        solution = diffrax.diffeqsolve(
            terms,
            self.solver,
            t0=jnp.zeros_like(dt),
            t1=dt,
            dt0=None,
            y0=y,
            args=args,
            stepsize_controller=self.stepsize_controller
            or diffrax.PIDController(rtol=tolerance, atol=tolerance),
            adjoint=self.adjoint or diffrax.RecursiveCheckpointAdjoint(),
            max_steps=self.max_steps,
            throw=False,
        )
        assert solution.ys is not None
        failed = solution.result != diffrax.RESULTS.successful
        ys = eqx.error_if(solution.ys, failed, _owner() + _FAILED.format(self.max_steps))
        return jax.tree.map(lambda leaf: leaf[0], ys)

    def _fixed(
        self, terms: Any, dt: Float[Array, ""], y: _Y, args: PyTree[Any], substeps: int
    ) -> _Y:
        solver = prepared(self.solver, _tolerance(dt))
        times = dt * jnp.arange(substeps + 1, dtype=dt.dtype) / substeps
        state = solver.init(terms, times[0], times[1], y, args)

        def substep(carry: Any, interval: Any) -> Any:
            y, state = carry
            y, _, _, state, result = solver.step(terms, *interval, y, args, state, made_jump=False)
            if is_implicit(solver):
                failed = result != diffrax.RESULTS.successful
                y = eqx.error_if(y, failed, _owner() + _NOT_CONVERGED)
            return (y, state), None

        if substeps == 1:
            (y, _), _ = substep((y, state), (times[0], times[1]))
        else:
            (y, _), _ = jax.lax.scan(substep, (y, state), (times[:-1], times[1:]))
        return y


class _Finite(eqx.Module):
    """A vector field without the elements that are lost."""

    vector_field: Any
    lost: PyTree[Any]

    def __call__(self, t: Any, y: Any, args: Any) -> Any:
        slope = self.vector_field(t, y, args)
        return jax.tree.map(lambda lost, dy: jnp.where(lost, 0.0, dy), self.lost, slope)


def _owner() -> str:
    running = current()
    return "" if running is None else f"{running.place}: "


_FAILED = (
    "Diffrax: the solver did not reach the end of an interval of the time grid within max_steps = "
    "{} steps, or its steps became too short. Raise max_steps, widen the tolerances of "
    "stepsize_controller, or check the values of the input and the parameters."
)

_NOT_CONVERGED = (
    "Diffrax: the equation of an implicit step did not converge. Leave out `substeps` or give a "
    "`stepsize_controller`, so that the step can be made smaller where that happens; or give the "
    "solver a root finder with wider tolerances."
)


def as_stepper(solver: Any, default: AbstractStepper | None = None) -> AbstractStepper:
    """What a `solver=` argument means: `None` is the default, a diffrax solver is wrapped."""
    if solver is None:
        return default or ForwardEuler()
    if isinstance(solver, AbstractStepper):
        return solver
    if isinstance(solver, diffrax.AbstractSolver):
        return Diffrax(solver)
    if isinstance(solver, EventDriven):
        raise TypeError(
            "EventDriven() is for models that spike, as DynapSim; this one has no events."
        )
    hint = f" Did you mean `{solver.__name__}()`?" if isinstance(solver, type) else ""
    raise TypeError(
        "solver must be an object: eqpool.ForwardEuler(), a diffrax solver such as "
        f"diffrax.Heun(), or eqpool.Diffrax(...); got {describe(solver)}.{hint}"
    )


def _tolerance(dt: Array) -> float:
    return float(jnp.finfo(dt.dtype).eps) ** (2 / 3)
