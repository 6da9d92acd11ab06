"""`Events`: spikes as times, not on a grid."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from ._errors import describe, is_concrete


class Events(eqx.Module):
    """Spikes, each with its time and its channel, in order of time.

    Arrays of a fixed length, so that a function that returns them can be compiled: `count` of
    the places are taken, and the rest have time infinity, channel 0 and weight 0.

    !!! example

        ```python
        events = eqpool.Events([1e-3, 4e-3, 4e-3], [0, 2, 1], num_channels=3)
        spikes, state = eqpool.DynapSim(
            3, synapses=("ampa",), Iscale=1e-7, solver=eqpool.EventDriven()
        ).evolve_events(events, duration=20e-3)
        spikes.times, spikes.channels, spikes.count
        spikes.raster(dt=1e-3, num_steps=20)
        ```

    **Attributes:**

    - `times`: s, ascending.
    - `channels`: which channel each belongs to.
    - `weights`: how many spikes each counts for.
    - `count`: how many places are taken.
    - `matrix`: where events have passed a linear layer, what a spike of each of its inputs
        brings to each channel; else `None`.
    - `num_channels`: number of channels.
    """

    times: Float[Array, " M"]
    channels: Int[Array, " M"]
    weights: Float[Array, " M"]
    count: Int[Array, ""]
    matrix: Float[Array, "N_in N"] | None
    num_channels: int = eqx.field(static=True)

    def __init__(
        self,
        times: ArrayLike | list[float],
        channels: ArrayLike | list[int],
        num_channels: int,
        weights: ArrayLike | list[float] = 1.0,
    ):
        """**Arguments:**

        - `times`: s, ascending, not negative, `(M,)`.
        - `channels`: integers from 0 to `num_channels - 1`, `(M,)`.
        - `num_channels`: number of channels.
        - `weights`: of each event, `(M,)` or scalar. Default 1.

        **Raises:** `ValueError` for arrays of other shapes, for times that are out of order,
        negative or not finite, for weights that are not finite, and for channels that do not
        exist; `TypeError` for channels that are not integers. Values that exist only at run
        time are checked when a module is run with them.
        """
        dtype = jnp.result_type(float)
        self.times = jnp.asarray(times, dtype)
        self.channels = jnp.asarray(channels, None if np.size(channels) else int)
        self.num_channels = int(num_channels)
        self.matrix = None
        if self.times.ndim != 1 or self.channels.shape != self.times.shape:
            raise ValueError(
                "Events: times and channels must both be of shape (M,); got "
                f"{describe(self.times)} and {describe(self.channels)}."
            )
        if not jnp.issubdtype(self.channels.dtype, jnp.integer):
            raise TypeError(f"Events: channels must be integers; got {describe(self.channels)}.")
        given = jnp.asarray(weights, dtype)
        if given.shape not in ((), self.times.shape):
            raise ValueError(
                f"Events: weights must be a scalar or of shape {self.times.shape}, as times; got "
                f"{describe(given)}."
            )
        self.channels = self.channels.astype(jnp.int32)
        self.weights = jnp.broadcast_to(given, self.times.shape)
        self.count = jnp.asarray(len(self.times), jnp.int32)
        self.check()

    @classmethod
    def padded(
        cls, times: Array, channels: Array, weights: Array, count: Array, num_channels: int
    ) -> "Events":
        """Events of which only the first `count` count; nothing is checked.

        **Arguments:**

        - `times`, `channels`, `weights`: `(M,)`.
        - `count`: how many places are taken.
        - `num_channels`: number of channels.
        """
        taken = _places(times) < count
        return _build(
            times=jnp.where(taken, times, jnp.inf),
            channels=jnp.where(taken, channels, 0),
            weights=jnp.where(taken, weights, 0.0),
            count=count,
            matrix=None,
            num_channels=num_channels,
        )

    @classmethod
    def from_raster(cls, raster: Float[ArrayLike, "T N"], dt: Float[ArrayLike, ""]) -> "Events":
        """An event at the end of each step for each channel that spikes in it.

        **Arguments:**

        - `raster`: spikes in each step, `(T, N)`; their number becomes the weight.
        - `dt`: time step, s.
        """
        raster = jnp.asarray(raster)
        places = raster.size
        step, channel = jnp.nonzero(raster, size=places, fill_value=0)
        ends = (step + 1).astype(raster.dtype) * jnp.asarray(dt, raster.dtype)
        count = jnp.sum(raster != 0).astype(jnp.int32)
        return cls.padded(
            ends, channel.astype(jnp.int32), raster[step, channel], count, raster.shape[1]
        )

    @property
    def valid(self) -> Bool[Array, " M"]:
        """Which places are taken."""
        return _places(self.times) < self.count

    def through(self, matrix: Float[Array, "N_in N"]) -> "Events":
        """These events behind a matrix of weights, which is applied when they are used.

        **Arguments:**

        - `matrix`: `matrix[i, j]` from channel `i` to channel `j` of the result.
        """
        matrix = matrix if self.matrix is None else self.matrix @ matrix
        return _build(**(vars(self) | dict(matrix=matrix, num_channels=matrix.shape[1])))

    def row(self, index: Int[Array, ""]) -> Float[Array, " N"]:
        """What event number `index` brings to each channel.

        **Arguments:**

        - `index`: from 0 to M - 1.
        """
        channel, weight = self.channels[index], self.weights[index]
        if self.matrix is not None:
            return weight * self.matrix[channel]
        return jnp.where(jnp.arange(self.num_channels, dtype=jnp.int32) == channel, weight, 0.0)

    def values(self) -> Float[Array, "M N"]:
        """What each event brings to each channel; zeros in the places that are not taken."""
        return jax.vmap(self.row)(_places(self.times))

    def raster(self, dt: Float[ArrayLike, ""], num_steps: int) -> Float[Array, "T N"]:
        """Spikes in each step of a grid, `(num_steps, num_channels)`.

        A spike belongs to the step in which it falls; on the border of two, to the later one,
        at whose start it arrives. What falls behind the last step is left out. The raster is
        piecewise constant in the times: only weights have a derivative.

        **Arguments:**

        - `dt`: time step, s.
        - `num_steps`: number of steps.
        """
        # Up to rounding: a multiple of dt is the border that it stands for.
        position = self.times / dt
        step = jnp.floor(position + 8 * jnp.finfo(position.dtype).eps * jnp.abs(position))
        step = jnp.where(self.valid & (step < num_steps), step, num_steps).astype(jnp.int32)
        zeros = jnp.zeros((num_steps, self.num_channels), self.times.dtype)
        if self.matrix is None:
            return zeros.at[step, self.channels].add(self.weights, mode="drop")
        return zeros.at[step].add(self.values(), mode="drop")

    def first_times(self, fill: ArrayLike = jnp.inf) -> Float[Array, " N"]:
        """Time of the first spike of each channel, s: the latencies of a network.

        **Arguments:**

        - `fill`: what stands for a channel without spikes. Default: infinity, which no loss
            should touch; the duration of the run is a better choice there.

        **Raises:** `ValueError` behind a matrix, where an event belongs to many channels.
        """
        self._plain("first_times")
        fill = jnp.asarray(fill, self.times.dtype)
        if not len(self.times):
            return jnp.broadcast_to(fill, (self.num_channels,))
        channel = jnp.arange(self.num_channels, dtype=jnp.int32)
        own = self.valid[None] & (self.channels[None] == channel[:, None])
        first = jnp.argmax(own, axis=1)
        return jnp.where(jnp.any(own, axis=1), self.times[first], fill)

    def trains(self) -> list[np.ndarray]:
        """The spike times of each channel, s, as arrays of NumPy.

        **Raises:** `ValueError` behind a matrix, where an event belongs to many channels.
        """
        self._plain("trains")
        times, channels, valid = map(np.asarray, (self.times, self.channels, self.valid))
        return [times[valid & (channels == n)] for n in range(self.num_channels)]

    def _plain(self, method: str) -> None:
        if self.matrix is not None:
            raise ValueError(
                f"Events.{method}: these events have passed a linear layer and belong to many "
                "channels; ask those that went into it, or `values()`."
            )

    def check(self, duration: ArrayLike = jnp.inf) -> None:
        """Looks at values that can be looked at now, outside any transform.

        **Arguments:**

        - `duration`: end of the run that these events are for, s. Default: none.

        **Raises:** `ValueError` for events that are out of order, outside the run, not finite or
        of channels that do not exist.
        """
        if not all(map(is_concrete, (self.times, self.channels, self.weights, duration))):
            return
        for bad, message in self.faults(duration):
            if np.any(bad):
                first = int(np.argmax(bad))
                raise ValueError(
                    f"{message} Event {first} has time {float(self.times[first])!r} s, channel "
                    f"{int(self.channels[first])}, weight {float(self.weights[first])!r}."
                )

    def faults(self, duration: ArrayLike) -> list[tuple[Array, str]]:
        """Which events are wrong, and what to say of them; for runs of this duration, s.

        **Arguments:**

        - `duration`: end of the run, s.
        """
        valid, times = self.valid, self.times
        duration = jnp.asarray(duration, times.dtype)
        last = self.num_channels if self.matrix is None else len(self.matrix)
        earlier = jnp.concatenate([times[:1], times[:-1]])
        return [
            (valid & ~jnp.isfinite(times), "Events: a time is NaN or infinite."),
            (valid & (times < 0.0), "Events: a time is negative; runs start at 0."),
            (valid & (times < earlier), "Events: times are out of order; sort them first."),
            (
                valid & (times > duration),
                "Events: an event comes after the end of the run; make `duration` longer, or leave "
                "the event out.",
            ),
            (valid & ~jnp.isfinite(self.weights), "Events: a weight is NaN or infinite."),
            (
                valid & ((self.channels < 0) | (self.channels >= last)),
                f"Events: a channel is not between 0 and {last - 1}.",
            ),
        ]


def _places(times: Array) -> Int[Array, " M"]:
    return jnp.arange(len(times), dtype=jnp.int32)


def _build(**fields: Any) -> Events:
    # Past the constructor, whose checks are for what users hand over.
    events = object.__new__(Events)
    for name, value in fields.items():
        object.__setattr__(events, name, value)
    return events
