"""Tell nine speakers apart from a spoken vowel, with a recurrent network of rate neurons.

The data are the Japanese vowels of Kudo, Toyama and Shimbo (1999,
doi:10.1016/S0167-8655(99)00077-X), which come inside the package `aeon`: nine men say /ae/,
recorded as 12 cepstral coefficients for each frame of 6.4 ms, 7 to 29 frames; 270 utterances to
train with and 370 to test with. Several networks train at once, one for each seed, as an
ensemble made by `eqx.filter_vmap`. Choices belong to the training set: `--validate` holds out a
part of it. A run looks at the test set once, after training.

    python examples/train_speakers.py             # 5 seeds, half a minute on two cores
    python examples/train_speakers.py --resume    # goes on from the last checkpoint
    python examples/train_speakers.py --validate  # hold out a fifth of the training set instead
"""

import argparse
import dataclasses
import functools as ft
import json
import os
import pathlib
import platform
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Int
from sklearn.metrics import balanced_accuracy_score, confusion_matrix
from tqdm import trange
from vowels import (
    augment,
    baseline,
    CHANNELS,
    Data,
    draw_confusion,
    FRAME,
    hold_out,
    load,
    SPEAKERS,
    standardise,
)

import eqpool


TRAINED = ("weights", "biases", "taus")


@dataclasses.dataclass(frozen=True)
class Config:
    """What a checkpoint must agree on with the run that resumes it."""

    seed: int = 0
    seeds: int = 5
    epochs: int = 150
    validate: bool = False
    neurons: int = 100
    batch_size: int = 32
    rate: float = 3e-3
    decay: float = 1e-2
    noise: float = 0.3  # on every frame, in standard deviations of the channel
    offset: float = 0.3  # on every utterance: another microphone, another day
    mixing: float = 0.3  # mixup: each batch is mixed with itself in another order
    label_smoothing: float = 0.2


def build(key: Array, config: Config) -> eqpool.Sequential:
    first, hidden, last = jax.random.split(key, 3)
    n = config.neurons
    return eqpool.Sequential(
        eqpool.Linear((CHANNELS, n), rng_key=first),
        eqpool.RateJax(
            (n, n),
            tau=jnp.full(n, 15e-3),
            has_rec=True,
            activation_func="tanh",
            dt=FRAME,
            rng_key=hidden,
        ),
        eqpool.Linear((n, SPEAKERS), has_bias=True, rng_key=last),
    )


def make_optimiser(config: Config, batches: int) -> optax.GradientTransformation:
    rate = optax.cosine_decay_schedule(config.rate, config.epochs * batches)
    return optax.multi_transform(
        {
            "weights": optax.adamw(rate, weight_decay=config.decay),
            "biases": optax.adam(rate),
            # Euler is stable above half a time step, 3.2 ms; smooth above one and a half.
            "taus": eqpool.log_space(optax.adam(rate), lower=10e-3, upper=1.0),
        },
        eqpool.family_labels,
    )


@eqpool.filter_value_and_grad(family=TRAINED, has_aux=True)
def loss_and_gradient(net: eqpool.Sequential, batch: Data, key: Array, config: Config) -> Any:
    batch, other, share = augment(batch, key, config.noise, config.offset, config.mixing)
    output, _, _ = net(batch.x)
    first, second = (
        eqpool.cross_entropy(output, labels, batch.mask, label_smoothing=config.label_smoothing)
        for labels in (batch.labels, other)
    )
    return share * first + (1 - share) * second, eqpool.accuracy(output, batch.labels, batch.mask)


def train(config: Config, data: Data, held_out: Data | None, out: pathlib.Path, resume: bool):
    """The trained ensemble: every array has a leading axis of seeds."""
    batches = -(-len(data.x) // config.batch_size)
    optimiser = make_optimiser(config, batches)
    keys = jax.random.split(jax.random.key(config.seed), config.seeds)
    nets = eqx.filter_vmap(lambda key: build(key, config))(keys)
    states = eqx.filter_vmap(lambda net: optimiser.init(eqpool.partition(net, TRAINED)[0]))(nets)

    @jax.jit
    @ft.partial(jax.vmap, in_axes=(0, 0, 0, None))
    def run_epoch(net: Any, state: Any, key: Array, epoch: Array) -> Any:
        # All that is drawn follows from seed and epoch, so that a resumed run draws the same.
        order_key, noise_key = jax.random.split(jax.random.fold_in(key, epoch))
        order = jax.random.permutation(order_key, len(data.x))
        order = jnp.resize(order, (batches, config.batch_size))

        def step(carry: Any, now: tuple[Array, Array]) -> Any:
            net, state = carry
            values, gradient = loss_and_gradient(net, data[now[0]], now[1], config)
            trainable, frozen = eqpool.partition(net, TRAINED)
            updates, state = optimiser.update(gradient, state, trainable)
            net = eqpool.combine(eqx.apply_updates(trainable, updates), frozen)
            return (net, state), values

        noise_keys = jax.random.split(noise_key, batches)
        (net, state), (losses, hits) = jax.lax.scan(step, (net, state), (order, noise_keys))
        return net, state, jnp.mean(losses), jnp.mean(hits)

    start = 0
    if resume:
        start, nets, states = load_checkpoint(out, config, nets, states)
    progress = trange(start, config.epochs, initial=start, total=config.epochs, desc="training")
    for epoch in progress:
        nets, states, losses, hits = run_epoch(nets, states, keys, jnp.asarray(epoch))
        if not np.all(np.isfinite(losses)):
            raise FloatingPointError(f"The loss is not finite in epoch {epoch}: {losses}.")
        save_checkpoint(out, config, epoch + 1, nets, states)
        scores = {"loss": f"{np.mean(losses):.4f}", "accuracy": f"{np.mean(hits):.3f}"}
        if held_out is not None:
            scores["held out"] = f"{np.mean(predict(nets, held_out) == held_out.labels):.3f}"
        progress.set_postfix(scores)
    return nets


@jax.jit
@ft.partial(jax.vmap, in_axes=(0, None))
def predict(net: Any, data: Data) -> Int[Array, " B"]:
    output, _, _ = net(data.x)
    return jnp.argmax(eqpool.time_average(output, data.mask), axis=-1)


def save_checkpoint(out: pathlib.Path, config: Config, epoch: int, nets: Any, states: Any) -> None:
    with open(out / "checkpoint.tmp", "wb") as file:
        file.write((json.dumps(dataclasses.asdict(config) | {"epoch": epoch}) + "\n").encode())
        eqx.tree_serialise_leaves(file, (nets, states))
    os.replace(out / "checkpoint.tmp", out / "checkpoint.eqx")  # whole or not at all


def load_checkpoint(out: pathlib.Path, config: Config, nets: Any, states: Any) -> Any:
    if not (out / "checkpoint.eqx").exists():
        raise SystemExit(f"There is no checkpoint in {out}; run once without --resume.")
    with open(out / "checkpoint.eqx", "rb") as file:
        saved = json.loads(file.readline())
        epoch = saved.pop("epoch")
        if saved != dataclasses.asdict(config):
            raise SystemExit(f"The checkpoint in {out} was made by another run: {saved}.")
        return epoch, *eqx.tree_deserialise_leaves(file, (nets, states))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=Config.seed)
    parser.add_argument("--seeds", type=int, default=Config.seeds, help="networks to train")
    parser.add_argument("--epochs", type=int, default=Config.epochs)
    parser.add_argument("--validate", action="store_true", help="leave the test set alone")
    parser.add_argument("--short", action="store_true", help="2 seeds and 20 epochs")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("outputs/speakers"))
    args = parser.parse_args()
    seeds, epochs = (2, 20) if args.short else (args.seeds, args.epochs)
    config = Config(args.seed, seeds, epochs, args.validate)
    args.out.mkdir(parents=True, exist_ok=True)
    print(f"seed {config.seed}, {config.seeds} networks, {config.epochs} epochs")
    print(f"{jax.devices()}, {os.cpu_count()} cores, {platform.machine()}; jax {jax.__version__}")

    raw = load("train")
    if config.validate:
        train_set, held_set = hold_out(raw, config.seed)
        held_out = standardise(held_set, train_set)
        train(config, standardise(train_set, train_set), held_out, args.out, args.resume)
        return

    nets = train(config, standardise(raw, raw), None, args.out, args.resume)
    raw_test = load("test")
    test = standardise(raw_test, raw)
    predicted = np.asarray(predict(nets, test))
    truth = np.asarray(test.labels)
    scores = np.mean(predicted == truth, axis=1)
    balanced = [balanced_accuracy_score(truth, one) for one in predicted]
    for i, (accuracy, fair) in enumerate(zip(scores, balanced, strict=True)):
        print(f"network {i}: test accuracy {accuracy:.2%}, balanced accuracy {fair:.2%}")
    summary = f"{np.mean(scores):.2%} ± {np.std(scores):.2%}"
    print(f"\nTest accuracy ({len(truth)} utterances, nine speakers)")
    print(f"  this network, mean ± standard deviation of {config.seeds}   {summary}")
    print(f"  balanced accuracy                                {np.mean(balanced):.2%}")
    print(f"  logistic regression on padded utterances         {baseline(raw, raw_test):.2%}")
    print("  published networks                               95 % to 99.3 %")
    print(
        f"  always the most frequent speaker                 {np.bincount(truth).max() / 370:.2%}"
    )
    matrix = np.mean([confusion_matrix(truth, one, normalize="true") for one in predicted], axis=0)
    figure = args.out / "confusion.png"
    draw_confusion(matrix, f"Test accuracy {summary}", figure)
    print(f"\nFigure: {figure}")


if __name__ == "__main__":
    main()
