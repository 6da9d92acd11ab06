"""`EventDriven`: exact spike times by adaptive steps that end on events."""

import operator
from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp

from .._errors import describe
from .prepare import max_norm, prepared


class EventDriven(eqx.Module):
    """Spikes at their own times, not on a grid, with exact derivatives of those times.

    A diffrax solver takes adaptive steps, each of which ends where its error estimate says, or
    at the next event, whichever is first: a spike, the arrival of an input, the end of a
    refractory period. Spikes are found as roots of the membrane's distance from its threshold,
    and reach synapses and adaptation at once. Derivatives of spike times, and of everything
    that follows from them, are those of the implicit function theorem, in forward and reverse
    mode; there is no surrogate, and the raster, which is piecewise constant, has none.

    !!! example

        ```python
        mod = eqpool.DynapSim(5, Idc=1e-10, solver=eqpool.EventDriven())
        raster, state, _ = mod(jnp.zeros((100, 20)))  # the same as with every solver
        events = eqpool.Events([2e-3, 7e-3], [0, 4], num_channels=20)
        spikes, state = mod.evolve_events(events, duration=0.1)  # or with times, in and out
        spikes.times, spikes.channels, spikes.count
        ```

    ??? cite

        Wunderlich and Pehle 2021,
        [doi:10.1038/s41598-021-91786-z](https://doi.org/10.1038/s41598-021-91786-z); Chen, Amos
        and Nickel 2021, [doi:10.48550/arXiv.2011.03902](https://doi.org/10.48550/arXiv.2011.03902).
    """

    solver: diffrax.AbstractAdaptiveSolver[Any] = eqx.field(static=True)
    stepsize_controller: diffrax.PIDController | None = eqx.field(static=True)
    max_spikes: int = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)
    progress_meter: diffrax.AbstractProgressMeter[Any] = eqx.field(static=True)

    def __init__(
        self,
        solver: diffrax.AbstractAdaptiveSolver[Any] | None = None,
        stepsize_controller: diffrax.PIDController | None = None,
        max_spikes: int = 1024,
        max_steps: int = 4096,
        *,
        adjoint: None = None,
        progress_meter: diffrax.AbstractProgressMeter[Any] | None = None,
    ):
        """**Arguments:**

        - `solver`: a diffrax solver with an error estimate. Default: `diffrax.Tsit5()`.
        - `stepsize_controller`: tolerances, in nats: of `Imem/Io` in `DynapSim`, in units of
            `Delta_T` in `AdExLIF` (so `rtol` and `atol` mean the same at rest and at threshold);
            and limits to the step: `dtmax` below the width of a crossing that is only just one.
            Default: `rtol = atol` = 1e-6 in float32, 1e-9 in float64; tolerances below the
            precision, 1.2e-7 in float32, count as the precision. Gradients want tolerances
            of 1e-5 or below: at 1e-4 spike times are right to a tenth of a millisecond, and
            gradients may be off by half.
        - `max_spikes`: the most spikes of all neurons together in one run; more are an error,
            which says at which time it was reached. Default 1024.
        - `max_steps`: the most steps of the solver in one run, rejected ones included; more are an
            error, too. Default 4096. A derivative has to keep the state after each of so many.

        - `adjoint`: none. Each step is differentiated at the state that the run had there, in
            forward and reverse mode; there is nothing to choose.
        - `progress_meter`: shows how far the run is, as `diffrax.TqdmProgressMeter()`; in a batch
            how far the slowest one is. Default: `diffrax.NoProgressMeter()`.

        All arguments are static: solvers that are equal by value share compiled functions.

        **Raises:** `TypeError` for a solver without an error estimate and for a controller other
        than `diffrax.PIDController`, and for what is no progress meter; `ValueError` for
        `max_spikes` or `max_steps` below 1, and for an adjoint.
        """
        if solver is None:
            solver = diffrax.Tsit5()
        if not isinstance(solver, diffrax.AbstractAdaptiveSolver):
            raise TypeError(
                "EventDriven: solver must be a diffrax solver with an error estimate, as "
                f"diffrax.Heun(), diffrax.Tsit5() or diffrax.Kvaerno5(); got {describe(solver)}."
            )
        if not isinstance(stepsize_controller, diffrax.PIDController | None):
            raise TypeError(
                "EventDriven: stepsize_controller must be a diffrax.PIDController(rtol=..., "
                f"atol=...); got {describe(stepsize_controller)}."
            )
        if adjoint is not None:
            raise ValueError(
                f"EventDriven: there is no adjoint to choose; got {describe(adjoint)}. It "
                "differentiates each step at the state that the run had there. (BacksolveAdjoint "
                "could not go back over a spike, which forgets the membrane current.)"
            )
        if progress_meter is None:
            progress_meter = diffrax.NoProgressMeter()
        if not isinstance(progress_meter, diffrax.AbstractProgressMeter):
            raise TypeError(
                "EventDriven: progress_meter must be one of diffrax's, as "
                f"diffrax.TqdmProgressMeter(); got {describe(progress_meter)}."
            )
        for name, value in (("max_spikes", max_spikes), ("max_steps", max_steps)):
            if operator.index(value) < 1:
                raise ValueError(f"EventDriven: {name} must be at least 1; got {value}.")
        self.solver = solver
        self.progress_meter = progress_meter
        self.stepsize_controller = stepsize_controller
        self.max_spikes = operator.index(max_spikes)
        self.max_steps = operator.index(max_steps)

    def method(self, dtype: Any) -> Any:
        """The solver, with every tolerance filled in."""
        return prepared(self.solver, _tolerance(dtype))

    def controller(self, dtype: Any) -> diffrax.PIDController:
        """The controller, or the default one; no tolerance is below the precision."""
        tolerance, precision = _tolerance(dtype), float(jnp.finfo(dtype).eps)
        given = self.stepsize_controller
        if given is None:
            return diffrax.PIDController(tolerance, tolerance, norm=max_norm)
        # Rounding alone is an error of that size: shorter steps would not reduce it.
        tolerances = (max(float(x), precision) for x in (given.rtol, given.atol))
        return eqx.tree_at(lambda c: (c.rtol, c.atol), given, tuple(tolerances))


def _tolerance(dtype: Any) -> float:
    return 1e-9 if jnp.finfo(dtype).bits == 64 else 1e-6
