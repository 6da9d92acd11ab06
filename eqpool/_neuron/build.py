"""From the arguments of a constructor to the fields of a neuron."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from .._attribute import fields, Parameter, State
from .._errors import suggestion
from .._module import initialise
from .._solver import as_stepper, EventDriven
from .._surrogate import AbstractSurrogate, as_surrogate, FastSigmoid, PiecewiseLinear
from .._types import Shape


def build(
    self: Any,
    shape: Shape,
    arguments: Mapping[str, Any],
    *,
    has_rec: bool,
    weight_init_func: Callable[..., Any] | None,
    rng_key: Any,
    solver: Any,
    name: str,
    spiking_input: bool,
    spiking_output: bool,
    surrogate: AbstractSurrogate | None = None,
    sizes: Mapping[str, int | None] | None = None,
    channels: Shape | None = None,
    absent: Collection[str] = (),
    keeps_key: bool = False,
) -> None:
    """Sets the fields of a neuron; arguments as of its constructor.

    **Arguments:**

    - `sizes`, `channels`: as of `initialise`.
    - `absent`: further fields that this instance does not have.
    - `keeps_key`: whether there is an `rng_key` without noise, too.
    """
    cls = type(self).__name__
    known = [n for n, f in fields(type(self)).items() if not isinstance(f, State)]
    for unknown in arguments:
        if unknown not in known:
            raise TypeError(f"{cls} has no parameter {unknown!r}.{suggestion(unknown, known)}")
    if arguments["w_rec"] is not None and not has_rec:
        raise ValueError(f"{cls}: w_rec was given, but has_rec is False; pass has_rec=True.")
    spikes = "spikes" in fields(type(self))
    self.solver = solver if spikes and isinstance(solver, EventDriven) else as_stepper(solver)
    without = [*absent, *([] if has_rec else ["w_rec"])]
    if spikes:
        self.surrogate = surrogate
    if "t_ref" in known and arguments["t_ref"] is None:
        without += ["t_ref", "timer_ref"]
    if arguments["noise_std"] is None:
        without += ["noise_std", *([] if keeps_key else ["rng_key"])]
    if arguments["w_rec"] is None and weight_init_func is not None:
        arguments = {**arguments, "w_rec": Parameter(init_func=weight_init_func)}
    initialise(
        self,
        shape,
        arguments,
        name=name,
        rng_key=rng_key,
        absent=without,
        sizes=sizes,
        channels=channels,
        spiking_input=spiking_input,
        spiking_output=spiking_output,
    )
    starting = {
        field: jnp.array(jnp.broadcast_to(value, getattr(self, field).shape))
        for field, value in self.starting().items()
    }
    start_from(self, starting)


def start_from(self: Any, values: Mapping[str, Array]) -> None:
    """Puts other values where a neuron starts, while it is being built."""
    for field, value in values.items():
        setattr(self, field, value)
    self.blueprint = self.blueprint.starting_from(values)


def one_spike(surrogate: Any, owner: str) -> AbstractSurrogate:
    """What a `surrogate=` argument means where there is one spike at most in a step."""
    surrogate = as_surrogate(FastSigmoid() if surrogate is None else surrogate)
    if isinstance(surrogate, PiecewiseLinear):
        raise ValueError(
            f"{owner}: PiecewiseLinear has a slope per ampere of a membrane current, which only "
            "DynapSim has; take another, as eqpool.FastSigmoid()."
        )
    if surrogate.max_spikes_per_dt == 1:
        return surrogate
    return dataclasses.replace(surrogate, max_spikes_per_dt=1.0)
