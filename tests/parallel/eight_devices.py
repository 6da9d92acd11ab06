"""Checks on eight virtual devices, in a process of their own.

`python -m tests.parallel.eight_devices NAME...` prints a traceback for each, or "".
"""

import json
import os
import sys
import traceback


os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
os.environ["JAX_PLATFORMS"] = "cpu"

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P

import eqpool
from tests import compiling
from tests.helpers import relative_error, zoo_net
from tests.parallel.hlo import collectives


CHECKS = {}


def check(function):
    CHECKS[function.__name__] = function
    return function


def mesh_of(**sizes):
    return jax.make_mesh(tuple(sizes.values()), tuple(sizes), (AxisType.Auto,) * len(sizes))


@eqpool.filter_value_and_grad
def loss_and_gradient(net, x, target):
    return eqpool.mse(net(x)[0], target)


def sharded_loss_and_gradient(net, x, target, mesh):
    def loss(net):
        return eqpool.mse(eqpool.evolve_sharded(net, x, mesh)[0], target)

    return eqpool.filter_value_and_grad(loss)(net)


def compiled_with(function, *args):
    """The compiled function, and what it gives."""
    compiled = eqx.filter_jit(function).lower(*args).compile()
    return compiled, compiled(*args)


def assert_same(sharded, single, tolerance=1e-5):
    ours, theirs = jax.tree.leaves(sharded), jax.tree.leaves(single)
    assert len(ours) == len(theirs) > 1
    for our, their in zip(ours, theirs, strict=True):
        if np.any(np.asarray(their)):
            assert relative_error(our, their) < tolerance
        else:
            assert not np.any(np.asarray(our))


def bytes_on_one(tree):
    """What the first device holds, and what one device would."""
    arrays = jax.tree.leaves(eqx.filter(tree, eqx.is_array))
    return (
        sum(x.addressable_shards[0].data.nbytes for x in arrays),
        sum(x.nbytes for x in arrays),
    )


# A batch over devices


def batch_over_devices(net, channels):
    mesh = mesh_of(batch=8)
    x = jax.random.normal(jax.random.key(0), (16, 10, channels))
    target = jax.random.normal(jax.random.key(1), (16, 10, net.size_out))
    _, single = compiled_with(loss_and_gradient, net, x, target)
    net = eqx.filter_shard(net, NamedSharding(mesh, P()))
    x, target = eqx.filter_shard((x, target), NamedSharding(mesh, P("batch")))
    assert x.addressable_shards[0].data.shape == (2, 10, channels)
    compiled, found = compiled_with(sharded_loss_and_gradient, net, x, target, mesh)
    assert_same(found, single)
    inside, outside = collectives(compiled)
    assert inside == [] and {operation for operation, _ in outside} == {"all-reduce"}
    return net, x, target, single


def noisy():
    return eqpool.RateJax((3, 3), has_rec=True, activation_func="tanh", noise_std=0.5, rng_key=1)


@check
def a_batch_that_xla_divides():
    """Plain `evolve` is right too, but sums over devices in every step."""
    net, x, target, single = batch_over_devices(noisy(), 3)
    compiled, found = compiled_with(loss_and_gradient, net, x, target)
    assert_same(found, single)
    assert collectives(compiled)[0]


@check
def a_batch_of_the_zoo_over_devices():
    batch_over_devices(zoo_net(noise_std=0.1), 3)


@check
def a_batch_of_silicon_neurons_over_devices():
    weight = jnp.full((3, 4 * 8), 40.0)
    net = eqpool.Sequential(
        eqpool.Linear((3, 4 * 8), weight=weight, rng_key=0),
        eqpool.DynapSim((8, 8), has_rec=True, Itau_mem=eqpool.Parameter(), rng_key=1),
    )
    batch_over_devices(net, 3)


@check
def state_and_record_over_devices():
    net, mesh = noisy(), mesh_of(batch=8)
    x = jax.random.normal(jax.random.key(0), (8, 20, 3))
    output, _, record = net(x, record=True)
    first, state, _ = eqpool.evolve_sharded(net, x[:, :10], mesh)
    later = net.set_attributes(state)
    second, _, recorded = eqpool.evolve_sharded(later, x[:, 10:], mesh, record=True)
    assert_same((first, second), (output[:, :10], output[:, 10:]))
    assert_same(recorded, jax.tree.map(lambda series: series[:, 10:], record))
    assert state["x"].addressable_shards[0].data.shape == (1, 3)


# Neurons over devices


def neurons_over_devices(mod, scale, backward, tolerance=1e-5):
    """`backward`: how many collectives are in each step of the backward pass."""
    mesh, n = mesh_of(neurons=8), mod.size_out
    x = scale * jax.random.uniform(jax.random.key(0), (2, 10, mod.size_in))
    target = jax.random.uniform(jax.random.key(1), (2, 10, n))
    on_one, single = compiled_with(loss_and_gradient, mod, x, target)

    mod = eqx.filter_shard(mod, eqpool.neuron_shardings(mod, mesh))
    x, target = eqx.filter_shard((x, target), NamedSharding(mesh, P()))
    share = mod.w_rec.addressable_shards[0].data.shape[1]
    assert share == mod.w_rec.shape[1] // 8
    compiled, found = compiled_with(loss_and_gradient, mod, x, target)
    assert_same(found, single, tolerance)
    inside, outside = collectives(compiled)
    assert len(inside) == 1 + backward, inside
    gathered = [(operation, shape.partition("{")[0]) for operation, shape in inside]
    assert ("all-gather", f"f32[2,{n}]") in gathered, inside
    # Nothing as large as the weights is sent around.
    assert all(f"[{n},{n}" not in shape for _, shape in inside + outside), (inside, outside)

    # Memory: parameters with their initial values, gradient, state of the optimiser; and
    # all that the compiled function is given, gives, and allocates.
    state = optax.adam(1e-3).init(eqpool.partition(mod)[0])
    for tree in (mod, found[1], state):
        here, all_of_it = bytes_on_one(tree)
        assert here < all_of_it / 8 + 1000, (here, all_of_it)
    ours, theirs = (c.compiled.memory_analysis() for c in (compiled, on_one))
    for size in ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes"):
        assert getattr(ours, size) < 0.3 * getattr(theirs, size), size
    # The optimiser's state is where it belongs without being told.
    expected = eqpool.neuron_shardings(state, mesh)[0].mu.w_rec
    assert expected.spec == P(None, "neurons")
    assert state[0].mu.w_rec.sharding == state[0].nu.w_rec.sharding == expected


def silicon(**kwargs):
    return eqpool.DynapSim((512, 512), has_rec=True, rng_key=0, **kwargs)


@check
def silicon_neurons_over_devices():
    neurons_over_devices(silicon(synapses=("ampa",)), 80.0, backward=1, tolerance=2e-4)


@check
def silicon_neurons_of_four_synapses_over_devices():
    neurons_over_devices(silicon(), 80.0, backward=1, tolerance=2e-4)


@check
def rate_neurons_over_devices():
    mod = eqpool.RateJax((512, 512), has_rec=True, activation_func="tanh", noise_std=0.1, rng_key=0)
    neurons_over_devices(mod, 1.0, backward=1)


@check
def lif_neurons_over_devices():
    neurons_over_devices(eqpool.LIF((1024, 512), has_rec=True, rng_key=0), 2.0, backward=1)


@check
def a_layer_of_a_network_over_devices():
    """A readout whose channels are no multiple of the devices stays whole."""
    net = eqpool.Sequential(
        eqpool.Linear((3, 64), rng_key=0),
        eqpool.RateJax((64, 64), tau=0.02, has_rec=True, rng_key=1),
        eqpool.Linear((64, 10), has_bias=True, rng_key=2),
    )
    mesh = mesh_of(neurons=8)
    x, target = jnp.ones((2, 10, 3)), jnp.ones((2, 10, 10))
    single = loss_and_gradient(net, x, target)
    found = eqpool.neuron_shardings(net, mesh)
    assert found[0].weight.spec == found[1].w_rec.spec == P(None, "neurons")
    assert found[1].bias.spec == found[1].x.spec == P("neurons")
    assert found[1].tau.spec == found[2].weight.spec == found[2].bias.spec == P()
    initial = found[1].blueprint.initial
    assert initial["w_rec"].spec == P(None, "neurons") and initial["dt"].spec == P()
    net = eqx.filter_shard(net, found)
    assert_same(loss_and_gradient(net, x, target), single)


@check
def batch_and_neurons_over_devices():
    mesh = mesh_of(batch=2, neurons=4)
    mod = eqpool.RateJax((64, 64), has_rec=True, activation_func="tanh", rng_key=0)
    x = jax.random.uniform(jax.random.key(0), (4, 20, 64))
    target = jax.random.uniform(jax.random.key(1), (4, 20, 64))
    _, single = compiled_with(loss_and_gradient, mod, x, target)
    mod = eqx.filter_shard(mod, eqpool.neuron_shardings(mod, mesh))
    x, target = eqx.filter_shard((x, target), NamedSharding(mesh, P("batch")))
    compiled, found = compiled_with(sharded_loss_and_gradient, mod, x, target, mesh)
    assert_same(found, single)
    inside, _ = collectives(compiled)
    assert len(inside) == 2 and all("64,64" not in shape for _, shape in inside), inside


# Settings over devices


@check
def settings_over_devices():
    mod, x = eqpool.RateJax(2, rng_key=0), jnp.ones((10, 2))
    settings = {"tau": jnp.linspace(0.01, 0.1, 7), "bias": jnp.arange(6.0).reshape(3, 2)}
    traces = []

    def end(mod, x):
        traces.append(1)
        return mod(x)[1]["x"]

    def total(mod, x, mesh):
        return jnp.sum(eqpool.studies.sweep(mod, settings, end, x, mesh=mesh, chunk=2).values ** 2)

    expected = eqpool.studies.sweep(mod, settings, end, x).values
    gradient = eqpool.filter_grad(total, family="thresholds")(mod, x, None)
    traces.clear()
    for kind in (AxisType.Auto, AxisType.Explicit):
        mesh = jax.make_mesh((4, 2), ("a", "b"), (kind, kind))
        found = eqpool.studies.sweep(mod, settings, end, x, mesh=mesh, chunk=2)
        np.testing.assert_allclose(found.values, expected, rtol=1e-6)
    assert len(traces) == 1
    spread = eqpool.filter_grad(total, family="thresholds")(mod, x, mesh)
    assert_same((spread.threshold, 1), (gradient.threshold, 1))
    run = eqx.filter_jit(lambda mod, x: eqpool.studies.sweep(mod, settings, end, x, mesh=mesh))
    assert collectives(run.lower(mod, x).compile())[0] == []


def main(names):
    outcomes = {}
    compiling.install()
    compiling.switch(True, "parallel")  # what is sent around is decided before
    for name in names:
        try:
            CHECKS[name]()
            outcomes[name] = ""
        except Exception:
            outcomes[name] = traceback.format_exc()
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(sys.argv[1:] or CHECKS)
