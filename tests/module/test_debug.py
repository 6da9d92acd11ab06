"""Run-time checks: on in debug mode, absent otherwise."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import small_net, wave


def broken(where, value):
    return eqx.tree_at(where, small_net(), value)


CASES = [
    (lambda: broken(lambda n: n[1].tau, jnp.full(4, -1.0)), 1.0, r"tau.*\(0, inf\) s"),
    (lambda: broken(lambda n: n[1].w_rec, jnp.full((4, 4), jnp.nan)), 1.0, "w_rec.*finite"),
    (lambda: broken(lambda n: n[1].dt, jnp.asarray(-1e-3)), 1.0, "dt"),
    (lambda: broken(lambda n: n[1].x, jnp.full(4, jnp.inf)), 1.0, "1_RateJax.x"),
    (small_net, jnp.nan, "Sequential: input_data holds NaN or infinity"),
    (
        lambda: eqpool.Instant(3, lambda x: x / jnp.zeros_like(x)),
        1.0,
        "InstantJax: the output holds NaN or infinity",
    ),
]


@pytest.mark.parametrize(
    "make, scale, match",
    [
        pytest.param(*case, marks=() if i in (0, 4, 5) else pytest.mark.slow)
        for i, case in enumerate(CASES)
    ],
)
def test_checks_under_jit(make, scale, match):
    model, x = make(), scale * wave(5, 3)
    run = eqx.filter_jit(lambda m, x: m(x)[0])
    run(model, x)  # unchecked, and no error
    with eqpool.debug_mode():
        for data in (x, jnp.stack([x, x])):
            with pytest.raises(eqx.EquinoxRuntimeError, match=match):
                jax.block_until_ready(run(model, data))
    run(model, x)  # off again


def test_a_good_run_is_unchanged():
    net, x = small_net(), wave(20, 3, 2)

    @eqpool.filter_grad(has_aux=True)
    def run(net):
        output = net(x)[0]
        return jnp.sum(output), output

    gradient, expected = run(net)
    with eqpool.debug_mode():
        checked, output = run(net)
    np.testing.assert_allclose(output, expected, rtol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), checked, gradient)


def test_off_costs_nothing():
    net, x = small_net(), wave(5, 3)
    off = str(jax.make_jaxpr(lambda n, x: n(x)[0])(net, x))
    assert "is_finite" not in off and "callback" not in off
    with eqpool.debug_mode():
        assert "is_finite" in str(jax.make_jaxpr(lambda n, x: n(x)[0])(net, x))
        with eqpool.debug_mode(False):
            assert "is_finite" not in str(jax.make_jaxpr(lambda n, x: n(x)[0])(net, x))


def test_silence_compiles_no_records_and_no_noise_in_the_scan():
    """Records are made on request only, and random numbers only inside one branch."""
    net, x = small_net(), wave(5, 3)
    plain = jax.make_jaxpr(lambda n, x: n(x))(net, x)
    recorded = jax.make_jaxpr(lambda n, x: n(x, True))(net, x)
    assert len(plain.out_avals) < len(recorded.out_avals)
    assert str(plain).count("cond[") == 1
