"""The neuron under test, and what its promises share: drive, runs, compiled functions."""

import dataclasses
import functools as ft
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._neuron import AbstractNeuron, AbstractRateNeuron
from .._neuron.check import check_model
from .._solver import AbstractStepper, ForwardEuler
from .._sparse import SparseWeights
from .._surrogate import CustomSurrogate
from ._drive import Drive, find_drive
from ._report import expect_same_bits


AnyNeuron: TypeAlias = AbstractNeuron | AbstractRateNeuron
_M = TypeVar("_M", bound=AnyNeuron)


def in_double(check: Callable[["Subject"], None]) -> Callable[["Subject"], None]:
    """A promise that is checked in double precision."""

    @ft.wraps(check)
    def checked(subject: "Subject") -> None:
        # Input is found in the precision that the neuron has.
        subject.drive  # noqa: B018
        with jax.enable_x64(True):
            check(subject)

    return checked


class Subject:
    """A neuron under test. Whatever ends in 64 is in double precision, which must be on.

    **Attributes:**

    - `spikes`: whether the neuron spikes.
    """

    spikes: ClassVar[bool] = True

    def __init__(self, given: Any):
        self.given = given
        own = given.solver if isinstance(given.solver, AbstractStepper) else ForwardEuler()
        self.on_grid = with_fields(given, solver=own)
        self._made: dict[str, Any] = {}

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` returns, made once."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    @property
    def noisy(self) -> bool:
        """Whether there is noise."""
        return self.given.noise_std is not None and bool(np.any(np.asarray(self.given.noise_std)))

    @ft.cached_property
    def still(self) -> Any:
        """On a grid, without noise."""
        if self.given.noise_std is None:
            return self.on_grid
        return with_fields(self.on_grid, noise_std=jnp.zeros_like(self.given.noise_std))

    @ft.cached_property
    def still64(self) -> Any:
        return cast(self.still, jnp.float64)

    @property
    def smooth64(self) -> Any:
        """Without surrogate: spikes have no derivative."""
        return with_fields(self.still64, surrogate=CustomSurrogate(jnp.zeros_like, 1.0))

    @ft.cached_property
    def drive(self) -> Drive:
        return self.find_drive()

    def find_drive(self) -> Drive:
        """Looks for input, in the precision that the neuron has."""
        return find_drive(self.still)

    def check_model(self) -> None:
        """Raises where a method returns what is not declared."""
        check_model(self.given)

    def run(self, mod: Any, x: Any) -> tuple[Any, Any, dict[str, Any]]:
        """Output, state and all traces of a run."""
        return mod(x, record=True)

    def check_output(self, mod: Any, output: Any, record: dict[str, Any], hint: str) -> None:
        """Raises where the output is not that of the record."""
        expect_same_bits("spikes on the record", record["spikes"], output, hint)

    def input(self, mod: Any, weak: bool = False) -> Any:
        """An input in the dtype of a module."""
        x = self.drive.weak if weak else self.drive.strong
        return jnp.asarray(x, mod.dt.dtype)

    @ft.cached_property
    def strong64(self) -> Any:
        """Output, state and traces of the run under strong input."""
        return self.run(self.still64, self.input(self.still64))

    @ft.cached_property
    def weak64(self) -> Any:
        return self.run(self.still64, self.input(self.still64, weak=True))

    @ft.cached_property
    def units(self) -> dict[str, float]:
        """How far each trace moves in that run, by name."""
        _, _, record = self.strong64
        return {name: spread(x) for name, x in record.items()}

    @ft.cached_property
    def gradient64(self) -> dict[str, np.ndarray]:
        """Of a sum over its traces, wrt each parameter."""
        mod, loss = self.still64, weighted_sum(self.strong64[2])
        x = self.input(mod)

        @jax.jit
        def gradient(values: Any) -> Any:
            return jax.grad(lambda v: loss(self.run(mod.set_attributes(v), x)[2]))(values)

        return {name: np.asarray(slope) for name, slope in gradient(mod.parameters()).items()}


def spread(trace: Any) -> float:
    """How far a trace moves, or how large it is if it does not."""
    trace = np.asarray(trace)
    return float(np.ptp(trace) or np.max(np.abs(trace), initial=0.0) or 1.0)


def cast(mod: _M, dtype: Any) -> _M:
    """A module in another precision."""
    return jax.tree.map(lambda x: x.astype(dtype) if eqx.is_inexact_array(x) else x, mod)


def with_fields(mod: _M, **changed: Any) -> _M:
    """A module with other fields, whatever they are."""
    new = object.__new__(type(mod))
    for field in dataclasses.fields(mod):
        object.__setattr__(new, field.name, changed.get(field.name, getattr(mod, field.name)))
    return new


def dense_weights(mod: Any) -> Any:
    """Recurrent weights `(N, N_in)`, or `(N, N, K)` of several synapse types, or none."""
    sparse = isinstance(mod.w_rec, SparseWeights)
    return mod.w_rec.todense() if sparse else mod.w_rec


def weighted_sum(record: dict[str, Any], steps: int | None = None) -> Any:
    """A function of records: a number that depends on every trace, in each step that counts."""
    return ft.partial(_weighted_sum, {name: _weights(name, x, steps) for name, x in record.items()})


def _weights(name: str, trace: Any, steps: int | None) -> np.ndarray:
    seed = list(name.encode())
    weights = np.random.default_rng(seed).uniform(0.5, 1.5, np.shape(trace))
    weights[len(weights) if steps is None else steps :] = 0.0
    return weights / (spread(trace) * max(weights.size, 1))


def _weighted_sum(weights: dict[str, np.ndarray], record: dict[str, Any]) -> Any:
    return sum(jnp.sum(jnp.asarray(w) * record[name]) for name, w in weights.items())
