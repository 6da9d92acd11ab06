"""A neuron that emits rates, over its time grid."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._explain import tell
from .._scan import scan_steps
from .._types import NestedDict
from .equations import decay_factors, states_of, without_weights
from .noise import add_noise
from .rate_check import check_rates
from .recurrent import (
    AbstractGrid,
    AbstractKernel,
    arriving,
    as_weights,
    Outcome,
    run_recurrent,
    Weights,
)


def run_rates(
    mod: Any, input_data: Float[Array, "T N"], record: bool
) -> tuple[Array, NestedDict, NestedDict]:
    """Rates, new state and record of an `AbstractRateNeuron` over its time grid."""
    check_rates(mod)
    drive, key = input_data, {}
    if mod.noise_std is not None:
        drive, rng_key = add_noise(drive, mod.noise_std, mod.dt, mod.rng_key)
        key = {"rng_key": rng_key}
    held, weights, start = mod.solver.single_stage, as_weights(mod.w_rec), states_of(mod)
    grid = Grid(without_weights(mod), decay_factors(mod, mod.dt), held, record)
    if held:
        outcome = run_recurrent(grid, weights, start, drive, mod.solver.forward_mode)
    else:
        # In the stages of a step rates arrive that are not those of a grid point.
        tell(False, "a scan: its solver has stages inside a step.")
        outcome = grid.scan(weights, start, drive)
    end, rates, recorded = outcome
    return rates, end | key, recorded


class Equations(eqx.Module):
    """A model's vector field as diffrax takes it: a module, so that adjoints see what is in it.

    **Attributes:**

    - `mod`: an `AbstractRateNeuron` without its weights.
    - `weights`: over which rates arrive at every moment; `None` where the drive holds them.
    """

    mod: Any
    weights: Weights

    def __call__(self, t: Any, y: NestedDict, start: tuple[NestedDict, Array]) -> NestedDict:
        others, drive = start
        factors = decay_factors(self.mod, t)
        others = others | {name: others[name] * x for name, x in factors.items()}
        if self.weights is not None:
            drive = drive + arriving(self.mod.activation(y | others), self.weights, drive.shape)
        return self.mod.derivative(y, others | {"drive": drive})


class Grid(AbstractGrid):
    """What all steps share."""

    mod: Any
    decay: NestedDict
    held: bool = eqx.field(static=True)
    record: bool = eqx.field(static=True)

    def advance(self, weights: Weights, s: NestedDict, drive: Float[Array, " N"]) -> NestedDict:
        """One step: what arrives, and the equations over the interval."""
        mod, total = self.mod, drive
        if weights is not None:
            total = drive + arriving(mod.activation(s), weights, drive.shape)
        s = mod.arrive(s, total)
        y = {name: s[name] for name in mod.integrated}
        others = {name: x for name, x in s.items() if name not in y}
        if y:
            equations = Equations(mod, None if self.held else weights)
            start = others, total if self.held else drive
            y = mod.solver.step(equations, mod.dt, y, start)
        return others | {name: others[name] * x for name, x in self.decay.items()} | y

    def scan(self, weights: Weights, start: NestedDict, drive: Float[Array, "T N"]) -> Outcome:
        """All steps: the last state, rates and record."""

        def step(s: NestedDict, drive: Array) -> tuple[NestedDict, NestedDict]:
            s = self.advance(weights, s, drive)
            return s, s

        end, s = scan_steps(step, start, drive)
        return end, jax.vmap(self.emitted)(s), s if self.record else {}

    def emitted(self, start: NestedDict) -> Float[Array, " N"]:
        """The rates of these states."""
        return self.mod.activation(start)

    def kernel(self, weights: Weights, drive: Array) -> AbstractKernel | str:
        """As the model says."""
        return self.mod.kernel(self, weights, drive)
