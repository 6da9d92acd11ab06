"""Tell nine speakers apart with a recurrent network of DYNAP-SE2 silicon neurons.

The same data as `train_speakers.py`. The bias currents `Itau_mem` and `Igain_syn` of every neuron
start at 1e-12 A, where nobody tuned them. Two ensembles of five seeds are trained: one with its
weights alone, one with these currents as well. The settings were chosen by cross-validation within
the training set; a run looks at the test set once.

    python examples/train_spiking.py            # 5 seeds of each, about five minutes on two cores
    python examples/train_spiking.py --short    # 2 seeds, 15 epochs
    python examples/train_spiking.py --validate # a held-out part of the training set instead
"""

import argparse
import os
import pathlib
import platform
from typing import Any

import equinox as eqx
import jax
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import balanced_accuracy_score, confusion_matrix
from spiking import Config, on_grid, predict, train, WITH_CURRENTS, WITHOUT_CURRENTS
from vowels import baseline, Data, hold_out, load, show_confusion, standardise


def draw(net: Any, test: Data, matrix: np.ndarray, title: str, config: Config, path: Any) -> None:
    """One utterance through the network, and the confusion matrix."""
    first = Data(test.x[:1], test.labels[:1], test.mask[:1])
    one = on_grid(first, config)
    steps = int(one.mask.sum())
    _, _, record = net(one.x[0, :steps], record=True)
    ms = 1e3 * float(net[1].dt) * np.arange(steps)
    spikes = np.asarray(record["1_DynapSim"]["spikes"])
    imem = np.asarray(record["1_DynapSim"]["imem"])
    figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    image = axes[0, 0].imshow(
        one.x[0, :steps].T, aspect="auto", cmap="RdBu_r", vmin=-3, vmax=3,
        extent=(0, ms[-1], 12.5, 0.5), interpolation="nearest",
    )  # fmt: skip
    axes[0, 0].set(xlabel="time (ms)", ylabel="cepstral coefficient", title="Input, standardised")
    figure.colorbar(image, ax=axes[0, 0])
    when, who = np.nonzero(spikes)
    axes[0, 1].scatter(ms[when], who, s=6, marker="|", color="black")
    axes[0, 1].set(xlabel="time (ms)", ylabel="neuron", title=f"Spikes ({int(spikes.sum())})")
    busiest = np.argsort(spikes.sum(axis=0))[-4:]
    axes[1, 0].semilogy(ms, imem[:, busiest])
    axes[1, 0].axhline(float(net[1].Ispkthr), color="grey", linestyle="--", label="Ispkthr")
    axes[1, 0].set(xlabel="time (ms)", ylabel="Imem (A)", title="Membrane currents of four neurons")
    axes[1, 0].legend()
    show_confusion(matrix, title, figure, axes[1, 1])
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="2 seeds, 15 epochs")
    parser.add_argument("--validate", action="store_true", help="leave the test set alone")
    parser.add_argument("--seeds", type=int, default=Config.seeds, help="networks of each kind")
    parser.add_argument("--epochs", type=int, default=Config.epochs)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("outputs/spiking"))
    args = parser.parse_args()
    config = Config(seeds=2, epochs=15) if args.short else Config(args.seeds, args.epochs)
    args.out.mkdir(parents=True, exist_ok=True)
    print(f"{config.seeds} networks of each kind, {config.epochs} epochs")
    print(f"{jax.devices()}, {os.cpu_count()} cores, {platform.machine()}; jax {jax.__version__}")

    raw = load("train")
    raw, raw_test = hold_out(raw) if args.validate else (raw, load("test"))
    train_set, test = standardise(raw, raw), standardise(raw_test, raw)
    truth = np.asarray(test.labels)
    predicted, nets = {}, {}
    for name, trained in {
        "weights alone": WITHOUT_CURRENTS,
        "weights and bias currents": WITH_CURRENTS,
    }.items():
        nets[name] = train(config, train_set, trained, name)
        run = jax.jit(lambda nets: eqx.filter_vmap(lambda net: predict(net, test, config))(nets))
        predicted[name] = np.asarray(run(nets[name]))

    what = "Held-out" if args.validate else "Test"
    print(f"\n{what} accuracy ({len(truth)} utterances, nine speakers), mean ± standard deviation")
    for name, guesses in predicted.items():
        scores = np.mean(guesses == truth, axis=1)
        fair = np.mean([balanced_accuracy_score(truth, guess) for guess in guesses])
        seeds = ", ".join(f"{score:.2%}" for score in scores)
        summary = f"{scores.mean():.2%} ± {scores.std():.2%}"
        print(f"  {name:32s} {summary}  (balanced {fair:.2%}; {seeds})")
    better = np.mean(predicted["weights and bias currents"] == truth, axis=1) - np.mean(
        predicted["weights alone"] == truth, axis=1
    )
    print(f"  gain of the currents, seed by seed: {', '.join(f'{gain:+.2%}' for gain in better)}")
    print(f"  {'logistic regression, padded':32s} {baseline(raw, raw_test):.2%}")
    print(f"  {'published networks':32s} 95 % to 99.3 %")
    best = nets["weights and bias currents"]
    for name in ("Itau_mem", "Igain_syn"):
        low, middle, high = np.quantile(getattr(best[1], name), [0.05, 0.5, 0.95])
        print(f"  {name}: {middle:.2e} A ({low:.1e} to {high:.1e}), from 1e-12 A")

    guesses = predicted["weights and bias currents"]
    matrix = np.mean([confusion_matrix(truth, one, normalize="true") for one in guesses], axis=0)
    first = jax.tree.map(lambda leaf: leaf[0], best)
    figure = args.out / "spiking.png"
    title = f"{what} accuracy {np.mean(guesses == truth):.2%}"
    draw(first, test, matrix, title, config, figure)
    print(f"\nFigure: {figure}")


if __name__ == "__main__":
    main()
