"""A module with sparse recurrent weights is a module like any other."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.sparse
from jax.experimental import sparse as jax_sparse

import eqpool
from eqpool import Constant, Parameter, SparseWeights
from tests.helpers import assert_same_bits
from tests.sparse.networks import CASES, chip_net, matrix, N, rate_net


W = matrix(N, N, 0.2)
MOD = rate_net(W)
X = CASES["rate"].drive


def same_tree(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert_same_bits(x, y)


def shuffled():
    coo, order = W.tocoo(), np.random.default_rng(0).permutation(W.nnz)
    places = jnp.asarray(np.stack([coo.row, coo.col], 1)[order])
    return jax_sparse.BCOO((jnp.asarray(coo.data[order]), places), shape=W.shape)


FORMS = {
    "csr": lambda: W,
    "csc": lambda: W.tocsc(),
    "coo of the older kind": lambda: scipy.sparse.coo_matrix(W),
    "BCOO out of order": shuffled,
    "BCOO with unused places": lambda: jax_sparse.BCOO.fromdense(W.toarray(), nse=W.nnz + 7),
    "BCOO of dense rows": lambda: jax_sparse.BCOO.fromdense(W.toarray(), n_dense=1),
    "BCSR": lambda: jax_sparse.BCSR.fromdense(W.toarray()),
    "ours": lambda: SparseWeights.from_dense(W.toarray()),
    "double precision": lambda: W.astype(np.float64),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_matrix(form):
    w_rec = rate_net(FORMS[form]()).w_rec
    np.testing.assert_array_equal(w_rec.todense(), W.toarray())
    if form != "BCOO of dense rows":  # whose rows are stored whole, zeros too
        same_tree(w_rec, MOD.w_rec)
    np.testing.assert_array_equal(w_rec.take(W.toarray()), w_rec.values)


@pytest.mark.slow
def test_forms_of_four_types():
    case = CASES["four types"]
    dense = np.asarray(case.dense)
    flat = chip_net(case.matrix).w_rec
    three = chip_net(jax_sparse.BCOO.fromdense(dense)).w_rec
    same_tree(flat, three)
    np.testing.assert_array_equal(flat.todense(), dense)
    # With the types dense, every connection has all four.
    together = chip_net(jax_sparse.BCOO.fromdense(dense, n_dense=1)).w_rec
    np.testing.assert_array_equal(together.todense(), dense)
    assert together.connections == 4 * int(np.any(dense != 0, axis=2).sum())


def test_one_connection_given_twice_is_their_sum():
    w = SparseWeights([1.0, 2.0, 4.0], [1, 0, 1], [0, 2, 0], (3, 3))
    np.testing.assert_array_equal(w.values, [2.0, 5.0])
    np.testing.assert_array_equal((w.sources, w.targets), [[0, 1], [2, 0]])


def test_a_connection_of_weight_zero_trains():
    w = SparseWeights([0.0, 1.0], [0, 1], [1, 2], (N, N))
    mod = eqpool.RateJax(N, w_rec=w, has_rec=True, rng_key=0)
    grad = eqpool.filter_grad(lambda mod: mod(X)[0].sum())(mod)
    assert mod.w_rec.connections == 2 and float(grad.w_rec.values[0]) != 0.0


def test_dictionaries_hold_values():
    values = MOD.parameters("weights")["w_rec"]
    assert_same_bits(values, W.data)
    assert eqpool.fields(MOD)["w_rec"].shape == (W.nnz,)
    assert set(MOD.parameters()) == {"w_rec", "tau", "bias", "threshold"}
    assert MOD.attributes_named("w_rec").keys() == {"w_rec"}
    same_tree(MOD.set_attributes(MOD.parameters()), MOD)
    for given in (2 * values, 2 * W, 2.0 * shuffled(), np.asarray(2 * values)):
        new = MOD.set_attributes({"w_rec": given})
        assert_same_bits(new.w_rec.values, 2 * values)
        same_tree(new.reset_parameters(), MOD)
    other = MOD.set_attributes({"w_rec": MOD.w_rec.take(jnp.ones((N, N)))})
    np.testing.assert_array_equal(other.w_rec.todense(), W.toarray() != 0)
    by_tree_at = eqx.tree_at(lambda mod: mod.w_rec.values, MOD, 2 * values)
    same_tree(by_tree_at, MOD.set_attributes({"w_rec": 2 * values}))


def test_dictionaries_train_with_plain_jax():
    def loss(params):
        return jnp.sum(MOD.set_attributes(params)(X)[0] ** 2)

    params = MOD.parameters("weights")
    grad = jax.jit(jax.grad(loss))(params)
    assert grad["w_rec"].shape == params["w_rec"].shape and float(jnp.abs(grad["w_rec"]).max()) > 0


def test_values_do_not_compile_anew():
    other = rate_net(-3.0 * W)
    assert jax.tree.structure(MOD) == jax.tree.structure(other)
    shapes = [[x.shape for x in jax.tree.leaves(mod)] for mod in (MOD, other)]
    assert shapes[0] == shapes[1]


def test_filters_see_the_values_only():
    trainable, frozen = eqpool.partition(MOD, "weights")
    (leaf,) = jax.tree.leaves(trainable)
    assert leaf is MOD.w_rec.values
    same_tree(eqpool.combine(trainable, frozen), MOD)
    labels = jax.tree.leaves(eqpool.family_labels(MOD))
    assert sorted(labels) == ["biases", "taus", "thresholds", "weights"]
    assert eqpool.summary(MOD).families["weights"] == W.nnz
    assert f"w_rec f32[{W.nnz}] of {N}x{N}" in repr(MOD)
    assert "w_rec float" not in repr(labels)


def test_roles_and_families():
    fixed = rate_net(Constant(W))
    assert "w_rec" in fixed.simulation_parameters() and "w_rec" not in fixed.parameters()
    renamed = rate_net(Parameter(W, family="connections"))
    assert jax.tree.leaves(eqpool.partition(renamed, "connections")[0])[0].shape == (W.nnz,)
    drawn = eqpool.RateJax(
        N, weight_init_func=lambda shape: matrix(*shape, 0.2), has_rec=True, rng_key=0
    )
    same_tree(drawn.w_rec, MOD.w_rec)


def test_training_leaves_connections_alone(promotion):
    target = rate_net(0.5 * W)(X)[0]
    optimiser = optax.multi_transform(
        {"weights": optax.adamw(3e-2, weight_decay=1e-2), "rest": optax.set_to_zero()},
        lambda tree: jax.tree.map(
            lambda label: label if label == "weights" else "rest", eqpool.family_labels(tree)
        ),
    )
    trainable, frozen = eqpool.partition(MOD)
    state = optimiser.init(trainable)
    moments = [x for x in jax.tree.leaves(state) if getattr(x, "shape", ()) == (W.nnz,)]
    assert len(moments) == 2

    def loss(trainable):
        return jnp.mean((eqpool.combine(trainable, frozen)(X)[0] - target) ** 2)

    @jax.jit
    def step(trainable, state):
        value, grad = jax.value_and_grad(loss)(trainable)
        updates, state = optimiser.update(grad, state, trainable)
        return optax.apply_updates(trainable, updates), state, value

    values = []
    for _ in range(30):
        trainable, state, value = step(trainable, state)
        values.append(float(value))
    assert values[-1] < 0.2 * values[0]
    end = eqpool.combine(trainable, frozen)
    changed = eqx.tree_at(lambda w: w.values, end.w_rec, MOD.w_rec.values)
    same_tree(changed, MOD.w_rec)
    same_tree(end.reset_parameters(), MOD)


@pytest.mark.slow
def test_ensembles(tmp_path):
    scales = jnp.asarray([1.0, 0.5])
    values = scales[:, None] * MOD.w_rec.values[None]
    ensemble = eqx.filter_vmap(lambda v: MOD.set_attributes({"w_rec": v}))(values)
    outputs = eqx.filter_vmap(lambda mod: mod(X)[0])(ensemble)
    np.testing.assert_allclose(outputs[0], MOD(X)[0], atol=1e-6)
    np.testing.assert_allclose(outputs[1], rate_net(0.5 * W)(X)[0], atol=1e-6)
    # A batch inside, and connections of their own.
    both = [rate_net(W), rate_net(W[::-1, ::-1].tocsr())]
    stacked = jax.tree.map(lambda *xs: jnp.stack(xs), *both)
    batch = jnp.stack([X, X[::-1]])
    outputs = eqx.filter_vmap(lambda mod: mod(batch)[0])(stacked)
    for mod, output in zip(both, outputs, strict=True):
        np.testing.assert_allclose(output, mod(batch)[0], atol=1e-6)
    eqpool.save(tmp_path / "nets.safetensors", stacked)
    same_tree(eqpool.load(tmp_path / "nets.safetensors"), stacked)


def test_mismatch_varies_the_values():
    other = eqpool.mismatch(MOD, 0, 0.3, family="weights")
    factor = other.w_rec.values / MOD.w_rec.values
    assert 0.05 < float(jnp.std(factor)) < 0.15
    same_tree(other.w_rec.with_values(MOD.w_rec.values), MOD.w_rec)


def test_debug_mode_checks_values():
    broken = eqx.tree_at(lambda mod: mod.w_rec.values, MOD, MOD.w_rec.values.at[3].set(jnp.nan))
    with eqpool.debug_mode(), pytest.raises(Exception, match="w_rec: every value must be finite"):
        jax.block_until_ready(broken(X))


@pytest.mark.parametrize("make", [lambda: MOD, lambda: chip_net(CASES["four types"].matrix)])
def test_files_and_graphs_keep_it_sparse(make, tmp_path):
    mod = make()
    eqpool.save(tmp_path / "net.safetensors", mod)
    same_tree(eqpool.load(tmp_path / "net.safetensors"), mod)
    graph = mod.as_graph()
    (weights,) = (
        data["node"]
        for _, data in graph.nodes(data=True)
        if isinstance(data["node"], eqpool.graph.LinearWeights)
    )
    assert weights.weights.shape == (mod.size_out, mod.size_in)
    same_tree(eqpool.from_graph(graph).w_rec, mod.w_rec)


def test_files_with_indices_changed_by_hand(tmp_path):
    swapped = eqx.tree_at(lambda mod: mod.w_rec.targets, MOD, MOD.w_rec.targets[::-1])
    eqpool.save(tmp_path / "net.safetensors", swapped)
    with pytest.raises(ValueError, match="indices contradict each other"):
        eqpool.load(tmp_path / "net.safetensors")


def test_nir_gets_dense_weights():
    net = eqpool.Sequential(eqpool.LIFJax(N, w_rec=0.1 * W, has_rec=True, rng_key=0))
    nodes = eqpool.to_nir(net).nodes
    (weights,) = (node.weight for node in nodes.values() if type(node).__name__ == "Linear")
    np.testing.assert_allclose(weights.T, 0.1 * W.toarray(), rtol=1e-6)
