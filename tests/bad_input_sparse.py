"""Wrong uses of sparse weights, each with what its message must say; as in `bad_input_cases.py`."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jax.experimental import sparse as jax_sparse

import eqpool
from eqpool import RateJax, SparseWeights


def square(n=4):
    return scipy.sparse.eye_array(n, format="csr")


def net(w=None):
    return RateJax(4, w_rec=square() if w is None else w, has_rec=True, rng_key=0)


def in_jit(function):
    return jax.jit(lambda x: function(x)(jnp.ones((5, 4)))[0])


# name -> (what is done, the error, a pattern for its message)
SPARSE_CASES = {
    "sparse weights without has_rec": (
        lambda: RateJax(4, w_rec=square()),
        ValueError,
        r"RateJax: w_rec was given, but has_rec is False; pass has_rec=True",
    ),
    "sparse weights of another shape": (
        lambda: net(square(3)),
        ValueError,
        r"RateJax.w_rec: has shape \(3, 3\), expected \(4, 4\) = \(N, N\)",
    ),
    "sparse weights for other synapses": (
        lambda: eqpool.DynapSim(4, w_rec=square(), has_rec=True),
        ValueError,
        r"DynapSim.w_rec: has shape \(4, 4\), expected \(4, 4, 4\) = \(N, N, K\) or \(4, 16\)",
    ),
    "a sparse matrix for what is no weight": (
        lambda: RateJax(4, tau=square()),
        TypeError,
        r"RateJax.tau: cannot be sparse; give an array, as `value.todense\(\)`",
    ),
    "weights of a Linear as a sparse matrix": (
        lambda: eqpool.Linear((4, 4), square()),
        TypeError,
        r"LinearJax.weight: cannot be sparse",
    ),
    "complex sparse weights": (
        lambda: net(1j * square()),
        TypeError,
        r"RateJax.w_rec: the values must be real numbers; got complex128\[4\]",
    ),
    "boolean sparse weights": (
        lambda: net(square().astype(bool)),
        TypeError,
        r"RateJax.w_rec: the values must be real numbers; got bool\[4\]",
    ),
    "a sparse weight that is not finite": (
        lambda: net(np.inf * square()),
        ValueError,
        r"RateJax.w_rec: every value must be finite and in .*; got inf \(element 0\)",
    ),
    "a batch of sparse matrices": (
        lambda: net(jax_sparse.BCOO.fromdense(jnp.ones((2, 4, 4)), n_batch=1)),
        ValueError,
        r"RateJax.w_rec: takes one sparse matrix, without batch axes; got n_batch=1",
    ),
    "sparse indices beyond the end": (
        lambda: net(jax_sparse.BCOO((jnp.ones(2), jnp.asarray([[0, 1], [2, 4]])), shape=(4, 4))),
        ValueError,
        r"RateJax.w_rec: connection 1 has the index 4 in axis 1, which must be from 0 to 3",
    ),
    "a source that does not exist": (
        lambda: SparseWeights([1.0], [-1], [0], (4, 4)),
        ValueError,
        r"SparseWeights: connection 0 has the source -1, which must be from 0 to 3",
    ),
    "a target that does not exist": (
        lambda: SparseWeights([1.0, 1.0], [0, 1], [0, 16], (4, 4, 4)),
        ValueError,
        r"SparseWeights: connection 1 has the target 16, which must be from 0 to 15",
    ),
    "indices that are no integers": (
        lambda: SparseWeights([1.0], [0.5], [0], (4, 4)),
        TypeError,
        r"SparseWeights: indices must be integers; got float64\[1\]",
    ),
    "more sources than targets": (
        lambda: SparseWeights([1.0, 2.0], [0, 1], [0], (4, 4)),
        ValueError,
        r"SparseWeights: needs as many values as sources and targets.*\(2,\), \(2,\) and \(1,\)",
    ),
    "sparse weights with one axis": (
        lambda: SparseWeights([1.0], [0], [0], (4,)),
        ValueError,
        r"SparseWeights: weights have 2 axes, or 3 with synapse types; got \(4,\)",
    ),
    "a vector as dense weights": (
        lambda: SparseWeights.from_dense(jnp.ones(3)),
        TypeError,
        r"SparseWeights: takes \(N, N_in\) or \(N, N, K\); got float32\[3\]",
    ),
    "connections that are traced": (
        lambda: in_jit(lambda x: net(SparseWeights.from_dense(x)))(jnp.eye(4)),
        TypeError,
        r"which connections there are must be known when the module is built; build it outside",
    ),
    "a traced BCOO": (
        lambda: in_jit(net)(jax_sparse.BCOO.fromdense(jnp.eye(4))),
        TypeError,
        r"RateJax.w_rec: which connections there are must be known when the module is built",
    ),
    "dense weights set where they are sparse": (
        lambda: net().set_attributes({"w_rec": jnp.ones((4, 4))}),
        ValueError,
        r"RateJax.w_rec: is sparse here, and keeps its connections; give their values, shape "
        r"\(4,\), as `mod.w_rec.take\(dense\)`",
    ),
    "sparse weights set where they are dense": (
        lambda: net(jnp.eye(4)).set_attributes({"w_rec": square()}),
        TypeError,
        r"RateJax.w_rec: is dense here, and stays so; give an array, as `value.todense\(\)`",
    ),
    "other connections set": (
        lambda: net().set_attributes({"w_rec": square()[::-1]}),
        ValueError,
        r"RateJax.w_rec: the connections of float32\[4,4\] \(4\) are not those of the module \(4\)",
    ),
    "too few values set": (
        lambda: net().set_attributes({"w_rec": jnp.ones(3)}),
        ValueError,
        r"RateJax.w_rec: has shape \(3,\), expected \(4,\)",
    ),
    "connections set inside jit": (
        lambda: jax.jit(lambda w: net().set_attributes({"w_rec": w}).w_rec.values)(net().w_rec),
        TypeError,
        r"RateJax.w_rec: inside jit, grad or vmap it cannot be seen whether the connections are",
    ),
    "another shape for the same connections": (
        lambda: net().w_rec.with_shape((4, 5)),
        ValueError,
        r"SparseWeights: \(4, 4\) cannot be counted as \(4, 5\)",
    ),
    "dense weights of another shape to take from": (
        lambda: net().w_rec.take(jnp.ones((4, 5))),
        ValueError,
        r"SparseWeights: takes an array \(4, 4\); got float32\[4,5\]",
    ),
}
