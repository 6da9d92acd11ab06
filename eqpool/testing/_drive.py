"""Input under which a neuron spikes, and input under which it does not."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._report import BrokenPromise


STRENGTHS = 4.0 ** np.arange(-10, 13)
"""Of the inputs that are tried, in units of input in each step."""

LENGTHS = (64, 128, 256, 512, 1024, 2048)
"""Of the runs, in steps."""


class Drive(NamedTuple):
    """Two inputs of one shape.

    **Attributes:**

    - `strong`: `(T, N_in)`, under which there are a few spikes.
    - `weak`: `(T, N_in)`, under which there are none in the first `smooth_steps`.
    - `smooth_steps`: how many those are.
    """

    strong: np.ndarray
    weak: np.ndarray
    smooth_steps: int


def find_drive(mod: Any) -> Drive:
    """Looks for both among inputs of all strengths, in a run or two.

    **Raises:** `BrokenPromise` if nothing makes the neuron spike.
    """
    pattern = np.random.default_rng(0).uniform(0.5, 1.5, (LENGTHS[-1], mod.size_in))
    strengths, spikes = _try(mod, 1.0, pattern)
    drive = _chosen(strengths, spikes, pattern)
    if drive is None or drive.smooth_steps < len(drive.weak):
        others = _try(mod, -1.0, pattern)
        strengths = np.concatenate([strengths, others[0]])
        spikes = np.concatenate([spikes, others[1]])
        drive = _chosen(strengths, spikes, pattern)
    if drive is None:
        raise BrokenPromise(
            f"no constant input between {STRENGTHS[0]:.1g} and {STRENGTHS[-1]:.1g} units in each "
            f"step, of either sign, makes it spike now and then in {LENGTHS[-1]} steps of "
            f"{float(mod.dt):g} s. Does `arrive` bring the input to the membrane, does `distance` "
            "reach 0, and does `fire` take the membrane below threshold?"
        )
    return drive


def _chosen(strengths: np.ndarray, spikes: np.ndarray, pattern: np.ndarray) -> Drive | None:
    strong = _spiking(strengths, spikes)
    if strong is None:
        return None
    place, length = strong
    # In the direction that excites; the other one inhibits.
    along = strengths * np.sign(strengths[place])
    steps = np.where(along <= along[place] / 4.0, _quiet_steps(spikes, length), 0)
    # The strongest excitation, well below threshold, or inhibition to speak of.
    candidates = np.flatnonzero(steps == steps.max(initial=0))
    weak = max(candidates, key=lambda i: _preference(float(along[i] / along[place])), default=place)
    always = steps[weak] == length
    quiet = strengths[weak] * (0.25 if always and along[weak] > 0.0 else 1.0)
    return Drive(
        (strengths[place] * pattern[:length]).astype(np.float32),
        (quiet * pattern[:length]).astype(np.float32),
        int(steps[weak] if always else steps[weak] // 2),
    )


def _preference(relative: float) -> tuple[bool, float]:
    """Whether a drive is excitation, and how strong or how close to a quarter of inhibition."""
    excites = relative > 0.0
    return excites, relative if excites else -abs(float(np.log(-4.0 * relative)))


def _try(mod: Any, sign: float, pattern: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strengths with a finite end, and in which steps which neuron spiked."""
    inputs = sign * STRENGTHS[:, None, None] * pattern
    spikes, state, _ = mod(jnp.asarray(inputs, mod.spikes.dtype))
    finite = [np.isfinite(x).reshape(len(inputs), -1).all(1) for x in jax.tree.leaves(state)]
    good = np.logical_and.reduce(finite)
    return sign * STRENGTHS[good], np.asarray(spikes)[good] > 0.0


def _spiking(strengths: np.ndarray, spikes: np.ndarray) -> tuple[int, int] | None:
    """Which strength for how many steps: the shortest run with some spikes of each neuron."""
    # Inhibition only if no excitation does it: where it is strong, a long step may overshoot.
    order = np.argsort(np.abs(strengths), kind="stable")
    if np.any(spikes[strengths > 0.0]):
        order = order[strengths[order] > 0.0]
    for each, total, most in ((2, 0, 0.3), (1, 0, 0.3), (0, 2, 0.3), (0, 1, 0.5)):
        for length in LENGTHS:
            counts = spikes[:, :length].sum(1)
            good = (counts.min(1) >= each) & (counts.sum(1) >= total)
            good &= (counts.sum(1) > 0) & (counts.max(1) <= most * length)
            for place in order:
                if good[place]:
                    return int(place), length
    return None


def _quiet_steps(spikes: np.ndarray, length: int) -> np.ndarray:
    """How many steps there are before the first spike."""
    any_neuron = np.any(spikes[:, :length], axis=2)
    return np.where(np.any(any_neuron, axis=1), any_neuron.argmax(1), length)
