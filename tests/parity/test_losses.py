"""Losses and bounds beside those of Rockpool. Needs the extra `parity`."""

import logging
import warnings

import jax
import numpy as np
import pytest

import eqpool


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    pytest.importorskip("rockpool")
    from rockpool.training import jax_loss

    logging.disable(logging.NOTSET)

pytestmark = [
    pytest.mark.usefixtures("promotion", "rank_promotion"),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.untyped,
]


@pytest.fixture
def rank_promotion():
    with jax.numpy_rank_promotion("allow"):
        yield


def draw(seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"weight": (3, 4), "tau": (4,), "bias": ()}
    make = lambda: {n: rng.normal(size=s).astype(np.float32) for n, s in shapes.items()}
    return {"0_LinearJax": make(), "1_RateJax": make(), "gain": np.float32(0.3)}


def test_bounds():
    params = draw()
    ours, expected = eqpool.make_bounds(params), jax_loss.make_bounds(params)
    assert jax.tree.map(float, ours) == jax.tree.map(float, expected)
    for lower, upper in (ours, expected):
        lower["0_LinearJax"]["weight"], upper["0_LinearJax"]["weight"] = -0.5, 0.5
        lower["1_RateJax"]["tau"] = np.float32([0.0, 0.3, -1.0, 5.0])
        upper["gain"] = 0.1
    for function, theirs in (
        (eqpool.bounds_cost, jax_loss.bounds_cost),
        (eqpool.bounds_clip, jax_loss.bounds_clip),
    ):
        found, wanted = function(params, *ours), theirs(params, *expected)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, wanted)
    gradient = jax.grad(eqpool.bounds_cost)(params, *ours)
    wanted = jax.grad(jax_loss.bounds_cost)(params, *expected)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), gradient, wanted
    )


@pytest.mark.parametrize("name", ["l2sqr_norm", "l0_norm_approx"])
def test_norms(name):
    ours, theirs = getattr(eqpool, name), getattr(jax_loss, name)
    params = draw(1)
    params["gain"] = np.float32([np.nan, 2.0])
    np.testing.assert_allclose(ours(params), theirs(params), rtol=1e-6)
    params = draw(2)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7),
        jax.grad(ours)(params),
        jax.grad(theirs)(params),
    )
    if name == "l0_norm_approx":
        np.testing.assert_allclose(ours(params, 0.3), theirs(params, sigma=0.3), rtol=1e-6)


def test_losses():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 4, 20, 3)).astype(np.float32)
    for name in ("mse", "sse"):
        expected = getattr(jax_loss, name)(x, y)
        np.testing.assert_allclose(getattr(eqpool, name)(x, y), expected, rtol=1e-5)
    for name in ("softmax", "logsoftmax"):
        for given in (x, x[0, 0]):
            for temperature in (1.0, 0.2):
                expected = getattr(jax_loss, name)(given, temperature)
                found = getattr(eqpool, name)(given, temperature=temperature)
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
