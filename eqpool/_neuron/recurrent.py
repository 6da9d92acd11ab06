"""A recurrent layer over its time grid, and its derivative."""

import abc
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import _native
from .._explain import tell
from .._native import by_kernel, linear_map
from .._scan import scan_steps
from .._sparse import as_factor, Factor, SparseWeights
from .._types import NestedDict, PyTree
from ..physics import stepwise_product


Weights: TypeAlias = Array | Factor | None
"""Over which neurons reach each other: `(N, N)`, `(N, K, N)`, sparse, or none."""

Outcome: TypeAlias = tuple[PyTree[Any], Float[Array, "T N"], NestedDict]
"""Last state, what the neurons emitted in each step, and record."""


class AbstractKernel(eqx.Module):
    """A compiled twin of `AbstractGrid.scan`, for dense weights or none, and its transpose."""

    @abc.abstractmethod
    def run(
        self, grid: Any, weights: Any, start: PyTree[Any], drive: Array, keep: bool
    ) -> tuple[Outcome, PyTree[Any]]:
        """The run, and if wanted what the derivatives need of it."""

    @abc.abstractmethod
    def reference(
        self, grid: Any, weights: Any, start: PyTree[Any], drive: Array
    ) -> tuple[Outcome, PyTree[Any]]:
        """What `run` returns, by JAX, for second derivatives."""

    @abc.abstractmethod
    def pushed_forward(
        self, grid: Any, weights: Any, kept: PyTree[Any], drive: Array, dots: Any
    ) -> Outcome:
        """Tangents of the outcome from those of grid (`None` for fixed leaves), start, drive."""

    @abc.abstractmethod
    def pulled_back(
        self,
        grid: Any,
        varied: Any,
        weights: Any,
        kept: PyTree[Any],
        drive: Array,
        bars: Any,
        train_weights: bool,
    ) -> tuple[Any, Array | None, PyTree[Any], Array]:
        """Cotangents of the leaves of `varied`, a part of `grid`, and of the others.

        Those of the weights, if wanted, are of the weights as a change of the drive.
        """


class AbstractGrid(eqx.Module):
    """What all steps of a layer share."""

    @abc.abstractmethod
    def scan(self, weights: Weights, start: PyTree[Any], drive: Array) -> Outcome:
        """All steps. What neurons emitted in the step before arrives over the weights."""

    @abc.abstractmethod
    def emitted(self, start: PyTree[Any]) -> Float[Array, " N"]:
        """What arrives over the weights in the first step."""

    @abc.abstractmethod
    def kernel(self, weights: Weights, drive: Array) -> AbstractKernel | str:
        """What computes this run faster than a scan, or why nothing does."""


def as_weights(w_rec: Array | SparseWeights | None) -> Weights:
    """A field as what a scan multiplies by: ready, with synapse types in front of neurons."""
    if isinstance(w_rec, SparseWeights):
        return as_factor(w_rec)
    return None if w_rec is None else w_rec.swapaxes(1, -1)


def arriving(
    emitted: Float[Array, "*T N"], weights: Array | Factor, shape: tuple[Any, ...]
) -> Float[Array, "..."]:
    """What comes over the weights, in the shape of the input."""
    if isinstance(weights, Factor):
        return (emitted @ weights).reshape(shape)
    # Not reshaped to a matrix: weights sharded over neurons would be resharded.
    return jnp.tensordot(emitted, weights, 1)


def all_arriving(
    emitted: Float[Array, "T N"], weights: Weights, shape: tuple[Any, ...]
) -> Float[Array, "T ..."]:
    """The same of all steps, each by itself; zeros in a feed-forward layer."""
    if weights is None:
        return jnp.zeros((emitted.shape[0], *shape), emitted.dtype)
    if isinstance(weights, Array) and weights.ndim == 2:
        return stepwise_product(emitted, weights)
    return scan_steps(lambda _, now: (None, arriving(now, weights, shape)), None, emitted)[1]


def run_recurrent(
    grid: AbstractGrid,
    weights: Weights,
    start: PyTree[Any],
    drive: Array,
    forward_mode: bool = True,
) -> Any:
    """All steps of a layer, by its kernel if it has one.

    The derivative wrt the weights is one matrix product over all steps, in both modes, or in
    reverse mode only where the steps have no other.
    """
    if not forward_mode:
        tell(False, f"a scan: {NO_FIXED_STEP}.")
        return _run_backwards((grid, weights, start, drive))
    # Decided here alone: a derivative may be taken after the kernels were switched off.
    kernel = grid.kernel(weights, drive)
    if isinstance(kernel, str):
        tell(False, f"a scan: {kernel}.")
        return _run(None, grid, weights, start, drive)
    tell(True, "a kernel in C++.")
    return _run(kernel, grid, weights, start, drive)


NO_FIXED_STEP = "its solver chooses its steps, or looks for them"


def obstacle_to(kernel: str, weights: Weights, drive: Array) -> str | None:
    """Why a kernel cannot compute a run, whatever the model."""
    if isinstance(weights, Factor):
        return "its recurrent weights are sparse"
    if not _native.all_known(drive.shape):
        return "its input is empty, or of open length"
    return _native.obstacle(kernel, drive.dtype.name)


@eqx.filter_custom_vjp
def _run_backwards(operands: tuple[AbstractGrid, Weights, PyTree[Any], Array]) -> Any:
    grid, weights, start, drive = operands
    return grid.scan(weights, start, drive)


@_run_backwards.def_fwd
def _forwards(perturbed: Any, operands: Any) -> Any:
    del perturbed
    grid, weights, start, drive = operands
    arrays, rest = eqx.partition((grid, start, drive), eqx.is_inexact_array)

    def scan(arrays: Any) -> Any:
        grid, start, drive = eqx.combine(arrays, rest)
        return grid.scan(weights, start, drive)

    out, pull = jax.vjp(scan, arrays)
    return out, (pull, out)


@_run_backwards.def_bwd
def _backwards(residuals: Any, bars: Any, perturbed: Any, operands: Any) -> Any:
    del perturbed
    pull, out = residuals
    grid, weights, start, drive = operands
    bars = jax.tree.map(
        lambda bar, x: jnp.zeros_like(x) if bar is None else bar,
        bars,
        out,
        is_leaf=lambda bar: bar is None,
    )
    ((grid_bar, start_bar, drive_bar),) = pull(bars)
    if weights is None:
        return grid_bar, None, start_bar, drive_bar
    values, indices = eqx.partition(weights, eqx.is_inexact_array)
    _, pull_weights = jax.vjp(
        lambda values: by_weights(grid, eqx.combine(values, indices), start, out[1], drive.shape),
        values,
    )
    return grid_bar, *pull_weights(drive_bar), start_bar, drive_bar


@eqx.filter_custom_jvp
def _run(
    kernel: AbstractKernel | None,
    grid: AbstractGrid,
    weights: Weights,
    start: PyTree[Any],
    drive: Array,
) -> Any:
    if kernel is None:
        return grid.scan(weights, start, drive)

    def native(*args: Any) -> Outcome:
        return kernel.run(*args, keep=False)[0]

    def portable(grid: AbstractGrid, weights: Any, start: PyTree[Any], drive: Array) -> Outcome:
        return grid.scan(weights, start, drive)

    return by_kernel(native, portable, grid, weights, start, drive)


@_run.def_jvp
def _jvp(primals: Any, tangents: Any) -> Any:
    """Takes the derivative wrt the weights as one matrix product over all steps.

    A change of weights acts like a change of input, by what arrives over them.
    Differentiated inside the scan, it would update the whole gradient in every step.
    """
    kernel, grid, weights, start, drive = primals
    _, grid_dot, weights_dot, start_dot, drive_dot = tangents
    train_weights = bool(jax.tree.leaves(weights_dot))
    if drive_dot is None and (train_weights or kernel is not None):
        drive_dot = jnp.zeros_like(drive)
    # A kernel sums the gradient of each batch element by itself, if that is not larger than
    # the gradient wrt the input.
    summed = weights_dot if kernel is not None and drive.shape[-1] <= drive.shape[0] else None
    dots = (grid_dot, summed, start_dot, drive_dot)
    if kernel is None:
        out, derivative = _linearised_scan(grid, weights, start, drive, dots)
    else:
        out, derivative = _linearised_kernel(kernel, grid, weights, start, drive, dots)
    if train_weights and summed is None:
        # What of sparse weights is an index has no tangent, and stays.
        changed = eqx.combine(weights_dot, weights)
        change = by_weights(grid, changed, start, out[1], drive.shape)
        drive_dot = change if drive_dot is None else drive_dot + change
    return out, derivative((grid_dot, summed, start_dot, drive_dot))


def by_weights(
    grid: AbstractGrid, weights: Any, start: PyTree[Any], emitted: Array, shape: tuple[Any, ...]
) -> Array:
    """What arrives over the weights in all steps."""
    before = jnp.concatenate([grid.emitted(start)[None], emitted[:-1]])
    return arriving(before, weights, shape)


def _linearised_scan(
    grid: AbstractGrid, weights: Weights, start: PyTree[Any], drive: Array, dots: Any
) -> tuple[Outcome, Callable[[Any], Any]]:
    primals = (grid, None, start, drive)
    varied, fixed = eqx.partition(primals, _given(dots))

    def scan(varied: Any) -> Any:
        grid, _, start, drive = eqx.combine(varied, fixed)
        return grid.scan(weights, start, drive)

    return jax.linearize(scan, varied)


def _linearised_kernel(
    kernel: AbstractKernel,
    grid: AbstractGrid,
    weights: Any,
    start: PyTree[Any],
    drive: Array,
    dots: Any,
) -> tuple[Outcome, Callable[[Any], Any]]:
    out, kept = _run_keeping(kernel, grid, weights, start, drive)
    varies = _given(dots[0])
    train_weights = dots[1] is not None
    arrays, static = eqx.partition(grid, eqx.is_array)

    def forward(residuals: Any, dots: Any) -> Any:
        arrays, weights, start, emitted, kept, drive = residuals
        grid_dot, weights_dot, start_dot, drive_dot = dots
        grid = eqx.combine(arrays, static)
        if train_weights:
            drive_dot += by_weights(grid, weights_dot, start, emitted, drive.shape)
        dots = (grid_dot, start_dot, drive_dot)
        return kernel.pushed_forward(grid, weights, kept, drive, dots)

    def transposed(residuals: Any, bars: Any) -> Any:
        arrays, weights, _, _, kept, drive = residuals
        grid = eqx.combine(arrays, static)
        varied = eqx.filter(grid, varies)
        return kernel.pulled_back(grid, varied, weights, kept, drive, bars, train_weights)

    def derivative(dots: Any) -> Any:
        grid_dot, weights_dot, start_dot, drive_dot = dots
        start_dot = jax.tree.map(
            lambda dot, x: jnp.zeros_like(x) if dot is None else dot,
            start_dot,
            start,
            is_leaf=lambda dot: dot is None,
        )
        residuals = (arrays, weights, start, out[1], kept, drive)
        dots = (grid_dot, weights_dot, start_dot, drive_dot)
        return linear_map(forward, transposed, residuals, dots, out)

    return out, derivative


@eqx.filter_custom_jvp
def _run_keeping(
    kernel: AbstractKernel, grid: AbstractGrid, weights: Any, start: PyTree[Any], drive: Array
) -> Any:
    native = partial(kernel.run, keep=True)
    return by_kernel(native, kernel.reference, grid, weights, start, drive)


@_run_keeping.def_jvp
def _keeping_jvp(primals: Any, tangents: Any) -> Any:
    """Only a second derivative comes here."""
    kernel, *primals = primals
    out_dot = eqx.filter_jvp(kernel.reference, tuple(primals), tangents[1:])[1]
    return _run_keeping(kernel, *primals), out_dot


def _given(dots: Any) -> Any:
    return jax.tree.map(lambda dot: dot is not None, dots, is_leaf=lambda dot: dot is None)
