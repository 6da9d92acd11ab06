"""A neuron from event to event."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .._event_driven import AbstractFlow, exact_events, exact_raster, Neurons
from .._events import Events
from .._sparse import as_factor
from .._types import NestedDict
from .equations import Equations, in_si, in_units, names_of_states, on_floors, Start, states_of


def run_exactly(
    mod: Any, input_data: Float[Array, "T N_in"], record: bool
) -> tuple[Array, NestedDict, NestedDict]:
    """Raster, new state and record of an `AbstractNeuron`."""
    flow, start = _beginning(mod)
    spikes, state, recorded = exact_raster(mod, flow, start, input_data, record)
    return spikes, in_si(mod, state) | _key(mod), in_si(mod, recorded)


def run_between_events(
    mod: Any, events: Events, duration: Float[Array, ""]
) -> tuple[Events, NestedDict]:
    """Output events and new state of an `AbstractNeuron`."""
    flow, start = _beginning(mod)
    spikes, state = exact_events(mod, flow, start, events, duration)
    return spikes, in_si(mod, state) | _key(mod)


def _key(mod: Any) -> NestedDict:
    return {} if mod.rng_key is None else {"rng_key": mod.rng_key}


_ROUNDINGS = 16
"""A kink is passed once what changes sign there is beyond zero by this many times the machine
epsilon of what it adds up: more than the rounding of the next step can undo."""


class Flow(AbstractFlow):
    """The integrated states, `(R, N)`, in the coordinates of the model.

    What decays between events is all other states by name, and 1 for each neuron that is below
    threshold, where a spike does not take it there.
    """

    equations: Equations

    @property
    def mod(self) -> Any:
        return self.equations.mod

    def arriving(self, from_input: Float[Array, " N_in"]) -> Float[Array, "..."]:
        return self.mod.channels(from_input)

    def sent(self, over_weights: Float[Array, " N_in"]) -> Float[Array, "..."]:
        # Weights have synapse types in front, as what `channels` returns.
        return over_weights.reshape(jax.eval_shape(self.mod.channels, over_weights).shape)

    def start(self, now: Neurons) -> Start:
        others, *armed = now.currents
        active = None if self.mod.timer_ref is None else now.ready <= now.t
        below = armed[0] > 0.0 if armed else None
        return self.equations.beginning(self.by_name(now.y), others, active, below)

    def __call__(self, t: Any, y: Float[Array, "R N"], start: Start) -> Float[Array, "R N"]:
        return self.stacked(self.equations(t, self.by_name(y), start))

    def distance(self, t: Any, y: Float[Array, "R N"], start: Start) -> Float[Array, " N"]:
        u = self._height(t, y, start)
        for able in (start.active if self.mod.holds else None, start.armed):
            if able is not None:
                u = jnp.where(able, u, -1.0)
        return u

    def first_step(self) -> Float[Array, ""]:
        return jnp.asarray(self.mod.first_step(), self.mod.dt.dtype)

    def longest_step(self, now: Neurons) -> Float[Array, ""]:
        at = self.equations.at(jnp.zeros_like(now.t), self.start(now))
        return jnp.asarray(self.mod.longest_step(self.by_name(now.y), at), now.t.dtype)

    def regime(self, t: Any, y: Float[Array, "R N"], start: Start) -> Bool[Array, "K N"]:
        """Sides of the kinks, and whether a neuron beyond its threshold is below it again."""
        rounding = _ROUNDINGS * float(jnp.finfo(y.dtype).eps)
        rows = [*self.equations.sides(t, self.by_name(y), start, rounding).values()]
        if start.armed is not None:
            rows.append(self._rearmed(t, y, start))
        return jnp.stack(rows) if rows else jnp.zeros((0, y.shape[-1]), bool)

    def hides(self, now: Neurons, inside: Float[Array, "P R N"], tolerance: Any) -> Bool[Array, ""]:
        """Whether a state went below its floor and came up again."""
        found = jnp.zeros((), bool)
        for row, floor in self._floors():
            y, parts = now.y[row] - floor, inside[:, row] - floor[None]
            dips = (y > 0.0) & jnp.any(parts < -tolerance, 0) & (parts[-1] > parts[-2])
            found = found | jnp.any(dips)
        return found

    def land(
        self,
        now: Neurons,
        y: Float[Array, "R N"],
        t: Float[Array, ""],
        elapsed: Float[Array, ""],
        fired: Bool[Array, " N"],
        arriving: Float[Array, "..."],
    ) -> Neurons:
        mod, (others, *armed) = self.mod, now.currents
        equations = self.equations
        spikes = fired.astype(y.dtype)
        before = equations.from_coordinates(self.by_name(y)) | equations.later(others, elapsed)
        before = before | {"spikes": spikes}
        after = mod.fire(mod.arrive(before, arriving), spikes)
        new, old = (self.stacked(equations.coordinates(s)) for s in (after, before))
        # What stays is not rounded to other coordinates and back; what is reset forgets where it
        # was, which may be beyond the threshold.
        new = jnp.where(fired, new, y + (new - old))
        for row, floor in self._floors():
            new = new.at[row].set(jnp.where(new[row] < floor, floor, new[row]))
        if armed:
            start = self.start(now)
            below, above = self._rearmed(elapsed, y, start), fired
            if start.active is not None:
                # What has crossed while refractory is no spike afterwards.
                above = above | (~start.active & (self._height(elapsed, y, start) >= 0.0))
            armed = [jnp.where(above, 0.0, jnp.where(below, 1.0, armed[0]))]
        ready = now.ready
        if mod.timer_ref is not None:
            ready = jnp.where(fired, t + equations.constant("t_ref"), ready)
        return Neurons(t, new, ({name: after[name] for name in others}, *armed), ready)

    def named(self, now: Neurons) -> NestedDict:
        return self.equations.from_coordinates(self.by_name(now.y)) | now.currents[0]

    def by_name(self, y: Float[Array, "R N"]) -> NestedDict:
        """Integrated states as a model knows them."""
        return dict(zip(self.mod.integrated, y, strict=True))

    def stacked(self, y: NestedDict) -> Float[Array, "R N"]:
        """Integrated states as the engine knows them."""
        return jnp.stack([y[name] for name in self.mod.integrated])

    def _rearmed(self, t: Any, y: Float[Array, "R N"], start: Start) -> Bool[Array, " N"]:
        # By more than the next step can undo.
        margin = -64.0 * jnp.finfo(y.dtype).eps * (1.0 + jnp.max(jnp.abs(y), 0))
        assert start.armed is not None
        return ~start.armed & (self._height(t, y, start) < margin)

    def _floors(self) -> list[tuple[int, Array]]:
        """Which rows have a floor, and at which coordinate."""
        mod, found = self.mod, []
        for name, low in mod.floors.items():
            s = {other: getattr(mod, other) for other in mod.integrated}
            s |= {name: jnp.broadcast_to(getattr(mod, low), (mod.size_out,))}
            found.append((mod.integrated.index(name), self.equations.coordinates(s)[name]))
        return found

    def _height(self, t: Any, y: Float[Array, "R N"], start: Start) -> Float[Array, " N"]:
        return self.mod.distance(self.by_name(y), self.equations.at(t, start))


def _beginning(mod: Any) -> tuple[Flow, Neurons]:
    """The neurons at the start of a run."""
    mod = in_units(mod)
    flow = Flow(Equations(mod, exact=True))
    arriving = jnp.zeros((mod.size_in,), mod.spikes.dtype)
    if mod.w_rec is not None:
        arriving = mod.spikes @ as_factor(mod.w_rec)
    # Spikes of the step before, on a grid, arrive now.
    s = flow.mod.arrive(on_floors(mod, states_of(mod)), flow.sent(arriving))
    given = {"spikes", "timer_ref", *mod.integrated}
    others = {name: s[name] for name in names_of_states(mod) if name not in given}
    y = flow.stacked(flow.equations.coordinates(s))
    if mod.noise_std is not None:
        y = eqx.error_if(
            y,
            jnp.any(mod.noise_std > 0.0),
            f"{mod.full_name}: EventDriven integrates equations without noise; set noise_std = 0, "
            "or take a solver on a grid.",
        )
    ready = jnp.zeros_like(mod.spikes) if mod.timer_ref is None else mod.timer_ref
    armed = []
    if not mod.resets:
        below = flow.distance(jnp.zeros_like(mod.dt), y, Start(others)) < 0.0
        armed = [below.astype(y.dtype)]
    return flow, Neurons(jnp.zeros_like(mod.dt), y, (others, *armed), ready)
