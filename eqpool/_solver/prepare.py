"""Solvers of diffrax made ready to be stepped by hand."""

from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._types import PyTree


def is_implicit(solver: Any) -> bool:
    """Whether each step solves an equation."""
    return isinstance(solver, diffrax.AbstractImplicitSolver)


def max_norm(x: PyTree[Any]) -> Array:
    """The largest absolute value."""
    return jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(x)]))


def prepared(solver: Any, tolerance: float) -> Any:
    """A solver to be stepped by hand: with forward mode and every tolerance filled in."""
    return _both_modes(_with_tolerances(solver, tolerance))


def _both_modes(solver: Any) -> Any:
    # Left open, a Runge-Kutta solver loops over its stages in a way that has no forward mode.
    if getattr(solver, "scan_kind", "") is not None:
        return solver
    return eqx.tree_at(lambda s: s.scan_kind, solver, "bounded", is_leaf=lambda x: x is None)


def _with_tolerances(solver: Any, tolerance: float) -> Any:
    # diffrax leaves the root finder's tolerances open for a controller to fill in.
    if not is_implicit(solver) or eqx.is_inexact_array_like(solver.root_finder.rtol):
        return solver
    return eqx.tree_at(
        lambda s: (s.root_finder.rtol, s.root_finder.atol, s.root_finder.norm),
        solver,
        (tolerance, tolerance, max_norm),
    )
