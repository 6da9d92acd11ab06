"""What is run: sizes, networks, their input, and when two outputs are the same."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import eqpool


class Case(NamedTuple):
    """Numbers of neurons, time steps and batch elements."""

    neurons: int
    steps: int
    batch: int

    def __str__(self) -> str:
        return ", ".join(map(str, self))


class Model(NamedTuple):
    """A recurrent layer in eqpool, and what it takes to build the same elsewhere."""

    build: Callable[[Case], Any]
    rockpool: Callable[[Case], Any] | None
    """`None` where Rockpool has no such model."""
    kernel: str | None
    """The name of the function in `kernels.c`, `None` where there is none."""
    inputs: Callable[[Case], Float[Array, "B T N_in"]]
    loss: Callable[[Any], Array]
    same: Callable[[np.ndarray, np.ndarray], None]
    """Raises where two outputs `(B, T, N)` differ by more than rounding explains."""


def _weights(neurons: int, *rest: int, scale: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(neurons, neurons, *rest)) * scale / np.sqrt(neurons)
    return weights.astype(np.float32)


# Each neuron fires in about 6 % of the steps.


def _dynapsim_1(case: Case) -> Any:
    w_rec = _weights(case.neurons, scale=3.0)
    shape = (case.neurons, case.neurons)
    return eqpool.DynapSim(shape, has_rec=True, w_rec=w_rec, synapses=("ampa",), rng_key=0)


def _rockpool_dynapsim(case: Case) -> Any:
    from rockpool.devices.dynapse import DynapSim  # optional

    w_rec = _weights(case.neurons, scale=3.0)
    return DynapSim((case.neurons, case.neurons), has_rec=True, w_rec=w_rec)


def _dynapsim_4(case: Case) -> Any:
    w_rec = _weights(case.neurons, 4, scale=3.0)
    shape = (4 * case.neurons, case.neurons)
    return eqpool.DynapSim(shape, has_rec=True, w_rec=w_rec, rng_key=0)


def _spikes(case: Case, amplitudes: tuple[float, ...]) -> Array:
    rng = np.random.default_rng(1)
    size = (case.batch, case.steps, case.neurons, len(amplitudes))
    counts = rng.poisson(0.2, size=size).astype(np.float32)
    spikes = counts * np.asarray(amplitudes, np.float32)
    return jnp.asarray(spikes.reshape(*size[:2], -1))


def _same_spikes(one: np.ndarray, other: np.ndarray) -> None:
    """Equal but for what rounding decides.

    A spike that rounding has moved moves others (at 1024 neurons of four types from step 55 on),
    so over longer runs only rates are compared.
    """
    rate = np.mean(other > 0)
    assert 0.03 < rate < 0.1, f"neurons fire in {rate:.1%} of the steps"
    differ = np.mean(one[:, :40] != other[:, :40])
    assert differ < 0.001, f"{differ:.2%} of the first 40 steps differ"
    np.testing.assert_allclose(np.mean(one), np.mean(other), rtol=0.02)


def _rate(activation: str) -> Model:
    def arguments(case: Case) -> dict[str, Any]:
        tau = np.random.default_rng(2).uniform(10e-3, 50e-3, case.neurons)
        tau, w_rec = jnp.asarray(tau, jnp.float32), jnp.asarray(_weights(case.neurons, scale=1.0))
        return dict(has_rec=True, w_rec=w_rec, tau=tau, activation_func=activation)

    def build(case: Case) -> Any:
        return eqpool.RateJax((case.neurons, case.neurons), **arguments(case), rng_key=0)

    def rockpool(case: Case) -> Any:
        from rockpool.nn.modules import RateJax  # optional

        shape: Any = (case.neurons, case.neurons)
        return RateJax(shape, **arguments(case))

    def inputs(case: Case) -> Array:
        size = (case.batch, case.steps, case.neurons)
        return jnp.asarray(np.random.default_rng(1).normal(size=size), jnp.float32)

    def same(one: np.ndarray, other: np.ndarray) -> None:
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)

    kernel = f"rate_{activation.lower()}"
    return Model(build, rockpool, kernel, inputs, lambda y: jnp.mean(y**2), same)


def _lif(case: Case) -> Any:
    return eqpool.LIFJax((case.neurons, case.neurons), **_lif_arguments(case), rng_key=0)


def _rockpool_lif(case: Case) -> Any:
    from rockpool.nn.modules import LIFJax  # optional

    return LIFJax((case.neurons, case.neurons), **_lif_arguments(case))


def _lif_arguments(case: Case) -> dict[str, Any]:
    per_neuron = dict(tau_mem=20e-3, tau_syn=10e-3, bias=0.0, threshold=1.0)
    arrays = {name: jnp.full(case.neurons, value) for name, value in per_neuron.items()}
    # Rockpool's shape of them.
    arrays["tau_syn"] = arrays["tau_syn"][:, None]
    w_rec = jnp.asarray(_weights(case.neurons, scale=0.1))
    return dict(has_rec=True, w_rec=w_rec, **arrays)


MODELS = {
    "DynapSim, one synapse type": Model(
        _dynapsim_1,
        _rockpool_dynapsim,
        "dynapsim_1",
        lambda case: _spikes(case, (1.0,)),
        jnp.mean,
        _same_spikes,
    ),
    "DynapSim, four synapse types": Model(
        _dynapsim_4,
        None,
        "dynapsim_4",
        lambda case: _spikes(case, (7.0, 4.0, 4.0, 4.0)),
        jnp.mean,
        _same_spikes,
    ),
    "RateJax, ReLU": _rate("ReLU"),
    "RateJax, tanh": _rate("tanh"),
    "LIFJax": Model(
        _lif, _rockpool_lif, None, lambda case: _spikes(case, (0.04,)), jnp.mean, _same_spikes
    ),
}
