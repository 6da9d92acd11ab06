"""What a run from event to event is given."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .._events import Events
from .._solver import EventDriven
from .base import AbstractFlow
from .move import ARRIVAL, GRID, Move, SPIKE


class Problem(eqx.Module):
    """**Attributes:**

    - `flow`: the neurons.
    - `events`: input, in the order of the channels of the module.
    - `upcoming`: the first event at or after each place that brings anything.
    - `marks`: times at which the state is wanted, s; the last is the end of the run.
    - `w_rec`: recurrent weights, `(N, N)` or `(N, N, K)`.
    """

    flow: AbstractFlow
    solver: EventDriven
    events: Events
    upcoming: Int[Array, " Places"]
    marks: Float[Array, " G"]
    w_rec: Float[Array, "N N *K"] | None

    def arriving(self, kind: Int[Array, ""], index: Int[Array, ""]) -> Float[Array, "*K N"]:
        """What arrives at each synapse at the end of a move."""
        shape = self.flow.tau_syn.shape
        zero = jnp.zeros(shape[::-1], self.marks.dtype)
        rows = zero
        if len(self.events.times):
            row = self.events.row(jnp.where(kind == ARRIVAL, index, 0))
            rows = jnp.where(kind == ARRIVAL, row.reshape(zero.shape), rows)
        if self.w_rec is not None:
            row = self.w_rec[jnp.where(kind == SPIKE, index, 0)]
            rows = jnp.where(kind == SPIKE, row, rows)
        return rows.T  # synapse types in front

    def due(self, move: Move) -> Float[Array, ""]:
        """When the input or grid point that ends a move is, s; 0 for other ends."""
        times = self.events.times
        mark = self.marks[jnp.where(move.kind == GRID, move.which, 0)]
        if not len(times):
            return mark
        arrival = times[jnp.where(move.kind == ARRIVAL, move.which, 0)]
        return jnp.where(move.kind == ARRIVAL, arrival, mark)


def upcoming(takes_part: Bool[Array, " M"]) -> Int[Array, " M+1"]:
    """For each place, the first one at or after it that takes part; M where there is none."""
    places = len(takes_part)
    index = jnp.where(takes_part, jnp.arange(places, dtype=jnp.int32), places)
    index = jnp.concatenate([index, jnp.full((1,), places, jnp.int32)])
    return jax.lax.cummin(index, reverse=True)
