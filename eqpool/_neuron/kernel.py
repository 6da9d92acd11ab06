"""A neuron on its grid by a kernel that is made from its declaration."""

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import _native
from .._codegen import Series, Step, Unsupported
from .._types import NestedDict
from .equations import states_of
from .layout import inputs_of, Layout, state_of
from .recurrent import AbstractKernel, by_weights, obstacle_to, Outcome


def kernel_of(grid: Any, weights: Any, drive: Array) -> "Kernel | str":
    """The kernel, or why none can be made of this run, on this machine."""
    obstacle = obstacle_to("neuron", weights, drive)
    if obstacle is not None:
        return obstacle
    try:
        return Kernel(grid, weights is not None, drive)
    except Unsupported as error:
        return f"its step has {error}"


class Kernel(AbstractKernel):
    """See [`eqpool.native_kernels`][] for when it runs."""

    step: Step = eqx.field(static=True)
    number: int = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    present: Any = eqx.field(static=True)

    def __init__(self, grid: Any, recurrent: bool, drive: Array):
        arrays, static = eqx.partition(_unrolled(_without_noise(grid)), eqx.is_array)
        leaves, structure = jax.tree.flatten(arrays)
        mod = grid.equations.bare
        n, names = mod.size_out, tuple(states_of(mod))
        self.names = names
        self.present = jax.tree.map(eqx.is_array, _without_noise(grid))

        def function(
            leaves: Any, state: Any, arriving: Array, irec: Array | None, noise: Array | None
        ) -> list[Array]:
            grid = eqx.combine(jax.tree.unflatten(structure, leaves), static)
            s = dict(zip(names, state, strict=True))
            s = grid.advance(s, arriving, irec, noise)
            return [s[name] for name in names]

        self.step = Step(
            function,
            leaves,
            [state_of(mod, name) for name in names],
            inputs_of(drive.shape[1:], n),
            None if grid.noise is None else Series((n,), 0),
            recurrent,
            drive.dtype,
        )
        program = self.step.forward()
        self.number = self._added(program, (), ("eqpool_step", "", "", ""))
        if not self.number:
            raise Unsupported("something that the C++ compiler refuses")

    def _added(
        self, program: Any, wanted: Any, functions: tuple[str, ...], noise: bool = False
    ) -> int:
        step = self.step
        sizes = (
            step.constants.rows,
            step.constants.scalars,
            sum(x.per_neuron for x in step.states),
            step.inputs.per_neuron,
            0 if step.noise is None else 1,
            self._first("spikes"),
            program.kept,
            program.prepared,
            step.constants.count(wanted),
            int(noise),
        )
        return _native.add_program(program.code, functions, sizes, step.dtype.name)

    def layout(self, drive: Array) -> Layout:
        """How a run lies in the matrices."""
        return Layout(self.step, self.names, drive)

    def _first(self, name: str) -> int:
        """In which row of a state a name begins."""
        before = self.step.states[: self.names.index(name)]
        return sum(x.per_neuron for x in before)

    def run(
        self, grid: Any, weights: Array | None, start: NestedDict, drive: Array, keep: bool
    ) -> tuple[Outcome, Float[Array, "C S"]]:
        """The run, and if wanted the state at the start of each segment."""
        layout = self.layout(drive)
        known = self.step.known(_leaves(_without_noise(grid)))
        constants, scalars = self.step.constants.packed(known)
        spikes, end, record, kept = _native.call(
            "eqpool_neuron_forward",
            drive.dtype,
            {
                "constants": (constants, (self.step.constants.rows, layout.neurons)),
                "scalars": (scalars, (1, self.step.constants.scalars)),
                "w_rec": (layout.matrix(weights), layout.square(weights)),
                "the state": (layout.packed(start), (layout.rows, layout.neurons)),
                "input_data": (layout.arriving(drive), (layout.steps, layout.width)),
                "the noise": layout.noise(grid),
            },
            (
                (layout.steps, layout.neurons),
                (layout.rows, layout.neurons),
                (layout.steps if grid.record else 0, layout.size),
                (layout.segments if keep else 0, layout.size),
            ),
            program=np.int64(self.number),
            segment=np.int64(layout.segment),
        )
        recorded = {}
        if grid.record:
            recorded = layout.carry(record.reshape(-1, layout.rows, layout.neurons))
            recorded.pop("timer_ref", None)
        return (layout.carry(end), spikes, recorded), kept

    def pushed_forward(
        self,
        grid: Any,
        weights: Array | None,
        kept: Float[Array, "C S"],
        drive: Array,
        dots: tuple[Any, NestedDict, Array],
    ) -> Outcome:
        """By JAX, segment after segment, from the states that were kept."""
        layout = self.layout(drive)
        grid_dot, start_dot, drive_dot = dots
        one = _without_noise(grid)
        one_dot, noise_dot = grid_dot, None
        if grid.noise is not None:
            noise_dot = jnp.zeros_like(grid.noise) if grid_dot.noise is None else grid_dot.noise
            one_dot = _without_noise(grid_dot)

        def scan(grid: Any, start: NestedDict, drive: Array, noise: Array | None) -> Outcome:
            return _with_noise(grid, noise).scan(weights, start, drive)

        def segment(start_dot: NestedDict, now: Any) -> tuple[NestedDict, Any]:
            start, (drive, noise), dots = now
            start = layout.carry(start.reshape(layout.rows, -1))
            _, (end_dot, *rest) = eqx.filter_jvp(
                scan, (one, start, drive, noise), (one_dot, start_dot, *dots)
            )
            return end_dot, tuple(rest)

        series = (drive, grid.noise), (drive_dot, noise_dot)
        end_dot, rest = layout.by_segments(segment, start_dot, series, kept)
        return end_dot, *rest

    def reference(
        self, grid: Any, weights: Array | None, start: NestedDict, drive: Array
    ) -> tuple[Outcome, Float[Array, "C S"]]:
        """By JAX, segment after segment."""
        layout, one = self.layout(drive), _without_noise(grid)

        def segment(start: NestedDict, now: Any) -> tuple[NestedDict, Any]:
            drive, noise = now[0]

            def scan(start: NestedDict) -> Outcome:
                return _with_noise(one, noise).scan(weights, start, drive)

            # A surrogate is the derivative of spikes; what has derivatives already keeps the
            # spikes as they are after one.
            nowhere = jax.tree.map(jnp.zeros_like, start)
            (end, spikes, recorded), _ = jax.jvp(scan, (start,), (nowhere,))
            kept = jnp.broadcast_to(layout.packed(start).reshape(-1), (len(spikes), layout.size))
            return end, (spikes, recorded, kept)

        end, out = layout.by_segments(segment, start, ((drive, grid.noise),))
        spikes, recorded, kept = out
        return (end, spikes, recorded), kept[:: layout.segment]

    def pulled_back(
        self,
        grid: Any,
        varied: Any,
        weights: Array | None,
        kept: Float[Array, "C S"],
        drive: Array,
        bars: Outcome,
        train_weights: bool,
    ) -> tuple[Any, Array | None, NestedDict, Array]:
        """By the kernel that goes back, segment after segment."""
        wants_noise = grid.noise is not None and varied.noise is not None
        try:
            back = self._backward(varied, wants_noise)
        except Unsupported:
            return _pulled_back(grid, varied, weights, self, kept, drive, bars, train_weights)
        layout, step = self.layout(drive), self.step
        end_bar, spikes_bar, recorded_bar = bars
        one, some = _without_noise(grid), _without_noise(varied)
        _, pull = jax.vjp(lambda some: self._values(eqx.combine(some, one), back.wanted), some)
        constants, scalars = step.constants.packed(step.known(_leaves(one)))
        record_bar = jnp.zeros((0, layout.size), drive.dtype)
        if grid.record:
            none = {"timer_ref": jnp.zeros_like(spikes_bar)} if "timer_ref" in self.names else {}
            record_bar = layout.packed(recorded_bar | none)
        matrix, square = layout.matrix(weights), layout.square(weights)
        noise, series = layout.noise(grid)
        state, each_step = (layout.rows, layout.neurons), (layout.steps, layout.neurons)
        constants_bar, weights_bar, start_bar, drive_bar, noise_bar = _native.call(
            "eqpool_neuron_transposed",
            drive.dtype,
            {
                "constants": (constants, (step.constants.rows, layout.neurons)),
                "scalars": (scalars, (1, step.constants.scalars)),
                "w_rec": (matrix, square),
                "the transposed w_rec": (matrix.T, square[::-1]),
                "the states": (kept, (layout.segments, layout.size)),
                "input_data": (layout.arriving(drive), (layout.steps, layout.width)),
                "the noise": (noise, series),
                "the cotangent of the spikes": (spikes_bar, each_step),
                "the cotangent of the state": (layout.packed(end_bar), state),
                "the cotangent of the record": (
                    record_bar,
                    (layout.steps if grid.record else 0, layout.size),
                ),
            },
            (
                (step.constants.count(back.wanted), layout.neurons),
                (layout.neurons if train_weights else 0, layout.width),
                state,
                (layout.steps, layout.width),
                series if wants_noise else (0, layout.neurons),
            ),
            program=np.int64(back.number),
            segment=np.int64(layout.segment),
        )
        (varied_bar,) = pull(step.constants.unpacked(back.wanted, constants_bar))
        if wants_noise:
            varied_bar = _with_noise(varied_bar, noise_bar)
        trained = None
        if train_weights and weights is not None:
            trained = layout.given(weights_bar, weights.shape)
        return varied_bar, trained, layout.carry(start_bar), layout.given(drive_bar, drive.shape)

    def _values(self, grid: Any, wanted: Sequence[int]) -> list[Array]:
        known = self.step.known(_leaves(grid))
        return [known[x] for x in wanted]

    def _backward(self, varied: Any, noise: bool) -> "_Backward":
        """The way back to some leaves of a grid, compiled."""
        leaves = jax.tree.leaves(_without_noise(varied), is_leaf=_is_none)
        present = jax.tree.leaves(self.present, is_leaf=_is_none)
        varies = [x is not None for x, there in zip(leaves, present, strict=True) if there]
        wanted = tuple(self.step.constants.wanted(varies))
        program = self.step.backward(wanted, noise)
        functions = ("", "eqpool_prepare", "eqpool_keep", "eqpool_back")
        number = self._added(program, wanted, functions, noise)
        if not number:
            raise Unsupported("something that the C++ compiler refuses")
        return _Backward(wanted, number)


class _Backward(NamedTuple):
    wanted: tuple[int, ...]
    number: int


def _pulled_back(
    grid: Any,
    varied: Any,
    weights: Array | None,
    kernel: Kernel,
    kept: Array,
    drive: Array,
    bars: Outcome,
    train_weights: bool,
) -> tuple[Any, Array | None, NestedDict, Array]:
    """The same by a scan, where a derivative has operations that a step has not."""
    layout = kernel.layout(drive)
    start = layout.carry(kept[0].reshape(layout.rows, -1))

    def scan(varied: Any, start: NestedDict, drive: Array) -> Outcome:
        return eqx.combine(varied, grid).scan(weights, start, drive)

    out, pull = jax.vjp(scan, varied, start, drive)
    varied_bar, start_bar, drive_bar = pull(bars)
    trained = None
    if train_weights:
        change = lambda w: by_weights(grid, w, start, out[1], drive.shape)
        (trained,) = jax.vjp(change, weights)[1](drive_bar)
    return varied_bar, trained, start_bar, drive_bar


def _with_noise(grid: Any, noise: Array | None) -> Any:
    return eqx.tree_at(lambda g: g.noise, grid, noise, is_leaf=_is_none)


def _without_noise(grid: Any) -> Any:
    return _with_noise(grid, None)


def _unrolled(grid: Any) -> Any:
    """The grid with a solver that has no loop in its step."""
    bare = copy.copy(grid.equations.bare)
    object.__setattr__(bare, "solver", bare.solver.unrolled)
    return eqx.tree_at(lambda g: g.equations.bare, grid, bare)


def _leaves(grid: Any) -> list[Array]:
    return jax.tree.leaves(eqx.filter(grid, eqx.is_array))


def _is_none(x: Any) -> bool:
    return x is None
