"""`jax.shard_map` with its checks, and meshes of explicit axes, in a process of their own.

`python -m tests.idioms.four_devices` prints a traceback for each network, or "".
"""

import json
import os
import traceback


os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P

import eqpool


AUTO, EXPLICIT = (
    jax.make_mesh((4,), ("batch",), (kind,)) for kind in (AxisType.Auto, AxisType.Explicit)
)
SPARSE = eqpool.SparseWeights.from_dense(np.tri(4))
NETWORKS = {
    "rate, sparse rate, exp_smooth": lambda: eqpool.Sequential(
        eqpool.Linear((3, 4), has_bias=True, rng_key=0),
        eqpool.RateJax((4, 4), has_rec=True, activation_func="tanh", rng_key=1),
        eqpool.RateJax((4, 4), has_rec=True, w_rec=SPARSE, activation_func="tanh"),
        eqpool.ExpSmooth(4, activation_fun=jnp.tanh),
    ),
    "lif, dynapsim": lambda: eqpool.Sequential(
        eqpool.LIF((3, 3), has_rec=True, rng_key=1),
        eqpool.Linear((3, 8), weight=jnp.full((3, 8), 20.0)),
        eqpool.DynapSim(
            (4, 4), has_rec=True, synapses=("ampa", "gaba"), surrogate=eqpool.FastSigmoid(),
            Itau_mem=eqpool.Parameter(), Idc=1e-7, rng_key=0,
        ),
        eqpool.Softmax((4, 2), rng_key=2),
    ),
}  # fmt: skip


def loss(trainable, frozen, x):
    return jnp.mean(eqpool.combine(trainable, frozen)(x)[0] ** 2)


def alike(found, expected):
    for ours, theirs in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        scale = np.max(np.abs(theirs), initial=0)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * scale + 1e-30)


def check(net, with_checkpoint):
    x = 10 * jax.random.uniform(jax.random.key(0), (8, 4, 3))
    spread = NamedSharding(EXPLICIT, P("batch"))
    trainable, frozen = eqpool.partition(net)
    value, gradient = jax.jit(jax.value_and_grad(loss))(trainable, frozen, x)
    assert sum(bool(np.any(g)) for g in jax.tree.leaves(gradient)) >= 7

    def same(found):
        alike(found, (value, gradient))

    def on_each(trainable, frozen, x):
        """The mean over devices, differentiated outside of the map."""
        return jax.lax.pmean(loss(trainable, frozen, x), "batch")

    def by_each(trainable, frozen, x):
        """The gradient of what all share, inside of the map: JAX adds it up."""
        value, gradient = jax.value_and_grad(loss)(trainable, frozen, x)
        return jax.lax.pmean(value, "batch"), jax.tree.map(lambda g: g / 4, gradient)

    for mesh, data in ((AUTO, x), (EXPLICIT, jax.device_put(x, spread))):
        specs = dict(mesh=mesh, in_specs=(P(), P(), P("batch")))
        outside = jax.value_and_grad(jax.shard_map(on_each, **specs, out_specs=P()))
        same(jax.jit(outside)(trainable, frozen, data))
    same(jax.jit(jax.shard_map(by_each, **specs, out_specs=P()))(trainable, frozen, data))

    # States and records of explicit axes, and the two halves of a run.
    with jax.set_mesh(EXPLICIT):
        same(jax.jit(jax.value_and_grad(loss))(trainable, frozen, data))
    found, expected = net(data, record=True), net(x, record=True)
    alike(found, expected)
    assert jax.typeof(found[0]).sharding.spec[0] == "batch"
    with jax.set_mesh(EXPLICIT):
        again = net.set_attributes(found[1])(data)[0]
    alike(again, net.set_attributes(expected[1])(x)[0])
    alike(eqpool.evolve_sharded(net, x, EXPLICIT)[0], expected[0])
    if with_checkpoint:
        run = jax.shard_map(
            lambda x: net(x, checkpoint=True)[0], mesh=AUTO, in_specs=P("batch"),
            out_specs=P("batch"),
        )  # fmt: skip
        alike(jax.jit(run)(x), expected[0])


def main():
    outcomes = {}
    for i, (name, build) in enumerate(NETWORKS.items()):
        try:
            check(build(), with_checkpoint=i == 0)
            outcomes[name] = ""
        except Exception:
            outcomes[name] = traceback.format_exc()
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main()
