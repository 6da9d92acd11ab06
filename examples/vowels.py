"""The Japanese vowels of Kudo, Toyama and Shimbo (1999, doi:10.1016/S0167-8655(99)00077-X).

Nine men say /ae/, recorded as 12 cepstral coefficients for each frame of 6.4 ms, 7 to 29 frames;
270 utterances to train with and 370 to test with. The data come inside the package `aeon`.
"""

import pathlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from aeon.datasets import load_japanese_vowels
from jaxtyping import Array, Bool, Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

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


def augment(
    batch: Data, key: Array, noise: float, offset: float, mixing: float
) -> tuple[Data, Int[Array, " B"], Array]:
    """Noisy utterances, mixed with others; also the labels of those, and the share of the first.

    `noise` is on every frame, `offset` on every utterance (another microphone, another day), both
    in standard deviations of a channel; `mixing` is the parameter of mixup.
    """
    frame, utterance, order, share = jax.random.split(key, 4)
    x = batch.x + noise * jax.random.normal(frame, batch.x.shape)
    x += offset * jax.random.normal(utterance, (len(x), 1, CHANNELS))
    other = jax.random.permutation(order, len(x))
    share = jax.random.beta(share, mixing, mixing)
    share = jnp.maximum(share, 1 - share)
    mixed = share * x + (1 - share) * x[other]
    return Data(mixed, batch.labels, batch.mask & batch.mask[other]), batch.labels[other], share


def baseline(train: Data, test: Data) -> float:
    """Accuracy of logistic regression on the padded utterances."""
    model = LogisticRegression(max_iter=2000)
    flat = [np.asarray(data.x).reshape(len(data.x), -1) for data in (train, test)]
    scale = flat[0].std(axis=0) + 1e-9
    model.fit((flat[0] - flat[0].mean(axis=0)) / scale, train.labels)
    return float(model.score((flat[1] - flat[0].mean(axis=0)) / scale, test.labels))


def hold_out(data: Data, seed: int = 0) -> tuple[Data, Data]:
    """A stratified four fifths of a set, and the rest."""
    rest, held = train_test_split(
        np.arange(len(data.x)), test_size=0.2, stratify=data.labels, random_state=seed
    )
    return data[rest], data[held]


def draw_confusion(matrix: np.ndarray, title: str, path: pathlib.Path) -> None:
    """A confusion matrix as a figure of its own."""
    figure, axes = plt.subplots(figsize=(5.6, 4.8), layout="constrained")
    show_confusion(matrix, title, figure, axes)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def show_confusion(matrix: np.ndarray, title: str, figure: Any, axes: Any) -> None:
    """Fraction of each speaker's utterances by predicted speaker, averaged over the seeds."""
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
    figure.colorbar(image, ax=axes, label="fraction of the speaker's utterances")
