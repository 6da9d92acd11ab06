"""Any diffrax solver, with a number of substeps or a step-size controller."""

import operator
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from .._errors import describe
from .base import _Y, AbstractStepper, VectorField
from .euler import ForwardEuler


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

    solver: diffrax.AbstractSolver = eqx.field(static=True)
    substeps: int = eqx.field(static=True)
    stepsize_controller: diffrax.AbstractStepSizeController | None = eqx.field(static=True)
    adjoint: diffrax.AbstractAdjoint | None = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)

    def __init__(
        self,
        solver: diffrax.AbstractSolver,
        substeps: int = 1,
        stepsize_controller: diffrax.AbstractStepSizeController | None = None,
        adjoint: diffrax.AbstractAdjoint | None = None,
        max_steps: int = 4096,
    ):
        """**Arguments:**

        - `solver`: a diffrax solver, as `diffrax.Heun()`. An implicit one whose root finder
            takes its tolerances from a step-size controller, which is diffrax's default,
            gets `eps**(2/3)` (2.4e-5 in float32) when there is no controller.
        - `substeps`: steps of equal length in each interval of the grid. Default 1.
        - `stepsize_controller`: adaptive steps inside each interval instead, as
            `diffrax.PIDController(rtol=..., atol=...)`. Default: none.
        - `adjoint`: how diffrax differentiates the adaptive steps. Default:
            `diffrax.RecursiveCheckpointAdjoint()`.
        - `max_steps`: the most adaptive steps in one interval; more is an error. Default 4096.

        All arguments are static: solvers that are equal by value share compiled functions.

        **Raises:** `TypeError` for anything but a diffrax solver; `ValueError` for
        `substeps < 1`, for `substeps` beside a controller, and for an adjoint without one.
        """
        if not isinstance(solver, diffrax.AbstractSolver):
            raise TypeError(f"Diffrax: solver must be a diffrax solver; got {describe(solver)}.")
        if operator.index(substeps) < 1:
            raise ValueError(f"Diffrax: substeps must be at least 1; got {substeps}.")
        if stepsize_controller is not None and substeps != 1:
            raise ValueError(
                f"Diffrax: give substeps (got {substeps}) or stepsize_controller, not both."
            )
        if stepsize_controller is None and adjoint is not None:
            raise ValueError(
                "Diffrax: adjoint belongs to adaptive steps; give stepsize_controller as well. "
                "Fixed substeps are differentiated by JAX directly."
            )
        self.solver = solver
        self.substeps = operator.index(substeps)
        self.stepsize_controller = stepsize_controller
        self.adjoint = adjoint
        self.max_steps = max_steps

    def step(self, vector_field: VectorField[_Y], dt: Float[Array, ""], y: _Y, args: PyTree) -> _Y:
        terms: Any = diffrax.ODETerm(vector_field)
        if self.stepsize_controller is None:
            return self._substeps(terms, dt, y, args)
        solution = diffrax.diffeqsolve(
            terms,
            self.solver,
            t0=jnp.zeros_like(dt),
            t1=dt,
            dt0=None,
            y0=y,
            args=args,
            stepsize_controller=self.stepsize_controller,
            adjoint=self.adjoint or diffrax.RecursiveCheckpointAdjoint(),
            max_steps=self.max_steps,
        )
        assert solution.ys is not None
        return jax.tree.map(lambda leaf: leaf[0], solution.ys)

    def _substeps(self, terms: Any, dt: Float[Array, ""], y: _Y, args: PyTree) -> _Y:
        solver = _with_tolerances(self.solver, dt.dtype)
        times = dt * jnp.linspace(0, 1, self.substeps + 1, dtype=dt.dtype)
        state = solver.init(terms, times[0], times[1], y, args)

        def substep(carry: Any, interval: Any) -> Any:
            y, state = carry
            y, _, _, state, result = solver.step(terms, *interval, y, args, state, made_jump=False)
            if isinstance(solver, diffrax.AbstractImplicitSolver):
                y = result.error_if(y, result != diffrax.RESULTS.successful)
            return (y, state), None

        if self.substeps == 1:
            (y, _), _ = substep((y, state), (times[0], times[1]))
        else:
            (y, _), _ = jax.lax.scan(substep, (y, state), (times[:-1], times[1:]))
        return y


def as_stepper(solver: Any) -> AbstractStepper:
    """What a `solver=` argument means: `None` is forward Euler, a diffrax solver is wrapped."""
    if solver is None:
        return ForwardEuler()
    if isinstance(solver, AbstractStepper):
        return solver
    if isinstance(solver, diffrax.AbstractSolver):
        return Diffrax(solver)
    hint = f" Did you mean `{solver.__name__}()`?" if isinstance(solver, type) else ""
    raise TypeError(
        "solver must be an object: eqpool.ForwardEuler(), a diffrax solver such as "
        f"diffrax.Heun(), or eqpool.Diffrax(...); got {describe(solver)}.{hint}"
    )


def _max_norm(x: PyTree) -> Array:
    return jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(x)]))


def _with_tolerances(solver: Any, dtype: Any) -> Any:
    # diffrax leaves the root finder's tolerances open until it knows the controller.
    root_finder = getattr(solver, "root_finder", None)
    if root_finder is None or eqx.is_inexact_array_like(root_finder.rtol):
        return solver
    tolerance = float(jnp.finfo(dtype).eps) ** (2 / 3)
    return eqx.tree_at(
        lambda s: (s.root_finder.rtol, s.root_finder.atol, s.root_finder.norm),
        solver,
        (tolerance, tolerance, _max_norm),
    )
