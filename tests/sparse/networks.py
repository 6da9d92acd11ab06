"""The same networks with sparse and with dense recurrent weights."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import scipy.sparse

import eqpool


N = 24


class Case(NamedTuple):
    """How a module is made of its weights, a SciPy matrix of these, their shape, and input."""

    make: Any
    matrix: Any
    shape: tuple[int, ...]
    drive: Any

    @property
    def dense(self) -> Any:
        return jnp.asarray(self.matrix.toarray().reshape(self.shape))


def matrix(n: int, m: int, density: float, seed: int = 0, scale: float = 1.0) -> Any:
    rng = np.random.default_rng(seed)
    there = rng.random((n, m)) < density
    there[3], there[:, 5] = False, False  # a neuron that sends nothing, one that receives nothing
    values = scale * rng.normal(size=(n, m)).astype(np.float32)
    return scipy.sparse.csr_array(np.where(there, values, 0.0))


def drive(steps: int, channels: int, rate: float, size: float) -> Any:
    fired = np.random.default_rng(1).random((steps, channels)) < rate
    return jnp.asarray(size * fired, jnp.float32)


def rate_net(w: Any) -> Any:
    return eqpool.RateJax(N, w_rec=w, has_rec=True, activation_func="tanh", rng_key=0)


def lif_net(w: Any) -> Any:
    return eqpool.LIFJax((2 * N, N), w_rec=w, has_rec=True, rng_key=0)


def adex_net(w: Any) -> Any:
    return eqpool.AdExLIF(N, Idc=8e-10, w_rec=w, has_rec=True, rng_key=0)


def chip_net(w: Any, **kwargs: Any) -> Any:
    return eqpool.DynapSim(N, w_rec=w, has_rec=True, rng_key=0, **kwargs)


def one_type_net(w: Any) -> Any:
    return chip_net(w, synapses=("ampa",), surrogate=eqpool.FastSigmoid())


CASES = {
    "rate": Case(rate_net, matrix(N, N, 0.2), (N, N), drive(40, N, 0.3, 1.0)),
    "lif": Case(lif_net, matrix(N, 2 * N, 0.2, scale=0.2), (N, 2 * N), drive(40, 2 * N, 0.1, 0.4)),
    "adex": Case(adex_net, matrix(N, N, 0.2, scale=3.0), (N, N), drive(40, N, 0.3, 1.0)),
    "one type": Case(
        one_type_net, matrix(N, N, 0.2, scale=40.0), (N, N), drive(40, N, 0.3, 60.0)
    ),
    "four types": Case(
        chip_net, matrix(N, 4 * N, 0.1, scale=40.0), (N, N, 4), drive(40, 4 * N, 0.3, 60.0)
    ),
}  # fmt: skip


def loss(mod: Any, x: Any) -> Any:
    return loss_and_run(mod, x)[0]


def loss_and_run(mod: Any, x: Any) -> tuple[Any, Any]:
    output, state, _ = mod(x)
    weighted = jnp.einsum("...tn, t ->", output, jnp.cos(jnp.arange(output.shape[-2])))
    return weighted, (output, state)
