"""How far a run, its spikes or its gradient are from a reference."""

from typing import Any

import jax
import numpy as np
from jaxtyping import ArrayLike, Float, Real


def trace_error(
    trace: Float[ArrayLike, "T N"], reference: Float[ArrayLike, "T2 N"], relative: bool = False
) -> float:
    """Root mean square difference between two traces of the same duration.

    Both end at the same time, after whole steps; they are compared where both have a value.

    **Arguments:**

    - `trace`, `reference`: time series of `(T, N)` and `(T2, N)`, value after each step, where
        one of `T` and `T2` is a multiple of the other.
    - `relative`: whether to divide by the standard deviation of the reference. Default `False`:
        the error has the unit of the traces.

    **Raises:** `ValueError` if the lengths or numbers of channels do not fit.
    """
    trace, reference = np.asarray(trace, np.float64), np.asarray(reference, np.float64)
    short, long = sorted((len(trace), len(reference)))
    if short == 0 or long % short or trace.shape[1:] != reference.shape[1:]:
        raise ValueError(
            "trace_error: one length must be a multiple of the other, and the channels the same; "
            f"got shapes {trace.shape} and {reference.shape}."
        )
    every = long // short
    trace, reference = (x[every - 1 :: every] if len(x) == long else x for x in (trace, reference))
    error = np.sqrt(np.mean((trace - reference) ** 2))
    return float(error / np.std(reference)) if relative else float(error)


def spike_times(spikes: Real[ArrayLike, "T N"], dt: float) -> list[np.ndarray]:
    """Times of the spikes of each neuron, s: the ends of the steps in which they occurred.

    **Arguments:**

    - `spikes`: spikes in each step, `(T, N)`; a step with `k` spikes gives its time `k` times.
    - `dt`: time step, s.
    """
    counts = np.asarray(spikes).astype(int)
    ends = dt * (np.arange(len(counts)) + 1)
    return [np.repeat(ends, column) for column in counts.T]


def spike_time_error(times: list[np.ndarray], reference: list[np.ndarray]) -> tuple[float, int]:
    """Mean distance between spikes of the same number, and how many spikes are missing or extra.

    **Arguments:**

    - `times`, `reference`: spike times of each neuron, s, as of
        [`eqpool.studies.spike_times`][].

    **Returns:** the mean absolute difference between the k-th spikes of each neuron, s (`nan` if
    there is no pair), and the sum over neurons of the difference in number.

    **Raises:** `ValueError` for different numbers of neurons.
    """
    if len(times) != len(reference):
        raise ValueError(
            f"spike_time_error: got {len(times)} neurons and a reference of {len(reference)}."
        )
    pairs = [(a[: len(b)], b[: len(a)]) for a, b in zip(times, reference, strict=True)]
    distances = np.concatenate([np.abs(a - b) for a, b in pairs] or [np.empty(0)])
    surplus = sum(abs(len(a) - len(b)) for a, b in zip(times, reference, strict=True))
    return float(np.mean(distances)) if distances.size else float("nan"), surplus


def gradient_error(gradient: Any, reference: Any) -> float:
    """Distance between two gradients over the length of the reference, all leaves together.

    **Arguments:**

    - `gradient`, `reference`: pytrees of arrays of the same structure.
    """
    ours, theirs = _flat(gradient, reference)
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


def gradient_cosine(gradient: Any, reference: Any) -> float:
    """Cosine of the angle between two gradients: 1 if they point the same way.

    `nan` if one of them is zero.

    **Arguments:**

    - `gradient`, `reference`: pytrees of arrays of the same structure.
    """
    ours, theirs = _flat(gradient, reference)
    lengths = np.linalg.norm(ours) * np.linalg.norm(theirs)
    return float(ours @ theirs / lengths) if lengths > 0.0 else float("nan")


def _flat(gradient: Any, reference: Any) -> tuple[np.ndarray, np.ndarray]:
    pairs = [
        [np.ravel(np.asarray(leaf, np.float64)) for leaf in leaves]
        for leaves in zip(jax.tree.leaves(gradient), jax.tree.leaves(reference), strict=True)
    ]
    return np.concatenate([ours for ours, _ in pairs]), np.concatenate([x for _, x in pairs])
