"""Promises of runs on a grid: carried over, in batches, transformed, in every dtype."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._attribute import State
from .._attribute.fields import fields
from ._report import expect, expect_close, expect_same_bits
from ._subject import cast, in_double, Subject


_CARRIED = (
    "What a step depends on must be in the states: nothing of Python that changes, as a counter, "
    "an attribute or the time of day, and nothing but `s` and `spikes` in `fire`."
)


def halves(subject: Subject) -> None:
    """Two halves are one run, to the bit; also where a half is one step or none."""
    mod = subject.on_grid
    x = subject.input(mod)
    middle = len(x) // 2
    whole, end, record = mod(x, record=True)
    first, state, early = mod(x[:middle], record=True)
    later = mod.set_attributes(state)
    second, last, late = later(x[middle:], record=True)
    expect_same_bits("the output of two halves", _joined(first, second), whole, _CARRIED)
    expect_same_bits("the last state of two halves: state", last, end, _CARRIED)
    joined = {name: _joined(early[name], late[name]) for name in early}
    expect_same_bits("the record of two halves:", joined, record, _CARRIED)
    one, _, _ = later(x[middle : middle + 1], record=True)
    expect_same_bits("the output of a single step", one, second[:1], _CARRIED)
    none, same, _ = later(x[:0], record=True)
    expect(none.shape == (0, mod.size_out), f"a run of no steps has output {none.shape}.", _CARRIED)
    expect_same_bits("after no steps, state", same, state, _CARRIED)


def reset_state(subject: Subject) -> None:
    """After `reset_state` a run is the first run, to the bit."""
    mod = subject.on_grid.reset_state()
    x = subject.input(mod)
    spikes, end, _ = mod(x, record=True)
    again, other, _ = mod.set_attributes(end).reset_state()(x, record=True)
    expect_same_bits("the output after `reset_state`", again, spikes, _CARRIED)
    expect_same_bits("after `reset_state`, state", other, end, _CARRIED)


@in_double
def batch(subject: Subject) -> None:
    """Each element of a batch is a run by itself, also when it goes on."""
    mod = subject.still64
    both = jnp.stack([subject.input(mod), subject.input(mod, weak=True)])
    middle = both.shape[1] // 2
    first, state, early = subject.run(mod, both[:, :middle])
    second, _, late = subject.run(mod.set_attributes(state), both[:, middle:])
    hint = "Methods see one neuron layer at a time; do they take an axis for granted?"
    for i, (spikes, _, record) in enumerate((subject.strong64, subject.weak64)):
        found = jnp.concatenate([first[i], second[i]])
        expect_close(f"the output of element {i} of a batch", found, spikes, 1e-6, hint)
        joined = {name: _joined(early[name][i], late[name][i]) for name in early}
        expect_close(f"element {i} of a batch:", joined, record, 1e-6, hint, subject.units)


@in_double
def compiled(subject: Subject) -> None:
    """A run is the same under `jit`, and under `vmap` over its parameters."""
    mod, x = subject.still64, subject.input(subject.still64)
    spikes, _, record = subject.strong64
    hint = "Methods must be made of functions of JAX, and depend on nothing but their arguments."
    inside = eqx.filter_jit(subject.run)(mod, x)
    expect_close("the output under `jit`", inside[0], spikes, 1e-6, hint)
    expect_close("under `jit`:", inside[2], record, 1e-6, hint, subject.units)

    values = mod.parameters()
    more = jax.tree.map(lambda x: 1.01 * x, values)
    both = jax.tree.map(lambda a, b: jnp.stack([a, b]), values, more)

    @eqx.filter_jit
    def many(mod: Any, values: Any, x: Any) -> Any:
        return eqx.filter_vmap(lambda v: subject.run(mod.set_attributes(v), x)[2])(values)

    mapped = many(mod, both, x)
    alone = subject.run(mod.set_attributes(more), x)[2]
    for i, expected in enumerate((record, alone)):
        found = {name: trace[i] for name, trace in mapped.items()}
        expect_close(f"run {i} under `vmap`:", found, expected, 1e-6, hint, subject.units)


def checkpoint(subject: Subject) -> None:
    """With `checkpoint=True` a run has the same bits."""
    mod = subject.on_grid
    x = subject.input(mod)
    spikes, state, record = mod(x, record=True)
    again, other, repeated = mod(x, record=True, checkpoint=True)
    expect_same_bits("the output with checkpoint=True", again, spikes, _CARRIED)
    expect_same_bits("with checkpoint=True, state", other, state, _CARRIED)
    expect_same_bits("with checkpoint=True, the record", repeated, record, _CARRIED)


def record(subject: Subject) -> None:
    """The record holds every state in every step, and is empty unless asked for."""
    mod = subject.on_grid
    x = subject.input(mod)
    spikes, state, found = mod(x, record=True)
    hint = "A `run` of your own should return what `super().run(...)` returns, and may add to it."
    declared = {name for name, field in fields(mod).items() if isinstance(field, State)}
    missing = declared - {"timer_ref", "rng_key", *found}
    expect(not missing, f"the record lacks {sorted(missing)}.", hint)
    expect(set(state) == declared, f"the state has {sorted(state)}, not {sorted(declared)}.", hint)
    subject.check_output(mod, spikes, found, hint)
    for name in declared & set(found):
        expect_same_bits(f"the end of the record of {name}", found[name][-1], state[name], hint)
    for name, trace in found.items():
        expect(len(trace) == len(x), f"the record of {name} has {len(trace)} steps.", hint)
    _, _, empty = mod(x[:1])
    expect(empty == {}, f"there is a record of {sorted(empty)} without record=True.", hint)


@in_double
def dtypes(subject: Subject) -> None:
    """float32 stays float32, float64 float64; the module decides for bfloat16 and integers."""
    hint = (
        "Constants are Python's numbers, or made with `zeros_like`; an array that is made without "
        "a dtype has another one in double precision."
    )
    single, double = cast(subject.still, jnp.float32), subject.still64
    n = single.size_in
    for mod, given, expected in (
        (single, jnp.float32, jnp.float32),
        (double, jnp.float64, jnp.float64),
        (single, jnp.bfloat16, jnp.float32),
        (single, jnp.int32, jnp.float32),
        (single, jnp.bool_, jnp.float32),
    ):
        spikes, state, found = mod(jnp.zeros((1, n), given), record=True)
        for name, x in {"the output": spikes, **state, **found}.items():
            floating = jnp.issubdtype(x.dtype, jnp.floating)
            what = f"a {expected.dtype} module with {given.dtype} input has {name} in {x.dtype}."
            expect(x.dtype == expected or not floating, what, hint)
    whole, ones = jnp.ones((1, n), int), jnp.ones((1, n), single.dt.dtype)
    expect_close("after integers, state", single(whole)[1], single(ones)[1], 0.0, hint)


def _joined(first: Any, second: Any) -> np.ndarray:
    return np.concatenate([np.asarray(first), np.asarray(second)])
