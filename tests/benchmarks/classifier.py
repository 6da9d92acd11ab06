"""A feed-forward spiking classifier of the size used on the Spiking Heidelberg Digits."""

import importlib
import importlib.util
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import eqpool

from .peers import LeftOut
from .sides import of_module, Ratio, Trained


JAXPIKE = "jaxpike"
BATCH, STEPS, SIZES = 64, 250, (700, 128, 20)


def classifier() -> list[Ratio]:
    """Loss of the counts of spikes, forward and gradient, against jaxpike.

    Its neurons have no synaptic current, and other surrogates: sizes, input and loss are the same,
    spikes are not.
    """
    if importlib.util.find_spec(JAXPIKE) is None:
        missing = LeftOut("jaxpike is not installed (extra `peers`).")
        return [Ratio(what, JAXPIKE, missing) for what in ("forward", "gradient")]
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.random((BATCH, STEPS, SIZES[0])) < 0.02, jnp.float32)
    labels = jnp.asarray(rng.integers(0, SIZES[2], BATCH))
    both = _ours(x), _theirs(x)

    def loss(counts: Any) -> Any:
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(counts, labels))

    rows = []
    for what in ("forward", "gradient"):
        (mine, seconds), (other, their_seconds) = (side.prepared(what, loss) for side in both)
        for result in (mine, other):
            leaves = jax.tree.leaves(result)
            assert all(np.all(np.isfinite(leaf)) and np.any(leaf) for leaf in leaves)
        rows.append(Ratio(what, JAXPIKE, (seconds, their_seconds)))
    return rows


def _ours(x: Any) -> Trained:
    inputs, hidden, outputs = SIZES
    taus: dict[str, Any] = dict(tau_mem=20e-3, tau_syn=1e-3)
    net = eqpool.Sequential(
        eqpool.Linear((inputs, hidden), has_bias=True, rng_key=0),
        eqpool.LIF(hidden, **taus, rng_key=1),
        eqpool.Linear((hidden, outputs), has_bias=True, rng_key=2),
        eqpool.LIF(outputs, **taus, rng_key=3),
    )
    spikes = of_module(net, x)
    return spikes._replace(run=lambda params, x: jnp.sum(spikes.run(params, x), 1))


def _theirs(x: Any) -> Trained:
    """As its documentation trains a network, time first."""
    jaxpike = importlib.import_module(JAXPIKE)
    inputs, hidden, outputs = SIZES
    one, other = jax.random.split(jax.random.key(0))
    gain = 25.0  # so that about as many neurons fire as of eqpool's
    net = jaxpike.Sequential(
        jaxpike.Dense(inputs, hidden, key=one, gain=gain),
        jaxpike.LIF(20.0),
        jaxpike.Dense(hidden, outputs, key=other, gain=gain),
        jaxpike.LIF(20.0),
    )
    leaves, structure = jax.tree.flatten(net)

    def run(leaves: Any, x: Any) -> Any:
        return jnp.sum(jaxpike.unroll(jax.tree.unflatten(structure, leaves), x)[0], 0)

    return Trained(leaves, run, jnp.swapaxes(x, 0, 1))
