"""A run of `RateJax` over its time grid."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ... import physics
from ..._attribute import Function
from ..._neuron.noise import add_noise
from ..._neuron.recurrent import (
    AbstractGrid,
    AbstractKernel,
    all_arriving,
    as_weights,
    Outcome,
    run_recurrent,
    Weights,
)
from ..._scan import scan_steps
from ..._solver import AbstractStepper, ForwardEuler, RockpoolEuler
from ..._types import NestedDict, PerNeuron
from ..in_range import in_range
from .kernel import Kernel, supported


def simulate(
    mod: Any, input_data: Float[Array, "T N"], record: bool
) -> tuple[Array, NestedDict, NestedDict]:
    """Rates, new state and record of a `RateJax`."""
    bias = jnp.broadcast_to(mod.bias, input_data.shape)
    drive = in_range(input_data) + bias
    drive, rng_key = add_noise(drive, mod.noise_std, mod.dt, mod.rng_key)
    grid = grid_of(mod, record)
    # With stages inside a step, rates arrive that are none of the grid's.
    euler = isinstance(mod.solver, (ForwardEuler, RockpoolEuler))
    scan = run_recurrent if euler else Grid.scan
    weights, start = as_weights(mod.w_rec), mod.x
    x, rate, recorded = scan(grid, weights, start, drive)
    if record:
        # Not by the scan, whose rule for the derivative wrt weights knows only of the drive.
        before = jnp.concatenate([start[None], recorded["x"]])[:-1]
        recorded["rec_input"] = all_arriving(jax.vmap(grid.emitted)(before), weights, start.shape)
    return rate, {"x": x, "rng_key": rng_key}, recorded


def grid_of(mod: Any, record: bool = False) -> "Grid":
    """What all steps of a `RateJax` share."""
    # A plain function may have been put there by `eqx.tree_at`.
    return Grid(Function(mod.activation_func), mod.solver, mod.tau, mod.threshold, mod.dt, record)


class Grid(AbstractGrid):
    """What all steps share."""

    activation: Function
    solver: AbstractStepper
    tau: PerNeuron
    threshold: PerNeuron
    dt: Float[Array, ""]
    record: bool = eqx.field(static=True)

    def scan(
        self, weights: Weights, start: Float[Array, " N"], drive: Float[Array, "T N"]
    ) -> Outcome:
        """All steps: the last state, rates and record."""

        def step(x: Array, drive: Array) -> tuple[Array, Array]:
            x = self.solver.step(RateField(self, weights), self.dt, x, drive)
            return x, x

        end, x = scan_steps(step, start, drive)
        rate = jax.vmap(self.emitted)(x)
        return end, rate, {"x": x} if self.record else {}

    def emitted(self, start: Float[Array, " N"]) -> Float[Array, " N"]:
        """The rates of a state, in its dtype: the function is the user's."""
        return jnp.asarray(self.activation(start, self.threshold), start.dtype)

    def kernel(self, weights: Weights, drive: Array) -> AbstractKernel | None:
        """By forward Euler, with an activation that the kernel knows."""
        return Kernel() if supported(self, weights, drive) else None


class RateField(eqx.Module):
    """`dx/dt` in 1/s, as diffrax takes it: a module, so that adjoints see what is in it."""

    grid: Grid
    weights: Weights

    def __call__(
        self, t: Float[Array, ""], x: Float[Array, " N"], drive: Float[Array, " N"]
    ) -> Float[Array, " N"]:
        drive = drive + recurrent_input(self.grid.emitted(x), self.weights)
        return physics.rate_derivative(x, drive, self.grid.tau)


def recurrent_input(rate: Float[Array, " N"], weights: Weights) -> Float[Array, " N"]:
    """`rate @ w_rec`, or zeros in a feed-forward layer."""
    return jnp.zeros_like(rate) if weights is None else rate @ weights
