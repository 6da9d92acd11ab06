"""What several tests need: reference data, closeness, and small networks."""

import itertools
import pathlib
from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

import eqpool


DATA = pathlib.Path(__file__).parent / "data"


def tiers(values: Iterable[Any], default: int, slow: int | None = None) -> list[Any]:
    """Values for `parametrize`: the first few by default, then the slow, then the long ones.

    Values that are tuples are sets of arguments. Without `slow`, no value is long.
    """
    marks = itertools.chain(
        itertools.repeat((), default),
        itertools.repeat(pytest.mark.slow) if slow is None else [pytest.mark.slow] * slow,
        itertools.repeat(pytest.mark.long),
    )
    return [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=mark)
        for value, mark in zip(values, marks, strict=False)
    ]


def golden(name: str) -> dict[str, np.ndarray]:
    """All arrays of one reference file."""
    with np.load(DATA / f"{name}.npz") as file:
        return dict(file)


def arguments(data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The constructor arguments in a reference file."""
    return {name.removeprefix("arg_"): x for name, x in data.items() if name.startswith("arg_")}


def relative_error(actual: Any, expected: Any) -> float:
    """The largest difference relative to the largest element."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    assert actual.shape == expected.shape
    return float(np.max(np.abs(actual - expected)) / np.max(np.abs(expected)))


def assert_same_bits(actual: Any, expected: Any) -> None:
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype and actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


def assert_same_to_rounding(actual: Any, expected: Any) -> None:
    """Of what a `Linear` computes in single precision; keys to the bit."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype
    if np.issubdtype(actual.dtype, np.inexact):
        np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=2e-6, strict=True)
    else:
        np.testing.assert_array_equal(actual, expected, strict=True)


def small_net(seed: int = 0, noise_std: float = 0.0, tau: Any = None) -> eqpool.Sequential:
    """3 channels in, 2 out, a recurrent layer of 4 neurons between."""
    return eqpool.Sequential(
        eqpool.Linear((3, 4), rng_key=seed),
        eqpool.RateJax(
            (4, 4),
            tau=tau,
            has_rec=True,
            activation_func="tanh",
            noise_std=noise_std,
            rng_key=seed + 1,
        ),
        eqpool.Linear((4, 2), has_bias=True, rng_key=seed + 2),
    )


def nested_net(seed: int = 0, noise_std: float = 0.0) -> eqpool.Sequential:
    """`small_net`, three combinators deep."""
    inner = small_net(seed, noise_std)
    return eqpool.Sequential(
        eqpool.Sequential(inner, eqpool.Instant(2, jnp.tanh)), eqpool.Linear((2, 2), rng_key=seed)
    )


def zoo_net(seed: int = 0, noise_std: float = 0.0, **lif: Any) -> eqpool.FFwdStack:
    """3 channels in, 2 out, one of each model and combinator of the zoo."""
    spiking = dict(has_rec=True, noise_std=noise_std, rng_key=seed) | lif
    return eqpool.FFwdStack(
        eqpool.ExpSmooth(3, tau=5e-3, activation_fun=jnp.tanh),
        eqpool.Residual(
            eqpool.Linear((6, 8), has_bias=True, rng_key=seed),
            eqpool.LIF((8, 4), **spiking),
            eqpool.Linear((4, 6), rng_key=seed + 1),
        ),
        eqpool.Sequential(
            eqpool.ExpSyn(4, noise_std=noise_std, rng_key=seed),
            eqpool.LogSoftmax((4, 2), rng_key=seed),
        ),
        rng_key=seed,
    )


def wave(num_steps: int, channels: int, batch: int | None = None) -> Array:
    """A smooth input, different for each channel and batch element."""
    t = np.arange(num_steps)[:, None]
    phase = np.arange(channels) + 0.5
    wave = np.sin(0.1 * t * phase) + 0.3 * phase
    if batch is not None:
        wave = wave * (1 + 0.2 * np.arange(batch)[:, None, None])
    return jnp.asarray(wave, jnp.result_type(float))
