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


def run(mod):
    return mod(jnp.ones((5, 3)))[0]


def sweep(settings, **kwargs):
    return eqpool.studies.sweep(net(), settings, run, **kwargs)


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
    # sweeps
    "an attribute that is not there": (
        lambda: sweep({"taus": np.ones(3)}),
        ValueError,
        r"RateJax has no attribute 'taus'\. Did you mean 'tau'\? It has",
    ),
    "an attribute that is not there in a network": (
        lambda: eqpool.studies.sweep(
            eqpool.Sequential(net()), {"0_RateJax": {"taus": np.ones(3)}}, run
        ),
        ValueError,
        r"Sequential\.0_RateJax has no attribute 'taus'\. Did you mean 'tau'",
    ),
    "settings of a wrong shape": (
        lambda: sweep({"tau": np.ones((5, 2))}),
        ValueError,
        r"RateJax\.tau: has shape \(2,\), expected \(3,\) or \(\)",
    ),
    "settings out of bounds": (
        lambda: sweep({"tau": [0.1, 0.2, -0.3]}),
        ValueError,
        r"RateJax\.tau: every value must be finite and in \(0, inf\) s; got -0\.3 s \(element 2\)",
    ),
    "settings that are words": (
        lambda: sweep({"tau": ["fast", "slow"]}),
        TypeError,
        r"sweep: RateJax\.tau: must be an array; got list",
    ),
    "a single setting": (
        lambda: sweep({"tau": 0.1}),
        ValueError,
        r"sweep: RateJax\.tau: has shape \(\), expected values along a first axis: \(S,\)",
    ),
    "settings of different number": (
        lambda: sweep([{"tau": np.ones(3), "bias": np.ones(4)}]),
        ValueError,
        r"as many values each; got 3 of 'tau', 4 of 'bias'\. For every combination give one",
    ),
    "an attribute on two axes": (
        lambda: sweep([{"tau": np.ones(3)}, {"tau": np.ones(4), "bias": np.ones(4)}]),
        ValueError,
        r"sweep: RateJax\.tau is on two axes; leave one",
    ),
    "no settings": (
        lambda: sweep({}),
        ValueError,
        r"sweep: settings name no attribute; give values, as",
    ),
    "settings that are no dictionary": (
        lambda: sweep(np.ones(3)),
        TypeError,
        r"sweep: settings must be a dictionary .*, or a sequence of such.*got float64\[3\]",
    ),
    "a chunk of nothing": (
        lambda: sweep({"tau": np.ones(3)}, chunk=0),
        ValueError,
        r"sweep: chunk must be a positive integer; got int 0",
    ),
    "devices instead of a mesh": (
        lambda: sweep({"tau": np.ones(3)}, mesh=jax.devices()),
        TypeError,
        r"sweep: mesh must be a jax\.sharding\.Mesh",
    ),
    "a sweep of a function": (
        lambda: eqpool.studies.sweep(run, {"tau": np.ones(3)}, run),
        TypeError,
        r"sweep: module must be a module of eqpool; got",
    ),
    "a sweep without a function": (
        lambda: eqpool.studies.sweep(net(), {"tau": np.ones(3)}, np.ones((5, 3))),
        TypeError,
        r"sweep: function must be f\(module, \*args\); got float64\[5,3\]",
    ),
}
