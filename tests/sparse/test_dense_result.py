"""Sparse recurrent weights: the result of dense ones, in no more than their own memory."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse

import eqpool
from tests.helpers import assert_same_bits, relative_error, tiers
from tests.sparse.networks import CASES, chip_net, loss, loss_and_run, matrix, N


@pytest.mark.parametrize(
    "name", tiers(["one type", "four types", "adex", "rate", "lif"], 1, slow=2)
)
def test_run_and_gradient_are_those_of_dense_weights(name):
    case = CASES[name]
    sparse, dense = case.make(case.matrix), case.make(case.dense)
    # A batch of two, whose first element is also run alone.
    x = jnp.stack([case.drive, case.drive[::-1]])
    gradient = eqx.filter_jit(eqpool.filter_grad(loss_and_run, has_aux=True))
    by_sparse, by_dense = ([gradient(mod, y) for y in (case.drive, x)] for mod in (sparse, dense))
    (_, (first, last)), (_, (theirs, _)) = by_sparse[0], by_dense[1]
    ours, state, _ = sparse(x)
    assert float(jnp.sum(jnp.abs(theirs))) > 50.0
    if name == "rate":
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    else:
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(first, ours[0], atol=1e-5)
    for a, b in zip(jax.tree.leaves(last), jax.tree.leaves(state), strict=True):
        assert a.shape == b.shape[1:]

    for (found, _), (expected, _) in zip(by_sparse, by_dense, strict=True):
        expected = sparse.w_rec.take(expected.w_rec)
        assert float(jnp.max(jnp.abs(expected))) > 0.0
        assert relative_error(found.w_rec.values, expected) < 1e-4
        assert found.w_rec.sources is None and found.w_rec.by_target is None


@pytest.mark.parametrize("name", tiers(["rate", "four types"], 0, slow=1))
def test_forward_mode_and_vmap_over_values(name):
    case = CASES[name]
    sparse, dense = case.make(case.matrix), case.make(case.dense)
    values = sparse.w_rec.values
    change = jnp.cos(jnp.arange(len(values), dtype=values.dtype)) * values

    def of_sparse(values):
        return loss(sparse.set_attributes({"w_rec": values}), case.drive)

    def of_dense(values):
        w_rec = sparse.w_rec.with_values(values).todense()
        return loss(dense.set_attributes({"w_rec": w_rec}), case.drive)

    (value, dot), (expected, expected_dot) = (
        jax.jvp(f, (values,), (change,)) for f in (of_sparse, of_dense)
    )
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(dot, expected_dot, rtol=1e-3)
    many = jnp.stack([values, 0.5 * values])
    found, expected = (jax.vmap(jax.grad(f))(many) for f in (of_sparse, of_dense))
    assert relative_error(found, expected) < 1e-4


def test_two_halves_have_the_bits_of_one_run(code_of_users):
    case = CASES["one type"]
    mod = case.make(case.matrix)
    whole, end, _ = mod(case.drive)
    first, middle, _ = mod(case.drive[:20])  # both halves share what is compiled
    second, state, _ = mod.set_attributes(middle)(case.drive[20:])
    assert_same_bits(jnp.concatenate([first, second]), whole)
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(end), strict=True):
        assert_same_bits(a, b)
    assert float(whole.sum()) > 50.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rate", "four types"])
def test_double_precision(name):
    with jax.enable_x64(True):
        case = CASES[name]
        sparse, dense = (case.make(w) for w in (case.matrix, case.dense.astype(float)))
        assert sparse.w_rec.values.dtype == jnp.float64 and sparse.w_rec.sources.dtype == jnp.int32
        x = case.drive.astype(float)
        np.testing.assert_allclose(sparse(x)[0], dense(x)[0], atol=1e-12)
        found, expected = (eqpool.filter_grad(loss)(mod, x) for mod in (sparse, dense))
        assert relative_error(found.w_rec.values, sparse.w_rec.take(expected.w_rec)) < 1e-10


@pytest.mark.parametrize(
    "name, solver",
    tiers(
        [
            ("one type", eqpool.ForwardEuler()),
            ("four types", eqpool.EventDriven(max_spikes=200, max_steps=2000)),
            ("four types", diffrax.Heun()),
        ],
        default=0,
        slow=2,
    ),
)
def test_other_solvers(name, solver):
    case = CASES[name]
    kwargs = {"synapses": ("ampa",)} if name == "one type" else {}
    sparse, dense = (chip_net(w, solver=solver, **kwargs) for w in (case.matrix, case.dense))
    x = case.drive[:10]
    theirs = dense(x)[0]
    assert float(theirs.sum()) > 10.0
    np.testing.assert_array_equal(sparse(x)[0], theirs)

    def level(mod):  # smooth, also with exact spikes
        return 1e9 * jnp.sum(mod(x)[1]["iampa"])

    found, expected = (eqpool.filter_grad(level)(mod) for mod in (sparse, dense))
    expected = sparse.w_rec.take(expected.w_rec)
    assert float(jnp.max(jnp.abs(expected))) > 0.0
    assert relative_error(found.w_rec.values, expected) < 1e-4


def test_no_connection_at_all():
    x = CASES["rate"].drive
    empty = eqpool.RateJax(N, w_rec=scipy.sparse.csr_array((N, N)), has_rec=True, rng_key=0)
    np.testing.assert_allclose(empty(x)[0], eqpool.RateJax(N)(x)[0], rtol=1e-6, atol=1e-7)
    assert eqpool.filter_grad(loss)(empty, x).w_rec.values.shape == (0,)


@pytest.mark.parametrize("name", tiers(["one type", "rate"], 1))
def test_memory_is_that_of_the_connections(name):
    n, steps = 2000, 10
    mod = {"rate": eqpool.RateJax, "one type": eqpool.DynapSim}[name](
        n,
        w_rec=matrix(n, n, 0.01),
        has_rec=True,
        rng_key=0,
        **({} if name == "rate" else {"synapses": ("ampa",)}),
    )
    trainable, frozen = eqpool.partition(mod)

    def gradient(trainable, frozen, x):
        return eqx.filter_grad(lambda t: loss(eqpool.combine(t, frozen), x))(trainable)

    arguments = trainable, frozen, jnp.ones((steps, n))
    sizes = [var.aval.size for var in _variables(jax.make_jaxpr(gradient)(*arguments).jaxpr)]
    connections = mod.w_rec.connections
    assert connections < max(sizes) < 2 * connections  # lines are not always full
    analysis = jax.jit(gradient).lower(*arguments).compile().memory_analysis()
    assert analysis is not None
    assert analysis.temp_size_in_bytes + analysis.output_size_in_bytes < 4 * n * n / 4


def _variables(jaxpr):
    for equation in jaxpr.eqns:
        yield from (var for var in equation.outvars if hasattr(var.aval, "size"))
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda x: hasattr(x, "eqns")
        ):
            if hasattr(inner, "jaxpr"):
                inner = inner.jaxpr
            if hasattr(inner, "eqns"):
                yield from _variables(inner)
