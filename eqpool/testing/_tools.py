"""Promises of what goes with a neuron: files, graphs, sparse weights, time series."""

import dataclasses
import importlib.util
import pathlib
import tempfile
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._combinators import from_graph
from .._sparse import SparseWeights
from ..io import load, save
from ._report import expect, expect_close, expect_same_bits, Skipped
from ._subject import dense_weights, in_double, Subject, with_fields


def saved(subject: Subject) -> None:
    """A file brings back the neuron and its run, to the bit."""
    _needs("safetensors", "save")
    mod = subject.on_grid
    surrogate = getattr(mod, "surrogate", None)
    own = {type(part) for part in (mod, mod.solver, surrogate) if part is not None}
    known = {cls.__name__: cls for cls in own if cls.__module__.split(".")[0] != "eqpool"}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "neuron.safetensors"
        save(path, mod, known=known)
        same = load(path, known=known)
    hint = "Fields of a neuron are declared by `eqpool.parameter`, `eqpool.state` and the like."
    expect(
        jax.tree.structure(same) == jax.tree.structure(mod),
        "what comes back from a file is another module.",
        hint,
    )
    found, expected = (dict(enumerate(jax.tree.leaves(x))) for x in (same, mod))
    expect_same_bits("from a file, leaf", found, expected, hint)
    x = subject.input(mod)
    for got, wanted in zip(same(x, record=True), mod(x, record=True), strict=True):
        expect_same_bits("a run of what comes from a file:", got, wanted, hint)


def graph(subject: Subject) -> None:
    """A graph and back is a neuron that runs the same."""
    _needs("networkx", "graph")
    mod = subject.on_grid.reset_state()
    same: Any = from_graph(mod.as_graph())
    hint = (
        "What a graph keeps are parameters, solver and surrogate, as arguments of the constructor; "
        "a `node` of its own must have a field for each."
    )
    expect(type(same) is type(mod), f"it comes back as a {type(same).__name__}.", hint)
    # Noise is drawn anew, and some nodes know nothing of solvers.
    kept = ("solver", "surrogate", "rng_key")
    same = with_fields(same, **{name: getattr(mod, name) for name in kept if hasattr(mod, name)})
    # Whatever their roles: a graph keeps values.
    values = same.simulation_parameters() | same.parameters()
    for name, value in mod.parameters().items():
        expect_same_bits(name, values.get(name, np.zeros(0)), value, hint)
    x = subject.input(mod)
    for got, wanted in zip(same(x, record=True), mod(x, record=True), strict=True):
        expect_same_bits("a run of what comes from a graph:", got, wanted, hint)


@in_double
def sparse(subject: Subject) -> None:
    """Sparse recurrent weights do what dense ones do."""
    mod = subject.still64
    if mod.w_rec is None:
        raise Skipped("there are no recurrent weights; has_rec=True")
    dense, other = dense_weights(mod), mod.w_rec
    if isinstance(other, SparseWeights):
        other, initial, connections = dense, dense, ()
    else:
        other = SparseWeights.from_dense(dense)
        initial, connections = other.values, (("w_rec", len(other.values)),)
    initial = mod.blueprint.initial | {"w_rec": initial}
    blueprint = dataclasses.replace(mod.blueprint, sparse=connections, initial=initial)
    mod = with_fields(mod, w_rec=other, blueprint=blueprint)
    spikes, _, record = subject.run(mod, subject.input(mod))
    hint = "A `run` of your own should leave recurrence to `super().run(...)`."
    expect_close("the output with other weights", spikes, subject.strong64[0], 1e-6, hint)
    expect_close("with other weights:", record, subject.strong64[2], 1e-6, hint, subject.units)


def timed(subject: Subject) -> None:
    """On time series, `timed()` is the same run."""
    _needs("pynapple", "timed")
    import pynapple as nap  # pyright: ignore

    mod = subject.on_grid
    x = np.asarray(subject.input(mod))
    dt = float(str(np.asarray(mod.dt)))
    support = nap.IntervalSet(0.0, dt * len(x))
    series: Any = nap.TsdFrame(dt * np.arange(len(x)), x, time_support=support)
    output, state, _ = mod.timed(dt=dt)(series, record=True)
    spikes, end, _ = mod(jnp.asarray(x), record=True)
    hint = "`timed` calls `evolve`; a `run` of your own should return what it does elsewhere."
    expect_same_bits("after a run over time series, state", state["module"], end, hint)
    if not subject.spikes:
        expect_same_bits("the time series of the output", output.values, spikes, hint)
        return
    trains = {name: np.count_nonzero(train) for name, train in enumerate(spikes.T)}
    expect(
        all(len(output[n]) == count for n, count in trains.items()),
        f"the time series of the output has other spikes than {trains} of each neuron.",
        hint,
    )


def _needs(package: str, extra: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise Skipped(f"needs {package}; pip install 'eqpool[{extra}]'")
