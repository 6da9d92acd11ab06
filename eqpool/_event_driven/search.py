"""Where in a step its end has to be: at the first spike, or where the equation has a kink."""

from typing import Any

import jax
import jax.numpy as jnp
from equinox.internal import unvmap_any
from jaxtyping import Array, Bool, Float, Int

from .._solver import EventDriven
from .base import AbstractFlow, Neurons
from .move import attempt, climb


PARTS = 4
"""A step is looked at after each of so many parts, so that what comes and goes is seen, too."""

_BISECTIONS, _NEWTON_STEPS = 24, 3


def look_inside(
    method: Any, dense: Any, y: Float[Array, "*R N"], length: Float[Array, ""]
) -> Float[Array, "P *R N"]:
    """`y` after each part of a step."""
    # No division by zero in a step without length, at which nobody looks.
    length = jnp.where(length > 0.0, length, 1.0)
    path = method.interpolation_cls(t0=jnp.zeros_like(length), t1=length, **dense)
    fractions = jnp.arange(1, PARTS, dtype=length.dtype) / PARTS
    return jnp.concatenate([jax.vmap(path.evaluate)(fractions * length), y[None]])


def first_end(
    flow: AbstractFlow,
    solver: EventDriven,
    now: Neurons,
    inside: Float[Array, "P *R N"],
    dense: Any,
    length: Float[Array, ""],
) -> tuple[Bool[Array, ""], Bool[Array, ""], Float[Array, ""], Int[Array, ""], Array]:
    """Where a step has to end early: at a spike, or at a kink of the vector field.

    Dense output brackets it. For a spike, Newton's method with whole steps of the solver then
    finds the crossing, so that it is as exact as a step and not as an interpolant.

    **Returns:** whether it ends early, whether with a spike, after which time, the neuron, and
    `y` then.
    """
    start = flow.start(now)
    here = flow.regime(jnp.zeros_like(length), now.y, start)

    def ended(t: Array, y: Array) -> Array:
        crossed = jnp.any(flow.distance(t, y, start) >= 0.0)
        return crossed | jnp.any(flow.regime(t, y, start) != here)

    times = length * jnp.arange(1, len(inside) + 1, dtype=length.dtype) / len(inside)
    distances = jax.vmap(lambda t, y: flow.distance(t, y, start))(times, inside)
    above = jnp.any(distances >= 0.0, axis=1)
    above = above.at[-1].set(ended(length, inside[-1]))
    found = jnp.any(above) & (length > 0.0)

    def refine() -> tuple[Array, Array, Array, Array]:
        path = solver.method(length.dtype).interpolation_cls(
            t0=jnp.zeros_like(length), t1=jnp.where(found, length, 1.0), **dense
        )
        high = (jnp.argmax(above) + 1).astype(length.dtype) / PARTS
        # A kink shows at the end of the step only, wherever it is.
        low = jnp.where(jnp.any(above[:-1]), high - 1.0 / PARTS, 0.0)

        def halve(_: Array, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
            low, high = bracket
            middle = 0.5 * (low + high)
            yes = ended(middle, path.evaluate(middle))
            return jnp.where(yes, low, middle), jnp.where(yes, middle, high)

        _, high = jax.lax.fori_loop(0, _BISECTIONS, halve, (low * length, high * length))
        beyond = flow.distance(high, path.evaluate(high), start)
        neuron = jnp.argmax(beyond).astype(jnp.int32)
        spikes = jnp.any(beyond >= 0.0)

        def newton(_: Array, elapsed: Array) -> Array:
            y, _, _ = attempt(flow, solver, now, elapsed)
            slope = climb(flow, elapsed, y, flow(elapsed, y, start), start)[neuron]
            # Where the slope vanishes, the membrane just touches: the bracket has to do.
            short = -flow.distance(elapsed, y, start)[neuron]
            step = short / jnp.where(slope > 0.0, slope, jnp.inf)
            return jnp.where(spikes, jnp.clip(elapsed + step, 0.0, length), elapsed)

        elapsed = jax.lax.fori_loop(0, _NEWTON_STEPS, newton, high)
        return spikes, elapsed, neuron, attempt(flow, solver, now, elapsed)[0]

    whole = jnp.zeros_like(found), length, jnp.zeros((), jnp.int32), inside[-1]
    # Under `vmap` all search while one does; the others keep their whole step.
    ended_early = jax.lax.cond(unvmap_any(found), refine, lambda: whole)
    chosen = jax.tree.map(lambda a, b: jnp.where(found, a, b), ended_early, whole)
    return found, *chosen
