"""Tell nine speakers apart, trained on one device, on many, or by many processes.

The network and data of `train_spiking.py`. Every process loads its share of each batch; the loss is
that of the whole batch, so that the run is the same up to rounding however it is spread. Only
process 0 prints and saves.

    python examples/train_distributed.py                # all devices of this machine
    python examples/train_distributed.py --launch 2     # two processes on this machine
    srun python examples/train_distributed.py           # where JAX knows the cluster: Slurm, MPI
    python examples/train_distributed.py --coordinator host:1234 --num-processes 2 --process-id 1
"""

import argparse
import json
import pathlib
import socket
import subprocess
import sys
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array
from sklearn.metrics import confusion_matrix
from spiking import build, Config, on_grid, WITH_CURRENTS
from tqdm import trange
from vowels import augment, Data, load, show_confusion, standardise

import eqpool


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="4 epochs of a small network")
    parser.add_argument("--epochs", type=int, default=Config.epochs)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("outputs/distributed"))
    parser.add_argument("--launch", type=int, metavar="N", help="start N processes on this machine")
    parser.add_argument("--coordinator", metavar="HOST:PORT", help="address of process 0")
    parser.add_argument("--num-processes", type=int, metavar="N")
    parser.add_argument("--process-id", type=int, metavar="I", help="0 to N - 1")
    parser.add_argument("--cpu-devices", type=int, metavar="N", help="virtual devices per process")
    args = parser.parse_args()
    given = [args.coordinator, args.num_processes, args.process_id]
    if any(x is not None for x in given) and None in given:
        parser.error("--coordinator, --num-processes and --process-id go together")
    return args


def launch(processes: int, words: list[str]) -> int:
    """This script with `words` in several processes here; the first exit code that is not 0."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        coordinator = f"localhost:{free.getsockname()[1]}"
    command = [sys.executable, __file__, *words, "--coordinator", coordinator]
    command += ["--num-processes", str(processes), "--process-id"]
    running = [subprocess.Popen([*command, str(i)]) for i in range(processes)]
    try:
        # One that fails takes the others with it: they notice that it is gone.
        return next((code for code in [process.wait() for process in running] if code), 0)
    finally:
        for process in running:
            process.terminate()


def connect(args: argparse.Namespace) -> None:
    """Joins the other processes, if there are any."""
    if args.cpu_devices:
        jax.config.update("jax_num_cpu_devices", args.cpu_devices)
    try:
        # Without a coordinator JAX looks for a cluster that it knows.
        jax.distributed.initialize(args.coordinator, args.num_processes, args.process_id)
    except ValueError as error:
        if "coordinator_address should be defined" not in str(error):
            raise
    else:
        # How processes without GPUs talk to each other.
        jax.config.update("jax_cpu_collectives_implementation", "gloo")


def spread(data: Data, index: np.ndarray, mesh: Mesh) -> Data:
    """A batch over all devices, of which every process takes what its own devices need."""
    sharding = NamedSharding(mesh, PartitionSpec("batch"))

    def put(x: np.ndarray) -> Array:
        def load(own: Any) -> np.ndarray:
            return x[index[own[0]]]

        return jax.make_array_from_callback((len(index), *x.shape[1:]), sharding, load)

    return jax.tree.map(put, data)


def train(
    net: eqpool.Sequential, data: Data, config: Config, mesh: Mesh, quiet: bool
) -> tuple[eqpool.Sequential, list[float]]:
    """The trained network and the mean loss of each epoch."""
    batches = len(data.x) // config.batch_size
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

    @eqpool.filter_value_and_grad(family=WITH_CURRENTS)
    def loss_and_gradient(net: Any, batch: Data, key: Array) -> Array:
        batch, other, share = augment(batch, key, config.noise, config.noise, config.mixing)
        batch = on_grid(batch, config)
        output = config.readout * eqpool.evolve_sharded(net, batch.x, mesh)[0]
        first, second = (
            eqpool.cross_entropy(output, labels, batch.mask, label_smoothing=config.label_smoothing)
            for labels in (batch.labels, other)
        )
        return share * first + (1 - share) * second

    @eqx.filter_jit
    def step(net: Any, state: Any, batch: Data, number: Any) -> Any:
        key = jax.random.fold_in(jax.random.key(1), number)
        value, gradient = loss_and_gradient(net, batch, key)
        trainable, frozen = eqpool.partition(net, WITH_CURRENTS)
        updates, state = optimiser.update(gradient, state, trainable)
        return eqpool.combine(eqx.apply_updates(trainable, updates), frozen), state, value

    state = optimiser.init(eqpool.partition(net, WITH_CURRENTS)[0])
    net, state = eqx.filter_shard((net, state), NamedSharding(mesh, PartitionSpec()))
    generator, losses = np.random.default_rng(0), []  # the same in every process
    progress = trange(config.epochs, desc="training", disable=quiet)
    for epoch in progress:
        order = generator.permutation(len(data.x))[: batches * config.batch_size]
        values = []
        for i, index in enumerate(order.reshape(batches, -1)):
            number = np.int32(epoch * batches + i)
            net, state, value = step(net, state, spread(data, index, mesh), number)
            values.append(value)
        losses.append(float(np.mean([np.asarray(value) for value in values])))
        if not np.isfinite(losses[-1]):
            raise FloatingPointError(f"The loss is not finite in epoch {epoch}.")
        progress.set_postfix(loss=f"{losses[-1]:.4f}")
    return net, losses


def predict(net: eqpool.Sequential, data: Data, config: Config, mesh: Mesh) -> np.ndarray:
    """The speaker of each utterance, in every process."""
    size = len(data.x)
    padded = np.arange(-(-size // mesh.size) * mesh.size) % size

    @eqx.filter_jit
    def guesses(net: Any, data: Data) -> Array:
        data = on_grid(data, config)
        output, _, _ = eqpool.evolve_sharded(net, data.x, mesh)
        found = jnp.argmax(eqpool.time_average(output, data.mask), axis=-1)
        return eqx.filter_shard(found, NamedSharding(mesh, PartitionSpec()))

    return np.asarray(guesses(net, spread(data, padded, mesh)))[:size]


def draw(losses: list[float], matrix: np.ndarray, title: str, path: pathlib.Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    left.plot(np.arange(len(losses)) + 1, losses)
    left.set(xlabel="epoch", ylabel="cross-entropy", title="Training loss")
    show_confusion(matrix, title, figure, right)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(args: argparse.Namespace) -> None:
    connect(args)
    config = Config(epochs=4, neurons=20) if args.short else Config(epochs=args.epochs)
    mesh = jax.make_mesh((jax.device_count(),), ("batch",), (AxisType.Auto,))
    first = jax.process_index() == 0
    if first:
        print(f"{jax.process_count()} processes, {mesh.size} devices as {jax.devices()[0]}")

    raw, raw_test = load("train"), load("test")
    train_set, test = (jax.tree.map(np.asarray, standardise(data, raw)) for data in (raw, raw_test))
    net = build(jax.random.key(0), config)
    net, losses = train(net, train_set, config, mesh, quiet=not first)
    guesses = predict(net, test, config, mesh)
    if not first:
        return
    accuracy = float(np.mean(guesses == test.labels))
    print(f"\nTest accuracy {accuracy:.2%} ({len(guesses)} utterances, nine speakers)")
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "losses.json").write_text(json.dumps(losses))
    matrix = confusion_matrix(test.labels, guesses, normalize="true")
    figure = args.out / "distributed.png"
    draw(losses, matrix, f"Test accuracy {accuracy:.2%}", figure)
    print(f"Losses: {args.out / 'losses.json'}\nFigure: {figure}")


if __name__ == "__main__":
    args = arguments()
    if args.launch:
        words = ["--out", str(args.out), "--epochs", str(args.epochs)]
        words += ["--short"] if args.short else []
        words += ["--cpu-devices", str(args.cpu_devices)] if args.cpu_devices else []
        sys.exit(launch(args.launch, words))
    main(args)
