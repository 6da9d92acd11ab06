"""`jax.shard_map` with its checks, and meshes of explicit axes."""

import json
import os
import pathlib
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec as P

import eqpool


def test_one_device():
    """Where kernels run."""
    mesh = jax.make_mesh((1,), ("batch",), (AxisType.Auto,))
    net = eqpool.RateJax((3, 3), has_rec=True, activation_func="tanh", rng_key=0)
    x = jnp.ones((2, 4, 3))

    def loss(net, x):
        return jnp.mean(net(x)[0] ** 2)

    mapped = jax.shard_map(
        lambda net, x: jax.lax.pmean(loss(net, x), "batch"),
        mesh=mesh, in_specs=(P(), P("batch")), out_specs=P(),
    )  # fmt: skip
    gradients = [eqx.filter_jit(eqpool.filter_grad(f))(net, x) for f in (mapped, loss)]
    for ours, theirs in zip(*map(jax.tree.leaves, gradients), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.slow
def test_four_devices():
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    result = subprocess.run(
        [sys.executable, "-m", "tests.idioms.four_devices"],
        cwd=pathlib.Path(__file__).parents[2], capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert set(json.loads(result.stdout).values()) == {""}
