"""`Linear` against the line of JAX that it stands for."""

import jax.numpy as jnp
import numpy as np

import eqpool

from .sides import of_module, Ratio, Trained


SIZES = 700, 128


def linear() -> list[Ratio]:
    """Forward, and gradient with respect to weight and bias."""
    mod = eqpool.Linear(SIZES, has_bias=True, rng_key=0)
    x = np.random.default_rng(0).normal(size=(64, 250, SIZES[0]))
    ours = of_module(mod, jnp.asarray(x, jnp.float32))
    theirs = Trained(mod.parameters(), lambda w, x: x @ w["weight"] + w["bias"], ours.x)
    rows = []
    for what in ("forward", "gradient"):
        mine, seconds = ours.prepared(what, lambda y: jnp.mean(y**2))
        other, their_seconds = theirs.prepared(what, lambda y: jnp.mean(y**2))
        if what == "gradient":
            np.testing.assert_allclose(mine[0], other[0], rtol=1e-5)
            mine, other = mine[1].weight, other[1]["weight"]
        scale = float(jnp.max(jnp.abs(other)))
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5 * scale)
        rows.append(Ratio(what, "x @ w + b", (seconds, their_seconds)))
    return rows
