"""A spiking network for the Japanese vowels, and how it is trained: shared by two examples.

The network is a linear layer, a recurrent layer of silicon neurons, and a linear readout of their
spikes. Bias currents start at 1e-12 A and train in log space, with a plain `optax.adam`.
"""

import dataclasses
import functools as ft
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int
from tqdm import trange
from vowels import augment, CHANNELS, Data, FRAME, SPEAKERS

import eqpool


WITHOUT_CURRENTS = ("weights", "biases")
WITH_CURRENTS = ("weights", "biases", "currents")


@dataclasses.dataclass(frozen=True)
class Config:
    """Chosen by cross-validation within the training set."""

    seeds: int = 5
    epochs: int = 200
    neurons: int = 100
    steps_per_frame: int = 4
    batch_size: int = 32
    rate: float = 1e-2
    current_rate: float = 3e-2
    decay: float = 1e-2
    readout: float = 20.0  # spikes are rare: about one in thirty steps
    noise: float = 0.3  # on every frame and every utterance, in standard deviations
    mixing: float = 0.3
    label_smoothing: float = 0.2


def build(key: Array, config: Config) -> eqpool.Sequential:
    first, hidden, last = jax.random.split(key, 3)
    n = config.neurons
    neurons = eqpool.DynapSim.from_specification(
        (n, n),
        has_rec=True,
        weight_init_func=lambda shape, key: 0.1 * eqpool.kaiming(shape, key),
        synapses=("ampa",),
        Itau_mem=eqpool.Parameter(jnp.full(n, 1e-12)),
        Igain_syn=eqpool.Parameter(jnp.full(n, 1e-12)),
        Igain_mem=4e-12,
        Idc=2e-12,
        Ispkthr=3e-9,
        Iscale=30e-9,
        t_ref=1e-3,
        t_pulse=1e-3,
        dt=FRAME / config.steps_per_frame,
        surrogate=eqpool.FastSigmoid(3.0),
        rng_key=hidden,
    )
    return eqpool.Sequential(
        eqpool.Linear((CHANNELS, n), has_bias=True, rng_key=first),
        neurons,
        eqpool.Linear((n, SPEAKERS), has_bias=True, rng_key=last),
    )


def on_grid(data: Data, config: Config) -> Data:
    """Every frame held for its time steps."""
    k = config.steps_per_frame
    return Data(jnp.repeat(data.x, k, axis=1), data.labels, jnp.repeat(data.mask, k, axis=1))


def loss(net: eqpool.Sequential, batch: Data, key: Array, config: Config) -> Float[Array, ""]:
    batch, other, share = augment(batch, key, config.noise, config.noise, config.mixing)
    batch = on_grid(batch, config)
    output = config.readout * net(batch.x)[0]
    first, second = (
        eqpool.cross_entropy(output, labels, batch.mask, label_smoothing=config.label_smoothing)
        for labels in (batch.labels, other)
    )
    return share * first + (1 - share) * second


def train(
    config: Config,
    data: Data,
    trained: tuple[str, ...],
    name: str,
    vary: Callable[[Any, Array], Any] = lambda net, key: net,
) -> Any:
    """An ensemble of networks, one for each seed: every array has a leading axis.

    `vary(net, key)` is the network that a batch sees: the same, or one on another chip.
    """
    batches = -(-len(data.x) // config.batch_size)
    steps = config.epochs * batches
    rate = optax.cosine_decay_schedule(config.rate, steps)
    optimiser = optax.multi_transform(
        {
            "weights": optax.adamw(rate, weight_decay=config.decay),
            "biases": optax.adam(rate),
            "currents": eqpool.log_space(
                optax.adam(optax.cosine_decay_schedule(config.current_rate, steps))
            ),
        },
        eqpool.family_labels,
    )
    keys = jax.random.split(jax.random.key(0), config.seeds)
    nets = eqx.filter_vmap(lambda key: build(key, config))(keys)
    states = eqx.filter_vmap(lambda net: optimiser.init(eqpool.partition(net, trained)[0]))(nets)

    @eqpool.filter_value_and_grad(family=trained)
    def loss_and_gradient(net: Any, batch: Data, key: Array) -> Array:
        chip, noise = jax.random.split(key)
        return loss(vary(net, chip), batch, noise, config)

    @jax.jit
    @ft.partial(jax.vmap, in_axes=(0, 0, 0, None))
    def run_epoch(net: Any, state: Any, key: Array, epoch: Array) -> Any:
        order_key, noise_key = jax.random.split(jax.random.fold_in(key, epoch))
        order = jax.random.permutation(order_key, len(data.x))
        order = jnp.resize(order, (batches, config.batch_size))

        def step(carry: Any, now: tuple[Array, Array]) -> Any:
            net, state = carry
            value, gradient = loss_and_gradient(net, data[now[0]], now[1])
            trainable, frozen = eqpool.partition(net, trained)
            updates, state = optimiser.update(gradient, state, trainable)
            return (eqpool.combine(eqx.apply_updates(trainable, updates), frozen), state), value

        noise_keys = jax.random.split(noise_key, batches)
        (net, state), losses = jax.lax.scan(step, (net, state), (order, noise_keys))
        return net, state, jnp.mean(losses)

    progress = trange(config.epochs, desc=name)
    for epoch in progress:
        nets, states, losses = run_epoch(nets, states, keys, jnp.asarray(epoch))
        if not np.all(np.isfinite(losses)):
            raise FloatingPointError(f"The loss is not finite in epoch {epoch}: {losses}.")
        progress.set_postfix(loss=f"{np.mean(losses):.4f}")
    return nets


def predict(net: Any, data: Data, config: Config) -> Int[Array, " B"]:
    data = on_grid(data, config)
    return jnp.argmax(eqpool.time_average(net(data.x)[0], data.mask), axis=-1)


@ft.partial(jax.jit, static_argnums=2)
def accuracies(nets: Any, data: Data, config: Config) -> Float[Array, " S"]:
    """Fraction of utterances that each network of an ensemble gets right."""
    predicted = eqx.filter_vmap(lambda net: predict(net, data, config))(nets)
    return jnp.mean(predicted == data.labels[None], axis=1)
