"""What a run from event to event is given."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .._events import Events
from .._solver import EventDriven
from .._sparse import Factor, row
from .base import AbstractFlow
from .move import ARRIVAL, GRID, Move, SPIKE


class Problem(eqx.Module):
    """**Attributes:**

    - `flow`: the neurons.
    - `events`: input, in the order of the channels of the module.
    - `upcoming`: the first event at or after each place that brings anything.
    - `marks`: times at which the state is wanted, s; the last is the end of the run.
    - `recurrent`: recurrent weights, `(N, K*N)` with synapse types in front.
    """

    flow: AbstractFlow
    solver: EventDriven
    events: Events
    upcoming: Int[Array, " Places"]
    marks: Float[Array, " G"]
    recurrent: Float[Array, "N KN"] | Factor | None

    def arriving(self, kind: Int[Array, ""], index: Int[Array, ""]) -> Float[Array, "..."]:
        """What arrives at each synapse at the end of a move."""
        none = jnp.zeros((self.events.num_channels,), self.marks.dtype)
        found = self.flow.arriving(none)
        if len(self.events.times):
            given = self.events.row(jnp.where(kind == ARRIVAL, index, 0))
            found = jnp.where(kind == ARRIVAL, self.flow.arriving(given), found)
        if self.recurrent is not None:
            sent = self.flow.sent(row(self.recurrent, jnp.where(kind == SPIKE, index, 0)))
            found = jnp.where(kind == SPIKE, sent, found)
        return found

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
