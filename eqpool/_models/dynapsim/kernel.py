"""`DynapSim` on Rockpool's grid by a kernel in C++: its arguments, its derivative."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ... import _native
from ..._neuron.recurrent import AbstractKernel, Outcome
from ..._solver import RockpoolEuler
from ..._sparse import Factor
from ..._surrogate import AbstractSurrogate, Arctan, FastSigmoid, Gaussian, PiecewiseLinear
from .coefficients import Coefficients
from .feedback import ExponentialFeedback
from .step import Carry
from .units import UNIT


TYPES = ("ampa", "gaba", "nmda", "shunt")
SURROGATES = (PiecewiseLinear, FastSigmoid, Arctan, Gaussian)


def supported(grid: Any, weights: Any, drive: Array) -> bool:
    """Whether the kernel computes this run, on this machine."""
    return (
        type(grid.solver) is RockpoolEuler
        and type(grid.c.feedback) is ExponentialFeedback
        and type(grid.surrogate) in SURROGATES
        and list(grid.c.synapses) == [name for name in TYPES if name in grid.c.synapses]
        and not isinstance(weights, Factor)
        and _native.all_known(drive.shape)
        and _native.ready("dynapsim", drive.dtype.name)
    )


class Kernel(AbstractKernel):
    """See [`eqpool.native_kernels`][] for when it runs."""

    def run(
        self,
        grid: Any,
        weights: Array | None,
        start: Carry,
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
            **layout.attributes(grid.surrogate),
        )
        recorded = {}
        if grid.record:
            series = record.reshape(-1, layout.states, layout.neurons)
            recorded = jax.vmap(grid.named)(layout.carry(series))
        return (layout.carry(end), spikes, recorded), kept

    def pushed_forward(
        self,
        grid: Any,
        weights: Array | None,
        kept: Float[Array, "C S"],
        drive: Float[Array, "T *K N"],
        dots: tuple[Any, Carry, Array],
    ) -> Outcome:
        """By JAX, segment after segment, from the states that were kept."""
        layout = _Layout(grid, drive.shape)
        grid_dot, start_dot, drive_dot = dots

        def segment(start_dot: Carry, now: tuple[Array, Array, Array]) -> tuple[Carry, Any]:
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
        self, grid: Any, weights: Array | None, start: Carry, drive: Float[Array, "T *K N"]
    ) -> tuple[Outcome, Float[Array, "C S"]]:
        """By JAX, segment after segment."""
        layout = _Layout(grid, drive.shape)
        # The surrogate is the derivative of spikes; what has derivatives already keeps the spikes.
        most = grid.surrogate.max_spikes_per_dt
        grid = dataclasses.replace(grid, surrogate=_Staircase(most))

        def segment(start: Carry, now: tuple[Array]) -> tuple[Carry, Any]:
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
    ) -> tuple[Any, Array | None, Carry, Array]:
        """By the kernel that goes back, segment after segment."""
        layout = _Layout(grid, drive.shape)
        end_bar, spikes_bar, recorded_bar = bars
        if grid.record:
            record_bar = layout.packed(layout.from_record(grid, recorded_bar))
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
            surrogate=np.int64(SURROGATES.index(type(grid.surrogate))),
            detach_reset=np.bool_(grid.surrogate.detach_reset),
            **layout.attributes(grid.surrogate),
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
        self.steps, *synapses, self.neurons = shape
        self.synapses = synapses[0] if synapses else None
        self.states = (self.synapses or 1) + 5
        self.size = self.states * self.neurons
        self.width = (self.synapses or 1) * self.neurons
        self.constants = ((self.synapses or 1) * 4 + 18, self.neurons)
        self.types = sum(1 << TYPES.index(name) for name in grid.c.synapses)
        # What is kept is no longer than the input; a segment fits into the cache.
        self.segment = min(self.steps, 64)
        self.segments = -(-self.steps // self.segment)

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

    def attributes(self, surrogate: AbstractSurrogate) -> dict[str, Any]:
        """What both kernels take besides arrays."""
        return dict(
            types=np.int64(self.types),
            max_spikes=np.float64(surrogate.max_spikes_per_dt),
            segment=np.int64(self.segment),
        )

    def matrix(self, weights: Array | None, dtype: Any) -> Array:
        """Weights with a row for each presynaptic neuron; none of them without recurrence."""
        if weights is None:
            return jnp.zeros((0, 0), dtype)
        return weights.reshape(self.neurons, -1)

    def square(self, weights: Array | None) -> tuple[int, int]:
        """The shape of that matrix."""
        return (0, 0) if weights is None else (self.neurons, self.width)

    def packed(self, carry: Carry) -> Float[Array, "R N"]:
        """A state as `(S, N)`, or a series of them as `(T, S*N)`."""
        isyn = carry.isyn if self.synapses else carry.isyn[..., None, :]
        others = [x[..., None, :] for x in carry[1:]]
        rows = jnp.concatenate([isyn, *others], -2)
        return rows if rows.ndim == 2 else rows.reshape(len(rows), -1)

    def carry(self, rows: Array) -> Carry:
        """The inverse of `packed`, of rows `(..., S, N)`."""
        k = self.synapses or 1
        isyn = rows[..., :k, :] if self.synapses else rows[..., 0, :]
        return Carry(isyn, *(rows[..., row, :] for row in range(k, self.states)))

    def from_record(self, grid: Any, recorded: dict[str, Array]) -> Carry:
        """Cotangents of a record as those of states."""
        isyn = [recorded[f"i{name}"] for name in grid.c.synapses]
        others = {name: recorded[name] for name in ("iahp", "imem", "vmem", "spikes")}
        return Carry(
            jnp.stack(isyn, 1) if self.synapses else isyn[0],
            **others,
            timer_ref=jnp.zeros_like(recorded["vmem"]),
        )


def constants(grid: Any) -> Float[Array, "R N"]:
    """What the kernel needs of all that does not depend on the step, row by row."""
    c: Coefficients = grid.c
    n = c.syn_decay.shape[-1]
    synapses = [c.syn_gain, c.Io_syn, c.syn_decay, c.syn_charge]
    per_synapse = jnp.stack([x.reshape(-1, n) for x in synapses], 1).reshape(-1, n)
    fixed = jax.lax.stop_gradient
    others = [
        c.ahp_decay,
        c.ahp_jump,
        c.Io,
        c.Idc,
        c.If_nmda,
        c.Itau_mem,
        c.Igain_mem,
        c.Igain_mem / c.Itau_mem,
        1.0 / c.Itau_mem,
        c.dt * (c.kappa / (c.C_mem * c.Ut)),
        c.kappa**2 / (c.kappa + 1.0) / c.Ut,
        c.Ut / c.kappa,
        fixed(c.kappa / c.Ut),
        fixed(c.potential(c.Ispkthr)),
        c.Ispkthr,
        c.t_ref,
        c.dt,
        fixed(_sharpness(grid.surrogate, c.dt)),
    ]
    return jnp.concatenate([per_synapse, jnp.stack([jnp.broadcast_to(x, (n,)) for x in others])])


def _sharpness(surrogate: AbstractSurrogate, like: Array) -> Array:
    """The one number of a surrogate; of `PiecewiseLinear` its slope, 1/A, in spikes per `UNIT`."""
    leaves = jax.tree.leaves(surrogate)
    return leaves[0].astype(like.dtype) if leaves else jnp.full_like(like, UNIT)
