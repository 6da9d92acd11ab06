"""The classes and functions that a file may name: a closed list, from which nothing is imported."""

import functools as ft
import inspect
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import lineax
import optimistix

from .. import _attribute, _feedback, _models, _solver, _surrogate, physics
from .._attribute.blueprint import Member
from .._combinators import FFwdStack, Residual, Sequential
from .._errors import listing
from .._models.instant import identity
from .._sparse import SparseWeights


# What is safe to call with arrays: jax.numpy also reads and writes files.
_NUMPY = """
abs arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil cos cosh cumprod cumsum deg2rad exp exp2
expm1 fabs floor i0 log log10 log1p log2 max maximum mean min minimum negative positive prod rad2deg
reciprocal rint round sign sin sinc sinh sort sqrt square std subtract sum tan tanh trunc var
""".split()


_TIMED = "eqpool.timed.TimedModule"


class Names:
    """What a name in a file stands for, and the other way round."""

    def __init__(self, known: Mapping[str, Any] | None):
        """**Arguments:**

        - `known`: what the user adds, by name.

        **Raises:** `ValueError` for a name that eqpool uses, `TypeError` for what is neither
        class nor function.
        """
        known = dict(known or {})
        for name, value in known.items():
            if name in _own_names():
                raise ValueError(f"known: the name {name!r} is taken; choose another.")
            if not callable(value):
                raise TypeError(f"known: {name!r} must be a class or a function; got {value!r}.")
        self.met_known = False
        """Whether something of the user's has been looked up."""
        self._objects = _own_names() | known
        self._names = {id(value): name for name, value in self._objects.items()}
        self._classes = {
            value: name for name, value in self._objects.items() if isinstance(value, type)
        }

    def of(self, value: Any) -> str | None:
        """The name of a class or an object, if it has one."""
        timed = sys.modules.get("eqpool.timed")
        if timed is not None and value is timed.TimedModule:
            return _TIMED
        return self._classes.get(value) if isinstance(value, type) else self._names.get(id(value))

    def find(self, name: Any) -> Any:
        """What a name stands for, or an error that says how to make it known."""
        if name == _TIMED:
            from ..timed import TimedModule  # pynapple is optional

            return TimedModule
        if isinstance(name, str) and name in self._objects:
            self.met_known |= name not in _own_names()
            return self._objects[name]
        own = [given for given in self._objects if given not in _own_names()]
        raise ValueError(
            f"it names {name!r}, which is none of eqpool, diffrax, optimistix, lineax, equinox.nn, "
            f"jax.nn or jax.numpy that a file may name. If it is yours and you trust the file, "
            f"hand it over, `eqpool.load(path, known={{{str(name)!r}: ...}})`; known is "
            f"{listing(own)}."
        )


@ft.cache
def _own_names() -> dict[str, Any]:
    return dict(_listed())


def _listed() -> Iterator[tuple[str, Any]]:
    for part in (_attribute, _feedback, _models, _solver, _surrogate):
        yield from _modules_in(part, "eqpool")
    for combinator in (FFwdStack, Residual, Sequential):
        yield f"eqpool.{combinator.__name__}", combinator
    yield "eqpool.Member", Member
    yield "eqpool.SparseWeights", SparseWeights
    yield "eqpool.identity", identity
    for name, value in _public(physics):
        yield f"eqpool.physics.{name}", value
    for part in (diffrax, optimistix, lineax, eqx.nn):
        yield from _modules_in(part, part.__name__)
    for name in ("max_norm", "rms_norm", "two_norm"):
        yield f"optimistix.{name}", getattr(optimistix, name)
    yield "diffrax.adjoint_rms_seminorm", diffrax.adjoint_rms_seminorm
    # Markers and defaults that have no public name.
    yield "diffrax.stepsize_controller_tol", _tolerance_marker()
    parameters = inspect.signature(eqx.nn.MLP.__init__).parameters
    yield "equinox.nn.MLP.final_activation", parameters["final_activation"].default
    for name, value in _public(jax.nn):
        if callable(value):
            yield f"jax.nn.{name}", value
    for name in _NUMPY:
        yield f"jax.numpy.{name}", getattr(jnp, name)


@ft.cache
def _tolerance_marker() -> Any:
    return diffrax.with_stepsize_controller_tols(optimistix.Newton)().rtol


def is_marker(value: Any) -> bool:
    """Whether this is what diffrax puts in place of a tolerance that its controller decides."""
    return value is _tolerance_marker()


def _modules_in(part: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in _public(part):
        # An alias as `LIF` comes after, and gives way to, the name of the class.
        if isinstance(value, type) and issubclass(value, eqx.Module) and value.__name__ == name:
            yield f"{prefix}.{name}", value


def _public(part: Any) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in vars(part).items() if not name.startswith("_")]
