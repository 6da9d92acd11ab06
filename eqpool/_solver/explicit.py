"""Explicit Runge-Kutta steps by diffrax's tableaux, stage after stage."""

from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._types import PyTree
from .base import _Y, AbstractStepper, VectorField


def is_plain(solver: diffrax.AbstractSolver[Any]) -> bool:
    """Whether a step of a solver is all in its tableau."""
    # One of a user's may do more in a step than diffrax does.
    return (
        isinstance(solver, diffrax.AbstractERK)
        and type(solver).step is diffrax.AbstractERK.step
        and type(solver).init is diffrax.AbstractERK.init
    )


class Explicit(AbstractStepper):
    """What diffrax computes in a loop over stages, written out.

    A kernel needs it so, and leaves out a stage that only an error estimate would use. A scan is
    faster with the loop: XLA would keep what each stage computes for the gradient.
    """

    solver: Any = eqx.field(static=True)
    substeps: int = eqx.field(static=True)

    def step(
        self, vector_field: VectorField[_Y], dt: Float[Array, ""], y: _Y, args: PyTree[Any]
    ) -> _Y:
        h = dt / self.substeps
        for number in range(self.substeps):
            y = self._substep(vector_field, number * h, h, y, args)
        return y

    def _substep(
        self, vector_field: VectorField[_Y], t: Array, h: Array, y: _Y, args: PyTree[Any]
    ) -> _Y:
        tableau = self.solver.tableau
        rows, weights = [np.zeros(0), *tableau.a_lower], np.asarray(tableau.b_sol)
        times = [0.0, *np.asarray(tableau.c)]
        increments: dict[int, Any] = {}

        def moved(by: np.ndarray) -> Any:
            end = y
            for stage in np.flatnonzero(by):
                share = jnp.asarray(by[stage], h.dtype)
                end = jax.tree.map(lambda y, k, a=share: y + a * k, end, increments[int(stage)])
            return end

        for stage in _needed(rows, weights):
            slope = vector_field(t + float(times[stage]) * h, moved(rows[stage]), args)
            increments[stage] = jax.tree.map(lambda f: h * f, slope)
        return moved(weights)


def _needed(rows: list[np.ndarray], weights: np.ndarray) -> list[int]:
    """The stages that the result depends on."""
    needed = set(np.flatnonzero(weights))
    for stage in reversed(range(len(rows))):
        if stage in needed:
            needed.update(np.flatnonzero(rows[stage]))
    return sorted(int(stage) for stage in needed)
