"""Fields of a neuron, a line each."""

from collections.abc import Callable
from typing import Any

from .._attribute import (
    field,
    Full,
    Interval,
    kaiming,
    NON_NEGATIVE,
    Parameter,
    POSITIVE,
    SimulationParameter,
    State,
    USUAL_STEP,
    USUAL_TIME,
)
from .._module import RANDOM
from .._random import as_key, random_key
from .._types import ShapeLike


def parameter(
    value: float,
    family: str,
    unit: str = "",
    doc: str = "",
    bounds: Interval | None = None,
    usual: Interval | None = None,
    shape: ShapeLike | None = None,
    *,
    trained: bool = True,
    operating_range: Interval | None = None,
) -> Any:
    """Declares a parameter of each neuron.

    **Arguments:**

    - `value`: its default.
    - `family`: the name under which filters find it, as `"taus"`.
    - `unit`: its unit, as `"s"`. Default: none.
    - `doc`: one line of documentation.
    - `bounds`: an [`eqpool.Interval`][] that it must lie in. Default: any finite value.
    - `usual`: an [`eqpool.Interval`][] of usual values, outside of which there is a warning about
        the unit. Default: none.
    - `shape`: permitted shapes, as of [`eqpool.Parameter`][]. Default: `(N,)` or scalar.
    - `trained`: whether it is an [`eqpool.Parameter`][], and not an
        [`eqpool.SimulationParameter`][] unless an argument makes it one. Default `True`.
    - `operating_range`: an [`eqpool.Interval`][] of what a device can do, outside of which there is
        a warning. Default: none.
    """
    return field(
        (Parameter if trained else SimulationParameter)(
            family=family,
            shape=[("N",), ()] if shape is None else shape,
            init_func=Full(value),
            unit=unit,
            bounds=bounds,
            usual=usual,
            operating_range=operating_range,
            doc=doc,
        )
    )


def time_constant(
    value: float, doc: str, usual: Interval = USUAL_TIME, shape: ShapeLike | None = None
) -> Any:
    """Declares a positive time constant, s, of the family `"taus"`."""
    return parameter(value, "taus", "s", doc, POSITIVE, usual, shape)


def state(
    value: float,
    unit: str = "",
    doc: str = "",
    bounds: Interval | None = None,
    shape: ShapeLike = ("N",),
) -> Any:
    """Declares a state of each neuron.

    **Arguments:**

    - `value`: where it starts.
    - `unit`: its unit. Default: none.
    - `doc`: one line of documentation.
    - `bounds`: an [`eqpool.Interval`][] that it must lie in. Default: any finite value.
    - `shape`: as of [`eqpool.State`][]. Default: `(N,)`.
    """
    return field(
        State(
            family="states",
            shape=shape,
            init_func=Full(value),
            unit=unit,
            bounds=bounds,
            doc=doc,
        )
    )


def scale(value: float, unit: str, doc: str) -> Any:
    """Declares what one unit of input is: positive, never trained, scalar or `(N,)`."""
    return field(
        SimulationParameter(
            value, family="scales", shape=[(), ("N",)], unit=unit, bounds=POSITIVE, doc=doc
        )
    )


def recurrent_weights(
    init_func: Callable[..., Any] = kaiming,
    doc: str = "Recurrent weight from neuron i to neuron j",
    shape: ShapeLike = ("N", "N"),
) -> Any:
    """Declares `w_rec`, dense or sparse."""
    return field(
        Parameter(
            family="weights",
            shape=shape,
            permit_reshape=False,
            init_func=init_func,
            sparse=True,
            doc=f"{doc}; only with `has_rec=True`.",
        )
    )


def refractory_period() -> Any:
    """Declares `t_ref`."""
    return parameter(0.0, "delays", "s", "Refractory period; if given.", NON_NEGATIVE, USUAL_TIME)


def noise_deviation(doc: str, unit: str = "") -> Any:
    """Declares `noise_std`."""
    return field(
        SimulationParameter(
            family="noise",
            shape=[(), ("N",)],
            init_func=Full(0.0),
            unit=unit,
            bounds=NON_NEGATIVE,
            doc=doc,
        )
    )


def input_noise() -> Any:
    """Declares `noise_std` of noise on what drives a layer."""
    doc = "Noise added to the input: standard deviation `noise_std*sqrt(dt)` in each step."
    return noise_deviation(doc, "s^-1/2")


def noise_key() -> Any:
    """Declares the state that noise is drawn from."""
    return field(
        State(
            family=RANDOM,
            shape=(2,),
            init_func=random_key,
            cast_fn=as_key,
            doc="Key of the noise.",
        )
    )


def time_step() -> Any:
    """Declares `dt`."""
    return field(
        SimulationParameter(
            1e-3,
            family="dt",
            shape=(),
            unit="s",
            bounds=POSITIVE,
            usual=USUAL_STEP,
            doc="Time step.",
        )
    )
