"""A training run that may be killed at any step, and goes on as if nothing had happened.

Nine speakers (the data of `train_speakers.py`), a recurrent layer of LIF neurons, and a checkpoint
every few steps by Orbax: network, state of the optimiser, and the losses so far. Start the same
command again after a kill, a crash or Ctrl-C: it goes on from the last checkpoint that is whole,
and the losses are those of a run that was never stopped, to the last bit. The trained network
is saved with `eqpool.save`; the loss curve is drawn.

    python examples/train_checkpointed.py            # half a minute on two cores
    python examples/train_checkpointed.py --short    # 40 steps
    python examples/train_checkpointed.py --fresh    # forget the checkpoints and start anew
"""

import argparse
import dataclasses
import pathlib
import shutil
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax
import orbax.checkpoint as ocp
from jaxtyping import Array
from tqdm import trange
from vowels import augment, CHANNELS, Data, FRAME, load, SPEAKERS, standardise

import eqpool


matplotlib.use("Agg")
import matplotlib.pyplot as plt


TRAINED = ("weights", "biases", "taus")


@dataclasses.dataclass(frozen=True)
class Config:
    """What a checkpoint must agree on with the run that goes on from it."""

    seed: int = 0
    steps: int = 600
    neurons: int = 80
    batch_size: int = 32
    rate: float = 3e-3


class Run(eqx.Module):
    """All that a step hands to the next, and all that a checkpoint holds."""

    net: eqpool.Sequential
    optimiser: Any
    losses: Array


def build(config: Config) -> eqpool.Sequential:
    keys, n = jax.random.split(jax.random.key(config.seed), 4), config.neurons
    small = lambda shape, key: 0.05 * eqpool.kaiming(shape, key)
    return eqpool.Sequential(
        eqpool.Linear((CHANNELS, n), has_bias=True, rng_key=keys[0]),
        eqpool.LIF((n, n), tau_mem=jnp.full(n, 20e-3), has_rec=True, dt=FRAME, rng_key=keys[1]),
        eqpool.Linear((n, SPEAKERS), weight_init_func=small, rng_key=keys[2]),
        eqpool.ExpSyn(SPEAKERS, tau=jnp.full(SPEAKERS, 50e-3), dt=FRAME, rng_key=keys[3]),
    )


def make_optimiser(config: Config) -> optax.GradientTransformation:
    rate = optax.cosine_decay_schedule(config.rate, config.steps)
    return optax.multi_transform(
        {
            "weights": optax.adam(rate),
            "biases": optax.adam(rate),
            "taus": eqpool.log_space(optax.adam(rate), lower=5e-3, upper=0.5),
        },
        eqpool.family_labels,
    )


@eqpool.filter_value_and_grad(family=TRAINED)
def loss_and_gradient(net: eqpool.Sequential, batch: Data) -> Array:
    return eqpool.cross_entropy(net(batch.x)[0], batch.labels, batch.mask, label_smoothing=0.1)


@eqx.filter_jit
def advance(run: Run, data: Data, step: Array, config: Config) -> Run:
    """One step; all that is drawn follows from seed and step, so another process draws the same."""
    which, noise = jax.random.split(jax.random.fold_in(jax.random.key(config.seed), step))
    batch = data[jax.random.choice(which, len(data.x), (config.batch_size,), replace=False)]
    batch, _, _ = augment(batch, noise, noise=0.3, offset=0.3, mixing=0.01)
    loss, gradient = loss_and_gradient(run.net, batch)
    trainable, frozen = eqpool.partition(run.net, TRAINED)
    updates, optimiser = make_optimiser(config).update(gradient, run.optimiser, trainable)
    net = eqpool.combine(eqx.apply_updates(trainable, updates), frozen)
    return Run(net, optimiser, run.losses.at[step].set(loss))


def train(config: Config, data: Data, folder: pathlib.Path, every: int) -> Run:
    net = build(config)
    state = make_optimiser(config).init(eqpool.partition(net, TRAINED)[0])
    run = Run(net, state, jnp.full(config.steps, jnp.nan))
    start = 0
    # Each checkpoint is written in the background, and gets its name only when it is whole.
    options = ocp.CheckpointManagerOptions(max_to_keep=2, save_interval_steps=every)
    with ocp.CheckpointManager(folder.resolve(), options=options) as manager:
        if (last := manager.latest_step()) is not None:
            found = manager.restore(
                last,
                args=ocp.args.Composite(
                    run=ocp.args.StandardRestore(run), config=ocp.args.JsonRestore()
                ),
            )
            if found["config"] != dataclasses.asdict(config):
                raise SystemExit(
                    f"The checkpoints in {folder} are of another run, {found['config']}; give "
                    "--fresh or another --out."
                )
            run, start = found["run"], last + 1
            print(f"going on from step {start}", flush=True)
        progress = trange(start, config.steps, initial=start, total=config.steps, desc="training")
        for step in progress:
            run = advance(run, data, jnp.asarray(step), config)
            last_one = step == config.steps - 1
            if manager.should_save(step) or last_one:
                args = ocp.args.Composite(
                    run=ocp.args.StandardSave(run),
                    config=ocp.args.JsonSave(dataclasses.asdict(config)),
                )
                manager.save(step, args=args, force=last_one)
                progress.set_postfix(loss=f"{run.losses[step]:.3f}")
    return run


def draw(losses: np.ndarray, path: pathlib.Path) -> None:
    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    axes.plot(losses, color="0.7", linewidth=1, label="each batch")
    width = min(20, len(losses))
    smooth = np.convolve(losses, np.ones(width) / width, "valid")
    axes.plot(np.arange(len(smooth)) + width - 1, smooth, color="#0072B2", label=f"mean of {width}")
    axes.set(xlabel="step", ylabel="cross-entropy (nats)", ylim=(0, None))
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=Config.seed)
    parser.add_argument("--steps", type=int, default=Config.steps)
    parser.add_argument("--every", type=int, default=20, help="steps between checkpoints")
    parser.add_argument("--short", action="store_true", help="40 steps")
    parser.add_argument("--fresh", action="store_true", help="forget the checkpoints")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("outputs/checkpointed"))
    args = parser.parse_args()
    config = Config(args.seed, 40 if args.short else args.steps)
    folder = args.out / "checkpoints"
    if args.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    args.out.mkdir(parents=True, exist_ok=True)

    raw = load("train")
    run = train(config, standardise(raw, raw), folder, args.every)
    losses = np.asarray(run.losses)
    np.save(args.out / "losses.npy", losses)
    draw(losses, args.out / "losses.png")
    eqpool.save(args.out / "net.safetensors", run.net)

    net = eqpool.load(args.out / "net.safetensors")
    test = standardise(load("test"), raw)
    predicted = jnp.argmax(eqpool.time_average(net(test.x)[0], test.mask), axis=-1)
    print(f"loss {losses[0]:.3f} to {losses[-20:].mean():.3f}")
    print(f"test accuracy {jnp.mean(predicted == test.labels):.2%}, of the network in a file again")
    print(f"in {args.out}: losses.npy, losses.png, net.safetensors")


if __name__ == "__main__":
    main()
