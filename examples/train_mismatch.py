"""Train a spiking network that survives device mismatch.

No two transistors of an analogue chip are the same. Two ensembles of the network of
`train_spiking.py` are trained: one on nominal devices, one on a freshly drawn chip in every batch.
Both are then run on chips with more and more mismatch, each chip drawn anew. Prints the table and
saves the figure.

    python examples/train_mismatch.py            # 3 seeds, about five minutes on two cores
    python examples/train_mismatch.py --short    # 1 seed, 10 epochs
"""

import argparse
import functools as ft
import os
import pathlib
import platform
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Array
from spiking import Config, predict, train, WITH_CURRENTS
from vowels import Data, load, standardise

import eqpool


LEVELS = [0.0, 0.05, 0.1, 0.2, 0.3, 0.4]


@ft.partial(jax.jit, static_argnums=4)
def on_chips(nets: Any, data: Data, keys: Array, level: Array, config: Config) -> Array:
    """Accuracy of every network on every chip, `(seeds, chips)`."""

    def one(net: Any, key: Array) -> Array:
        return jnp.mean(predict(eqpool.mismatch(net, key, level), data, config) == data.labels)

    return eqx.filter_vmap(lambda net: jax.lax.map(lambda key: one(net, key), keys))(nets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="1 seed, 10 epochs, 2 chips")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=Config.epochs)
    parser.add_argument("--percent", type=float, default=0.2, help="mismatch in training")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("outputs/mismatch"))
    args = parser.parse_args()
    config = Config(seeds=1, epochs=10) if args.short else Config(args.seeds, args.epochs)
    chips, levels = (2, LEVELS[::2]) if args.short else (10, LEVELS)
    args.out.mkdir(parents=True, exist_ok=True)
    print(f"{config.seeds} networks of each kind, {config.epochs} epochs, {chips} chips per level")
    print(f"{jax.devices()}, {os.cpu_count()} cores, {platform.machine()}; jax {jax.__version__}")

    raw = load("train")
    train_set, test = standardise(raw, raw), standardise(load("test"), raw)
    nets = {
        "nominal devices": train(config, train_set, WITH_CURRENTS, "nominal devices"),
        "redrawn mismatch": train(
            config,
            train_set,
            WITH_CURRENTS,
            "redrawn mismatch",
            lambda net, key: eqpool.mismatch(net, key, args.percent),
        ),
    }
    keys = jax.random.split(jax.random.key(1), chips)
    scores = {
        name: np.stack(
            [np.ravel(on_chips(net, test, keys, jnp.asarray(level), config)) for level in levels]
        )
        for name, net in nets.items()
    }
    print(f"\nTest accuracy, mean ± standard deviation; {config.seeds} networks x {chips} chips")
    print("| mismatch | trained on nominal devices | trained with redrawn mismatch |")
    print("|---|---|---|")
    for i, level in enumerate(levels):
        cells = [f"{s[i].mean():.2%} ± {s[i].std():.2%}" for s in scores.values()]
        print(f"| {level:.0%} | {' | '.join(cells)} |")

    figure, axes = plt.subplots(figsize=(5.6, 4), layout="constrained")
    for name, values in scores.items():
        mean, spread = 100 * values.mean(axis=1), 100 * values.std(axis=1)
        axes.errorbar(100 * np.asarray(levels), mean, spread, marker="o", capsize=3, label=name)
    axes.axvline(100 * args.percent, color="grey", linestyle=":", label="mismatch in training")
    axes.set(xlabel="mismatch of the chip (%)", ylabel="test accuracy (%)")
    axes.legend(title="trained on")
    path = args.out / "mismatch.png"
    figure.savefig(path, dpi=150)
    plt.close(figure)
    print(f"\nFigure: {path}")


if __name__ == "__main__":
    main()
