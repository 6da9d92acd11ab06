"""`RateJax` by a kernel in C++: its arguments, its derivative."""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import _native, physics
from .._attribute import Function
from .._neuron.recurrent import AbstractKernel, obstacle_to, Outcome
from .._solver import ForwardEuler, RockpoolEuler
from .._types import NestedDict


ACTIVATIONS = (physics.relu, physics.leaky_relu, physics.tanh, physics.sigmoid)


def kernel_of(grid: Any, weights: Any, drive: Array) -> "Kernel | str":
    """The kernel, or why it does not compute this run, on this machine."""
    if type(grid.mod.solver) not in (ForwardEuler, RockpoolEuler):
        return "its solver is not forward Euler"
    if _function(grid) not in ACTIVATIONS:
        return "its kernel knows ReLU, leaky ReLU, tanh and sigmoid, and no other activation"
    return obstacle_to("rate", weights, drive) or Kernel()


class Kept(NamedTuple):
    """What the way back needs: `pull` is what each step moves the state by, over `dt/tau`.

    From the states alone it would be a difference of two close numbers.
    """

    start: NestedDict
    pull: Float[Array, "T N"]
    rate: Float[Array, "T N"]


class Kernel(AbstractKernel):
    """See [`eqpool.native_kernels`][] for when it runs."""

    def run(
        self,
        grid: Any,
        weights: Array | None,
        start: NestedDict,
        drive: Float[Array, "T N"],
        keep: bool,
    ) -> tuple[Outcome, Kept]:
        """The run, and if wanted what the way back needs."""
        steps, n = drive.shape
        matrix = _matrix(weights, drive.dtype)
        rate, end, x, pull = _native.call(
            "eqpool_rate_forward",
            drive.dtype,
            {
                "constants": (constants(grid, n), (2, n)),
                "w_rec": (matrix, (n if weights is not None else 0,) * 2),
                "x": (start["x"][None], (1, n)),
                "input_data": (drive, (steps, n)),
            },
            ((steps, n), (1, n), (steps if grid.record else 0, n), (steps if keep else 0, n)),
            activation=_number(grid),
        )
        outcome = {"x": end[0]}, rate, {"x": x} if grid.record else {}
        return outcome, Kept(start, pull, rate)

    def pushed_forward(
        self,
        grid: Any,
        weights: Array | None,
        kept: Kept,
        drive: Float[Array, "T N"],
        dots: tuple[Any, NestedDict, Array],
    ) -> Outcome:
        """By JAX."""
        return eqx.filter_jvp(
            lambda grid, start, drive: grid.scan(weights, start, drive),
            (grid, kept.start, drive),
            dots,
        )[1]

    def reference(
        self, grid: Any, weights: Array | None, start: NestedDict, drive: Float[Array, "T N"]
    ) -> tuple[Outcome, Kept]:
        """By JAX."""
        recording = dataclasses.replace(grid, record=True)
        end, rate, recorded = recording.scan(weights, start, drive)
        x, emitted = (
            jnp.concatenate([first[None], series])[:-1]
            for first, series in ((start["x"], recorded["x"]), (grid.emitted(start), rate))
        )
        pull = drive - x if weights is None else drive + emitted @ weights - x
        return (end, rate, recorded if grid.record else {}), Kept(start, pull, rate)

    def pulled_back(
        self,
        grid: Any,
        varied: Any,
        weights: Array | None,
        kept: Kept,
        drive: Float[Array, "T N"],
        bars: Outcome,
        train_weights: bool,
    ) -> tuple[Any, Array | None, NestedDict, Array]:
        """By the kernel that goes back."""
        end_bar, rate_bar, recorded_bar = bars
        steps, n = drive.shape
        series, square = (steps, n), (n if weights is not None else 0,) * 2
        matrix, none = _matrix(weights, drive.dtype), jnp.zeros((0, n), drive.dtype)
        values, pull = jax.vjp(lambda varied: constants(eqx.combine(varied, grid), n), varied)
        values_bar, weights_bar, start_bar, drive_bar = _native.call(
            "eqpool_rate_transposed",
            drive.dtype,
            {
                "constants": (values, (2, n)),
                "w_rec": (matrix, square),
                "the transposed w_rec": (matrix.T, square),
                "x": (kept.start["x"][None], (1, n)),
                "the pull": (kept.pull, series),
                "the rates": (kept.rate, series),
                "the cotangent of the rates": (rate_bar, series),
                "the cotangent of x": (end_bar["x"][None], (1, n)),
                "the cotangent of the record": (
                    recorded_bar.get("x", none),
                    series if grid.record else none.shape,
                ),
            },
            (values.shape, (n if train_weights else 0, n), (1, n), drive.shape),
            activation=_number(grid),
        )
        weights_bar = weights_bar if train_weights else None
        return pull(values_bar)[0], weights_bar, {"x": start_bar[0]}, drive_bar


def constants(grid: Any, n: int) -> Float[Array, "2 N"]:
    """What the kernel needs of all that does not depend on the step, row by row."""
    mod = grid.mod
    return jnp.stack([jnp.broadcast_to(x, (n,)) for x in (mod.dt / mod.tau, mod.threshold)])


def _matrix(weights: Array | None, dtype: Any) -> Array:
    return jnp.zeros((0, 0), dtype) if weights is None else weights


def _number(grid: Any) -> Any:
    return np.int64(ACTIVATIONS.index(_function(grid)))


def _function(grid: Any) -> Any:
    return Function(grid.mod.activation_func).unwrapped
