"""`DynapSim` on Rockpool's grid by a kernel in C++: its arguments, its derivative."""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import _native, physics
from .._neuron.recurrent import AbstractKernel, Outcome
from .._solver import RockpoolEuler
from .._sparse import Factor
from .._surrogate import AbstractSurrogate, Arctan, FastSigmoid, Gaussian, PiecewiseLinear
from .._types import NestedDict


TYPES = ("ampa", "gaba", "nmda", "shunt")
_OTHER_STATES = ("iahp", "imem", "vmem", "spikes", "timer_ref")
SURROGATES = (PiecewiseLinear, FastSigmoid, Arctan, Gaussian)


def kernel_of(grid: Any, weights: Any, drive: Array) -> "Kernel | None":
    """The kernel, if it computes this run, on this machine."""
    mod = grid.equations.bare
    supported = (
        type(mod.solver) is RockpoolEuler
        and type(mod.surrogate) in SURROGATES
        and not isinstance(weights, Factor)
        and _native.all_known(drive.shape)
        and _native.ready("dynapsim", drive.dtype.name)
    )
    return Kernel() if supported else None


class Kernel(AbstractKernel):
    """See [`eqpool.native_kernels`][] for when it runs."""

    def run(
        self,
        grid: Any,
        weights: Array | None,
        start: NestedDict,
        drive: Float[Array, "T *K N"],
        keep: bool,
    ) -> tuple[Outcome, Float[Array, "C S"]]:
        """The run, and if wanted the state at the start of each segment."""
        layout = _Layout(grid, drive.shape)
        spikes, end, record, kept = _native.call(
            "eqpool_dynapsim_forward",
            drive.dtype,
            {
                "constants": (constants(grid), layout.constants),
                "w_rec": (layout.matrix(weights, drive.dtype), layout.square(weights)),
                "the state": (layout.packed(start), (layout.states, layout.neurons)),
                "input_data": (drive.reshape(layout.steps, -1), (layout.steps, layout.width)),
            },
            (
                (layout.steps, layout.neurons),
                (layout.states, layout.neurons),
                (layout.steps if grid.record else 0, layout.size),
                (layout.segments if keep else 0, layout.size),
            ),
            **layout.attributes,
        )
        recorded = {}
        if grid.record:
            recorded = layout.carry(record.reshape(-1, layout.states, layout.neurons))
            del recorded["timer_ref"]
        return (layout.carry(end), spikes, recorded), kept

    def pushed_forward(
        self,
        grid: Any,
        weights: Array | None,
        kept: Float[Array, "C S"],
        drive: Float[Array, "T *K N"],
        dots: tuple[Any, NestedDict, Array],
    ) -> Outcome:
        """By JAX, segment after segment, from the states that were kept."""
        layout = _Layout(grid, drive.shape)
        grid_dot, start_dot, drive_dot = dots

        def segment(
            start_dot: NestedDict, now: tuple[Array, Array, Array]
        ) -> tuple[NestedDict, Any]:
            start, drive, drive_dot = now
            _, (end_dot, *rest) = eqx.filter_jvp(
                lambda grid, start, drive: grid.scan(weights, start, drive),
                (grid, layout.carry(start.reshape(layout.states, -1)), drive),
                (grid_dot, start_dot, drive_dot),
            )
            return end_dot, tuple(rest)

        end_dot, rest = layout.by_segments(segment, start_dot, (drive, drive_dot), kept)
        return end_dot, *rest

    def reference(
        self, grid: Any, weights: Array | None, start: NestedDict, drive: Float[Array, "T *K N"]
    ) -> tuple[Outcome, Float[Array, "C S"]]:
        """By JAX, segment after segment."""
        layout = _Layout(grid, drive.shape)
        # The surrogate is the derivative of spikes; what has derivatives already keeps the spikes.
        staircase = _Staircase(layout.surrogate.max_spikes_per_dt)
        grid = eqx.tree_at(lambda g: g.equations.bare.surrogate, grid, staircase)

        def segment(start: NestedDict, now: tuple[Array]) -> tuple[NestedDict, Any]:
            end, spikes, recorded = grid.scan(weights, start, now[0])
            kept = jnp.broadcast_to(layout.packed(start).reshape(-1), (len(spikes), layout.size))
            return end, (spikes, recorded, kept)

        end, (spikes, recorded, kept) = layout.by_segments(segment, start, (drive,))
        return (end, spikes, recorded), kept[:: layout.segment]

    def pulled_back(
        self,
        grid: Any,
        varied: Any,
        weights: Array | None,
        kept: Float[Array, "C S"],
        drive: Float[Array, "T *K N"],
        bars: Outcome,
        train_weights: bool,
    ) -> tuple[Any, Array | None, NestedDict, Array]:
        """By the kernel that goes back, segment after segment."""
        layout = _Layout(grid, drive.shape)
        end_bar, spikes_bar, recorded_bar = bars
        if grid.record:
            none = jnp.zeros_like(recorded_bar["vmem"])
            record_bar = layout.packed(recorded_bar | {"timer_ref": none})
        else:
            record_bar = jnp.zeros((0, layout.size), drive.dtype)
        wanted = bool(jax.tree.leaves(varied))
        values, pull = jax.vjp(lambda varied: constants(eqx.combine(varied, grid)), varied)
        matrix, square = layout.matrix(weights, drive.dtype), layout.square(weights)
        values_bar, weights_bar, start_bar, drive_bar = _native.call(
            "eqpool_dynapsim_transposed",
            drive.dtype,
            {
                "constants": (values, layout.constants),
                "w_rec": (matrix, square),
                "the transposed w_rec": (matrix.T, square[::-1]),
                "the states": (kept, (layout.segments, layout.size)),
                "input_data": (drive.reshape(layout.steps, -1), (layout.steps, layout.width)),
                "the cotangent of the spikes": (spikes_bar, (layout.steps, layout.neurons)),
                "the cotangent of the state": (
                    layout.packed(end_bar),
                    (layout.states, layout.neurons),
                ),
                "the cotangent of the record": (
                    record_bar,
                    (layout.steps if grid.record else 0, layout.size),
                ),
            },
            (
                layout.constants if wanted else (0, layout.neurons),
                (layout.neurons if train_weights else 0, layout.width),
                (layout.states, layout.neurons),
                (layout.steps, layout.width),
            ),
            surrogate=np.int64(SURROGATES.index(type(layout.surrogate))),
            detach_reset=np.bool_(layout.surrogate.detach_reset),
            **layout.attributes,
        )
        varied_bar = pull(values_bar)[0] if wanted else varied
        trained = None
        if train_weights and weights is not None:
            trained = weights_bar.reshape(weights.shape)
        return varied_bar, trained, layout.carry(start_bar), drive_bar.reshape(drive.shape)


class _Staircase(AbstractSurrogate):
    """Spikes with their own derivative, zero."""

    detach_reset: ClassVar[bool] = True
    max_spikes_per_dt: float = eqx.field(static=True)

    def height(self, u: Array) -> Array:
        return jnp.zeros_like(u)


class _Layout:
    """How a run lies in the kernel's matrices."""

    def __init__(self, grid: Any, shape: tuple[int, ...]):
        mod = grid.equations.bare
        self.steps, *_, self.neurons = shape
        self.surrogate = mod.surrogate
        self.names = [*(f"i{name}" for name in mod.synapses), *_OTHER_STATES]
        self.states = len(self.names)
        self.size = self.states * self.neurons
        self.width = len(mod.synapses) * self.neurons
        self.constants = (len(mod.synapses) * 4 + 18, self.neurons)
        # What is kept is no longer than the input; a segment fits into the cache.
        self.segment = min(self.steps, 64)
        self.segments = -(-self.steps // self.segment)
        self.attributes = dict(
            types=np.int64(sum(1 << TYPES.index(name) for name in mod.synapses)),
            max_spikes=np.float64(mod.surrogate.max_spikes_per_dt),
            segment=np.int64(self.segment),
        )

    def by_segments(
        self,
        segment: Callable[[Any, Any], tuple[Any, Any]],
        start: Any,
        series: tuple[Array, ...],
        kept: Array | None = None,
    ) -> tuple[Any, Any]:
        """A scan over segments, the last of which may be shorter."""
        whole = self.steps // self.segment
        end = whole * self.segment
        first = () if kept is None else (kept[:whole],)
        split = [x[:end].reshape(whole, self.segment, *x.shape[1:]) for x in series]
        carry, out = jax.lax.scan(segment, start, (*first, *split))
        out = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), out)
        if end < self.steps:
            last = () if kept is None else (kept[-1],)
            carry, more = segment(carry, (*last, *(x[end:] for x in series)))
            out = jax.tree.map(lambda x, y: jnp.concatenate([x, y]), out, more)
        return carry, out

    def matrix(self, weights: Array | None, dtype: Any) -> Array:
        """Weights with a row for each presynaptic neuron; none of them without recurrence."""
        if weights is None:
            return jnp.zeros((0, 0), dtype)
        return weights.reshape(self.neurons, -1)

    def square(self, weights: Array | None) -> tuple[int, int]:
        """The shape of that matrix."""
        return (0, 0) if weights is None else (self.neurons, self.width)

    def packed(self, s: NestedDict) -> Float[Array, "R N"]:
        """A state as `(S, N)`, or a series of them as `(T, S*N)`."""
        rows = jnp.stack([s[name] for name in self.names], -2)
        return rows if rows.ndim == 2 else rows.reshape(len(rows), -1)

    def carry(self, rows: Array) -> NestedDict:
        """The inverse of `packed`, of rows `(..., S, N)`."""
        return {name: rows[..., row, :] for row, name in enumerate(self.names)}


def constants(grid: Any) -> Float[Array, "R N"]:
    """What the kernel needs of all that does not depend on the step, row by row."""
    mod, c = grid.equations.bare, grid.equations.constants
    fixed = jax.lax.stop_gradient
    potential = physics.membrane_potential(mod.Ispkthr, mod.Io, c["kappa"], mod.Ut)
    rows = []
    for name in mod.synapses:
        rows += [c["gain"][name], mod.Io, c["decay"][name], c["charge"][name]]
    rows += [
        c["ahp_decay"],
        c["ahp_jump"],
        mod.Io,
        mod.Idc,
        mod.If_nmda,
        c["Itau_mem"],
        c["Igain_mem"],
        c["Igain_mem"] / c["Itau_mem"],
        1.0 / c["Itau_mem"],
        mod.dt * (c["kappa"] / (mod.C_mem * mod.Ut)),
        c["kappa"] ** 2 / (c["kappa"] + 1.0) / mod.Ut,
        mod.Ut / c["kappa"],
        fixed(c["kappa"] / mod.Ut),
        fixed(potential),
        mod.Ispkthr,
        c["t_ref"],
        mod.dt,
        fixed(_sharpness(mod)),
    ]
    return jnp.stack([jnp.broadcast_to(x, (mod.size_out,)) for x in rows])


def _sharpness(mod: Any) -> Array:
    """The one number of a surrogate; of `PiecewiseLinear` its slope, 1/A, in spikes per unit."""
    leaves = jax.tree.leaves(mod.surrogate)
    return leaves[0].astype(mod.dt.dtype) if leaves else jnp.full_like(mod.dt, mod.units["A"])
