"""Wrong uses of meshes and sweeps, with what the message must say."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh

import eqpool


def mesh(size=1, axis="batch", kind=AxisType.Auto):
    """A mesh of any size: the same device several times, which nothing here runs on."""
    return Mesh(np.array(size * jax.devices()[:1]), (axis,), axis_types=(kind,))


def net(n=3):
    return eqpool.RateJax((n, n), has_rec=True, rng_key=0, name="hidden")


PARALLEL_CASES = {
    "a number for a mesh": (
        lambda: eqpool.evolve_sharded(net(), jnp.ones((2, 5, 3)), 8),
        TypeError,
        r"evolve_sharded: mesh must be a jax\.sharding\.Mesh, as `jax\.make_mesh\(.*got int 8",
    ),
    "an axis that the mesh lacks": (
        lambda: eqpool.evolve_sharded(net(), jnp.ones((2, 5, 3)), mesh(axis="batches")),
        ValueError,
        r"has no axis 'batch'\. Did you mean 'batches'\? It has 'batches'.*`axis='batches'`",
    ),
    "no batch to spread": (
        lambda: eqpool.evolve_sharded(net(), jnp.ones((5, 3)), mesh()),
        ValueError,
        r"evolve_sharded: input_data has shape \(5, 3\); expected \(B, T, 3\) with B a multiple of "
        r"the 1 devices along 'batch'",
    ),
    "a batch that does not divide": (
        lambda: eqpool.evolve_sharded(net(), jnp.ones((5, 5, 3)), mesh(2)),
        ValueError,
        r"shape \(5, 5, 3\); .* multiple of the 2 devices along 'batch'\. Pad the batch",
    ),
    "a function instead of a module on a mesh": (
        lambda: eqpool.evolve_sharded(jnp.tanh, jnp.ones((5, 5, 3)), mesh()),
        TypeError,
        r"evolve_sharded: module must be a module of eqpool; got",
    ),
    "wrong channels on a mesh": (
        lambda: eqpool.evolve_sharded(net(), jnp.ones((2, 5, 4)), mesh()),
        ValueError,
        r"RateJax 'hidden': input_data has 4 channels",
    ),
    "neurons on an explicit axis": (
        lambda: eqpool.neuron_shardings(net(), mesh(kind=AxisType.Explicit), "batch"),
        ValueError,
        r"neuron_shardings: the axis 'batch' of mesh is of type Explicit; expected Auto: `jax",
    ),
    "recurrent neurons that do not divide": (
        lambda: eqpool.neuron_shardings({"net": net(6)}, mesh(4, "neurons")),
        ValueError,
        r"RateJax 'hidden' has 6 neurons with recurrent weights \('net\.w_rec', shape \(6, 6\)\), "
        r"which is no multiple of 4 devices\. Build it with 8 neurons",
    ),
    "nothing to spread": (
        lambda: eqpool.neuron_shardings(eqpool.Linear((3, 3)), mesh(2, "neurons")),
        ValueError,
        r"nothing here can be spread over 2 devices",
    ),
}
