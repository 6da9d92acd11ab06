"""The Japanese vowels of Kudo, Toyama and Shimbo (1999, doi:10.1016/S0167-8655(99)00077-X).

Nine men say /ae/, recorded as 12 cepstral coefficients for each frame of 6.4 ms, 7 to 29 frames;
270 utterances to train with and 370 to test with. The data come inside the package `aeon`.
"""

import pathlib
from typing import Any, NamedTuple

import jax.numpy as jnp
import matplotlib
import numpy as np
from aeon.datasets import load_japanese_vowels
from jaxtyping import Array, Bool, Float, Int
from sklearn.linear_model import LogisticRegression

import eqpool


matplotlib.use("Agg")
import matplotlib.pyplot as plt


MAX_STEPS, CHANNELS, SPEAKERS = 29, 12, 9
FRAME = 6.4e-3  # s


class Data(NamedTuple):
    """Utterances, padded with zeros at the end."""

    x: Float[Array, "B T C"]
    labels: Int[Array, " B"]
    mask: Bool[Array, "B T"]

    def __getitem__(self, index: Any) -> "Data":  # pyright: ignore[reportIncompatibleMethodOverride]
        return Data(self.x[index], self.labels[index], self.mask[index])


def load(split: str) -> Data:
    series, labels, *_ = load_japanese_vowels(split=split)
    x = np.stack([np.pad(s.T, ((0, MAX_STEPS - s.shape[1]), (0, 0))) for s in series])
    mask = eqpool.length_mask(np.asarray([s.shape[1] for s in series]), MAX_STEPS)
    return Data(jnp.asarray(x, jnp.float32), jnp.asarray(labels.astype(int) - 1), mask)


def standardise(data: Data, train: Data) -> Data:
    """Mean 0 and standard deviation 1 in each channel, by the frames of the training set."""
    frames = train.x[train.mask]
    x = (data.x - jnp.mean(frames, axis=0)) / jnp.std(frames, axis=0)
    return Data(jnp.where(data.mask[..., None], x, 0.0), data.labels, data.mask)


def baseline(train: Data, test: Data) -> float:
    """Accuracy of logistic regression on the padded utterances."""
    model = LogisticRegression(max_iter=2000)
    flat = [np.asarray(data.x).reshape(len(data.x), -1) for data in (train, test)]
    scale = flat[0].std(axis=0) + 1e-9
    model.fit((flat[0] - flat[0].mean(axis=0)) / scale, train.labels)
    return float(model.score((flat[1] - flat[0].mean(axis=0)) / scale, test.labels))


def draw_confusion(matrix: np.ndarray, title: str, path: pathlib.Path) -> None:
    """Fraction of each speaker's utterances by predicted speaker, averaged over the seeds."""
    figure, axes = plt.subplots(figsize=(5.6, 4.8), layout="constrained")
    image = axes.imshow(matrix, cmap="cividis", vmin=0, vmax=1)
    for (i, j), value in np.ndenumerate(matrix):
        if value >= 0.0005:
            axes.text(
                j, i, f"{100 * value:.1f}", ha="center", va="center", fontsize=8,
                color="black" if value > 0.5 else "white",
            )  # fmt: skip
    ticks = range(SPEAKERS)
    axes.set(xlabel="predicted speaker", ylabel="speaker", title=title)
    axes.set_xticks(ticks, [str(i + 1) for i in ticks])
    axes.set_yticks(ticks, [str(i + 1) for i in ticks])
    figure.colorbar(image, label="fraction of the speaker's utterances")
    figure.savefig(path, dpi=150)
    plt.close(figure)
