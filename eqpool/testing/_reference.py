"""A neuron by short steps of Heun, straight from its declaration: what event times are held to."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .._neuron.equations import decay_factors, in_units, states_of
from ._subject import dense_weights


KEPT = 4
"""Spikes of each neuron that are kept."""


class Found(NamedTuple):
    """What the neurons did.

    **Attributes:**

    - `times`: of their first spikes, s, `(N, KEPT)`; infinity where there were none.
    - `spikes`: how many there were, `(N,)`.
    - `after`: the largest distance from threshold right after a spike.
    """

    times: Float[Array, "N K"]
    spikes: Int[Array, " N"]
    after: Float[Array, ""]


@jax.jit
def by_short_steps(mod: Any, x: Float[Array, "T N_in"], parts: Int[Array, ""]) -> Found:
    """A run without noise, of `parts` steps in each interval of the grid; spikes arrive at once."""
    mod = in_units(mod)
    dt, membrane, weights = mod.dt, mod.spiking[0], dense_weights(mod)
    constants = mod.constants() | {"exact": False}
    h = dt / parts.astype(dt.dtype)

    none = jnp.zeros_like(mod.spikes)

    def arriving(spikes: Any) -> Any:
        if weights is None:
            return mod.channels(jnp.zeros((mod.size_in,), spikes.dtype))
        return mod.channels(spikes @ weights.reshape(len(spikes), -1))

    def later(others: Any, t: Any) -> Any:
        factors = decay_factors(mod, t, constants)
        return others | {name: others[name] * x for name, x in factors.items()}

    def around(others: Any, active: Any) -> Any:
        at = constants | {"active": None if mod.timer_ref is None else active}
        return others | at

    def slope(y: Any, t: Any, others: Any, active: Any) -> Any:
        dy = mod.derivative(y, around(later(others, t), active))
        if mod.resets and mod.holds:
            dy = dy | {membrane: jnp.where(active, dy[membrane], 0.0)}
        return dy

    def split(s: Any) -> tuple[Any, Any]:
        return mod.coordinates(s, constants), {
            n: v for n, v in s.items() if n not in mod.integrated
        }

    def part(i: Any, carry: Any) -> Any:
        y, others, now, ready, found = carry
        active = ready <= now + 1e-6 * h
        start = mod.distance(y, around(others, active))
        first = slope(y, 0.0 * h, others, active)
        guess = {name: y[name] + h * dy for name, dy in first.items()}
        second = slope(guess, h, others, active)
        y = {name: y[name] + 0.5 * h * (first[name] + second[name]) for name in y}
        others = later(others, h)
        end = mod.distance(y, around(others, active))
        spiked = (active | ~jnp.asarray(mod.holds)) & (end >= 0.0) & (mod.resets | (start < 0.0))
        spikes = spiked.astype(end.dtype)
        crossing = jnp.where(spiked & (start < 0.0), start / (start - end), 0.0)
        time = now + h * crossing

        before = others | mod.from_coordinates(y, constants) | {"spikes": spikes}
        s = mod.arrive(before, arriving(spikes))
        old, (new, others) = mod.coordinates(before, constants), split(mod.fire(s, spikes))
        # What stays is not rounded to other coordinates and back.
        y = {n: jnp.where(spiked, new[n], y[n] + (new[n] - old[n])) for n in y}
        if mod.timer_ref is not None:
            ready = jnp.where(spiked, time + mod.t_ref, ready)
        place = jnp.where(spiked, found.spikes, KEPT)
        rows = jnp.arange(len(place))
        left = jnp.where(spiked, mod.distance(y, around(others, active)), -jnp.inf)
        return y, others, now + h, ready, Found(
            found.times.at[rows, place].set(time, mode="drop"),
            found.spikes + spiked.astype(found.spikes.dtype),
            jnp.maximum(found.after, left.max()),
        )  # fmt: skip

    def step(carry: Any, now: Any) -> Any:
        s, ready, found = carry
        row, t = now
        y, others = split(mod.arrive(s | {"spikes": none}, mod.channels(row)))
        y, others, _, ready, found = jax.lax.fori_loop(0, parts, part, (y, others, t, ready, found))
        return (others | mod.from_coordinates(y, constants), ready, found), None

    s = mod.arrive(states_of(mod), arriving(mod.spikes))
    ready = none if mod.timer_ref is None else mod.timer_ref
    found = Found(jnp.full((mod.size, KEPT), jnp.inf), none.astype(int), jnp.asarray(-jnp.inf))
    times = dt * jnp.arange(len(x), dtype=dt.dtype)
    return jax.lax.scan(step, (s, ready, found), (x, times))[0][2]
