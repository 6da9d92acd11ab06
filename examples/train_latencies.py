"""Trains the times of first spikes, by exact derivatives of spike times.

Two layers of DYNAP-SE2 silicon neurons get one of four patterns of input spikes. Each of four
output neurons is to fire its first spike at a time of its own for each pattern: sixteen targets.
The event-driven solver gives spike times and their derivatives; there is no time grid and no
surrogate gradient. Prints the error on the way, and saves loss curve and rasters.

    python examples/train_latencies.py            # two minutes on two cores
    python examples/train_latencies.py --short    # a few steps of training
"""

import argparse
import os
import pathlib
import platform
import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax
from jaxtyping import Array
from tqdm import tqdm

import eqpool


matplotlib.use("Agg")
import matplotlib.pyplot as plt


PATTERNS, INPUTS, HIDDEN, OUTPUTS = 4, 16, 24, 4
EVENTS, INPUT_TIME, DURATION = 24, 30e-3, 70e-3  # s
EARLIEST, LATEST = 30e-3, 50e-3  # of the targets, s


def build(seed: int) -> eqpool.Sequential:
    keys = jax.random.split(jax.random.key(seed), 2)
    solver = eqpool.EventDriven(max_spikes=256, max_steps=2048)
    layer: dict[str, Any] = dict(
        synapses=("ampa",), Idc=5e-12, Itau_mem=eqpool.Parameter(), solver=solver
    )

    def weights(key: Array, shape: tuple[int, int], mean: float) -> Array:
        # Most of them small, a few large, so that every neuron listens to inputs of its own.
        return mean * jax.random.exponential(key, shape)

    return eqpool.Sequential(
        eqpool.Linear((INPUTS, HIDDEN), weights(keys[0], (INPUTS, HIDDEN), 0.3)),
        eqpool.DynapSim(HIDDEN, **layer),
        eqpool.Linear((HIDDEN, OUTPUTS), weights(keys[1], (HIDDEN, OUTPUTS), 0.15)),
        eqpool.DynapSim(OUTPUTS, **layer),
    )


def patterns(seed: int) -> tuple[Array, Array, Array]:
    """Times and channels of the input spikes, and targets, for each pattern."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, INPUT_TIME, (PATTERNS, EVENTS)), axis=1)
    channels = rng.integers(0, INPUTS, (PATTERNS, EVENTS))
    targets = rng.uniform(EARLIEST, LATEST, (PATTERNS, OUTPUTS))
    return jnp.asarray(times), jnp.asarray(channels), jnp.asarray(targets)


def respond(net: eqpool.Sequential, times: Array, channels: Array) -> eqpool.Events:
    return net.evolve_events(eqpool.Events(times, channels, INPUTS), DURATION)[0]


def latencies(net: eqpool.Sequential, times: Array, channels: Array) -> Array:
    """First spikes of the output neurons, s, `(PATTERNS, OUTPUTS)`."""
    first = lambda times, channels: respond(net, times, channels).first_times(fill=DURATION)
    return jax.vmap(first)(times, channels)


def loss(net: eqpool.Sequential, times: Array, channels: Array, targets: Array) -> Array:
    """Mean square distance from the targets, ms^2."""
    return jnp.mean((1e3 * (latencies(net, times, channels) - targets)) ** 2)


def train(net: Any, data: tuple[Array, Array, Array], steps: int) -> tuple[Any, list[float]]:
    rate = optax.cosine_decay_schedule(0.05, steps)
    optimiser = optax.multi_transform(
        {
            "weights": optax.adam(lambda step: 0.2 * rate(step)),
            "currents": eqpool.log_space(optax.adam(rate)),
        },
        eqpool.family_labels,
    )
    state = optimiser.init(eqpool.partition(net)[0])

    @eqx.filter_jit
    def step(net: Any, state: Any) -> tuple[Any, Any, Array]:
        value, gradient = eqpool.filter_value_and_grad(loss)(net, *data)
        updates, state = optimiser.update(gradient, state, eqpool.partition(net)[0])
        return eqx.apply_updates(net, updates), state, value

    losses = []
    for _ in (bar := tqdm(range(steps))):
        net, state, value = step(net, state)
        losses.append(float(value))
        bar.set_postfix(error=f"{losses[-1] ** 0.5:.3f} ms")
    return net, losses


def draw(
    before: Any,
    after: Any,
    losses: list[float],
    data: tuple[Array, Array, Array],
    path: pathlib.Path,
) -> None:
    times, channels, targets = data
    figure, axes = plt.subplots(2, 3, figsize=(11, 5.5), layout="constrained")
    axes[0, 0].semilogy(losses)
    axes[0, 0].set(xlabel="step of training", ylabel="loss (ms²)", title="loss")
    axes[1, 0].plot(1e3 * times[0], channels[0], "k|", markersize=5)
    axes[1, 0].set(xlabel="time (ms)", ylabel="input channel", title="input, first pattern")
    for row, (net, when) in enumerate(((before, "before"), (after, "after"))):
        for column, pattern in ((1, 0), (2, 1)):
            axis = axes[row, column]
            trains = respond(net, times[pattern], channels[pattern]).trains()
            axis.eventplot([1e3 * t for t in trains], linelengths=0.7, colors="C0")
            axis.plot(1e3 * targets[pattern], range(OUTPUTS), "C3*", markersize=9)
            axis.set(
                xlim=(0, 1e3 * DURATION), yticks=range(OUTPUTS), xlabel="time (ms)",
                ylabel="output neuron", title=f"pattern {pattern + 1}, {when} training",
            )  # fmt: skip
    axes[0, 1].plot([], [], "C3*", label="target of the first spike")
    axes[0, 1].legend(loc="lower left")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few steps of training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("outputs/latencies"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print(f"{jax.devices()}, {os.cpu_count()} cores, {platform.machine()}; jax {jax.__version__}")
    net, data = build(args.seed), patterns(args.seed)
    start = time.perf_counter()
    trained, losses = train(net, data, 15 if args.short else 300)
    elapsed = time.perf_counter() - start
    found = latencies(trained, *data[:2])
    error = 1e3 * np.abs(np.asarray(found - data[2]))
    print(f"Root mean square error of {PATTERNS * OUTPUTS} latencies: {losses[0] ** 0.5:.2f} ms "
          f"before, {np.sqrt(np.mean(error**2)):.4f} ms after {len(losses)} steps "
          f"(largest {error.max():.4f} ms); {elapsed:.0f} s")  # fmt: skip
    figure = args.out / "latencies.png"
    draw(net, trained, losses, data, figure)
    print(f"\nFigure: {figure}")


if __name__ == "__main__":
    main()
