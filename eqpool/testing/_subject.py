"""The neuron under test, and what its promises share: drive, runs, compiled functions."""

import dataclasses
import functools as ft
from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._neuron import AbstractNeuron
from .._solver import AbstractStepper, ForwardEuler
from .._sparse import SparseWeights
from .._surrogate import CustomSurrogate
from ._drive import Drive, find_drive


_M = TypeVar("_M", bound=AbstractNeuron)


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
    """A neuron under test. Whatever ends in 64 is in double precision, which must be on."""

    def __init__(self, given: AbstractNeuron):
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
    def still(self) -> AbstractNeuron:
        """On a grid, without noise."""
        if self.given.noise_std is None:
            return self.on_grid
        return with_fields(self.on_grid, noise_std=jnp.zeros_like(self.given.noise_std))

    @ft.cached_property
    def still64(self) -> AbstractNeuron:
        return cast(self.still, jnp.float64)

    @ft.cached_property
    def smooth64(self) -> AbstractNeuron:
        """Without surrogate: spikes have no derivative."""
        return with_fields(self.still64, surrogate=CustomSurrogate(jnp.zeros_like, 1.0))

    @ft.cached_property
    def drive(self) -> Drive:
        return find_drive(self.still)

    def input(self, mod: Any, quiet: bool = False) -> Any:
        """An input in the dtype of a module."""
        x = self.drive.quiet if quiet else self.drive.spiking
        return jnp.asarray(x, mod.spikes.dtype)

    @ft.cached_property
    def spiking64(self) -> Any:
        """Spikes, state and record of the run that spikes."""
        return self.still64(self.input(self.still64), record=True)

    @ft.cached_property
    def quiet64(self) -> Any:
        return self.still64(self.input(self.still64, quiet=True), record=True)

    @ft.cached_property
    def units(self) -> dict[str, float]:
        """How far each state moves in the run that spikes, by name."""
        _, _, record = self.spiking64
        return {name: spread(x) for name, x in record.items()}

    @ft.cached_property
    def spiking_gradient64(self) -> dict[str, np.ndarray]:
        """Of a sum over the record of the run that spikes, wrt each parameter."""
        mod, loss = self.still64, weighted_sum(self.spiking64[2])
        x = self.input(mod)

        @jax.jit
        def gradient(values: Any) -> Any:
            return jax.grad(lambda v: loss(mod.set_attributes(v)(x, record=True)[2]))(values)

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
