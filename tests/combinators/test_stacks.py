import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, HealthCheck, settings, strategies as st

import eqpool
from tests.helpers import assert_same_bits, tiers, wave, zoo_net


FIXTURE = HealthCheck.function_scoped_fixture  # `code_of_users` is the same for each example


def test_feed_forward_stack():
    net = eqpool.FFwdStack(
        eqpool.RateJax(3), eqpool.LIF((8, 4)), eqpool.ExpSyn(2), rng_key=0, name="net"
    )
    assert net.shape == (3, 2) and len(net) == 3 and net["1_LIFJax"] is net[1]
    assert not net.spiking_input and not net.spiking_output
    assert list(net.modules()) == ["0_RateJax", "1_LIFJax", "2_ExpSynJax"]
    weights = net.parameters("weights")
    assert {k: v.shape for k, v in weights.items()} == {
        "0_1_weight": (3, 8),
        "1_2_weight": (4, 2),
    }
    x = wave(40, 3, 2)
    output, state, record = net(x, record=True)
    first = net[0](x)[0]
    spikes = net[1](first @ weights["0_1_weight"])[0]
    expected = net[2](spikes @ weights["1_2_weight"])[0]
    assert spikes.sum() > 10
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(record["1_LIFJax_output"], spikes)
    assert list(record) == [
        "0_RateJax", "0_RateJax_output", "1_LIFJax", "1_LIFJax_output", "2_ExpSynJax",
    ]  # fmt: skip
    assert list(state) == list(net.modules())


def test_weights_of_a_stack_are_attributes_like_any_other():
    net = zoo_net()
    assert set(eqpool.fields(net)) == {"0_1_weight", "1_2_weight"}
    doubled = net.set_attributes({"0_1_weight": 2 * net.weights["0_1_weight"]})
    np.testing.assert_array_equal(doubled.weights["0_1_weight"], 2 * net.weights["0_1_weight"])
    restored = doubled.reset_parameters()
    jax.tree.map(assert_same_bits, restored, net)
    assert jax.tree.structure(net) == jax.tree.structure(zoo_net(seed=5))
    of_weights = eqpool.filter_grad(lambda n: jnp.sum(n(wave(9, 3))[0][:, 0]), family="weights")
    gradient = eqx.filter_jit(of_weights)(net)
    assert np.any(gradient.weights["1_2_weight"])
    assert gradient.layers[1].layers[1].tau_mem is None
    assert eqpool.family_labels(net).weights == {"0_1_weight": "weights", "1_2_weight": "weights"}
    assert net.attributes_named("0_1_weight")["0_1_weight"] is net.weights["0_1_weight"]
    with pytest.raises(ValueError, match=r"FFwdStack.0_1_weight: has shape \(6, 3\), expected"):
        net.set_attributes({"0_1_weight": net.weights["0_1_weight"].T})
    with pytest.raises(ValueError, match="no attribute '0_2_weight'. Did you mean '1_2_weight'"):
        net.set_attributes({"0_2_weight": 1.0})


def test_residual():
    block = eqpool.Residual(eqpool.Linear((3, 5), rng_key=0), eqpool.Linear((5, 3), rng_key=1))
    x = wave(7, 3, 2)
    output, state, record = block(x, record=True)
    np.testing.assert_allclose(
        output, x + x @ block[0].weight @ block[1].weight, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(record["1_LinearJax_output"], output - x, rtol=1e-4, atol=1e-5)
    assert state == {"0_LinearJax": {}, "1_LinearJax": {}}


@pytest.mark.long
@pytest.mark.usefixtures("code_of_users")
@settings(max_examples=10, deadline=None, suppress_health_check=[FIXTURE])
@given(
    steps=st.integers(1, 40),
    cut=st.floats(0, 1),
    batch=st.sampled_from([None, 1, 3]),
    noise_std=st.sampled_from([0.0, 2.0]),
    seed=st.integers(0, 2**31 - 2),
)
def test_two_halves_are_one_run_wherever_it_is_cut(steps, cut, batch, noise_std, seed):
    check_two_halves(steps, cut, batch, noise_std, seed)


@pytest.mark.parametrize("batch", tiers([None, 3], 1))
def test_two_halves_are_one_run(batch, code_of_users):
    check_two_halves(24, 0.5, batch, 2.0, 0)


def stacks_in_a_stack(seed, noise_std):
    """As `zoo_net`, but with weights of stacks, which keep bits, for `Linear`."""
    noisy = dict(noise_std=noise_std, rng_key=seed)
    spiking = eqpool.LIF((8, 4), has_rec=True, **noisy)
    return eqpool.FFwdStack(
        eqpool.ExpSmooth(3, tau=5e-3, activation_fun=jnp.tanh),
        eqpool.Residual(
            eqpool.FFwdStack(eqpool.ExpSyn(6), spiking, eqpool.ExpSyn(6), rng_key=seed)
        ),
        eqpool.Sequential(eqpool.ExpSyn(4, **noisy), eqpool.ExpSmooth(4)),
        rng_key=seed,
    )


def check_two_halves(steps, cut, batch, noise_std, seed):
    net = stacks_in_a_stack(seed, noise_std)
    x, cut = wave(steps, 3, batch), round(cut * steps)
    full, final, record = net(x, record=True)
    first, state, early = net(x[..., :cut, :], record=True)
    second, last, late = net.set_attributes(state)(x[..., cut:, :], record=True)
    assert_same_bits(np.concatenate([first, second], axis=-2), full)
    jax.tree.map(assert_same_bits, last, final)
    axis = 0 if batch is None else 1
    join = lambda a, b: np.concatenate([a, b], axis=axis)
    jax.tree.map(assert_same_bits, jax.tree.map(join, early, late), record)


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: eqpool.FFwdStack(eqpool.LIF(2)), "FFwdStack: give at least two modules"),
        (lambda: eqpool.Residual(), "Residual: give at least one module"),
        (
            lambda: eqpool.Residual(eqpool.Linear((3, 4))),
            "Residual: the input, 3 channels, is added to the output, 4 channels",
        ),
        (
            lambda: eqpool.Residual(eqpool.Linear((3, 4)), eqpool.LIF(3)),
            r"Residual: module 0 \(LinearJax, shape \(3, 4\)\) has 4 outputs, but module 1",
        ),
        (lambda: eqpool.LIF((5, 2)), r"LIFJax: shape must be N or \(K\*N, N\).*got \(5, 2\)"),
        (lambda: eqpool.LIF((2, 4)), r"LIFJax: shape must be N or \(K\*N, N\).*got \(2, 4\)"),
        (lambda: eqpool.LIF(2, w_rec=np.eye(2)), "LIFJax: w_rec was given, but has_rec is False"),
        (lambda: eqpool.LIF(2, threshold=0.0), "LIFJax.threshold: every value must be finite"),
        (lambda: eqpool.ExpSyn((2, 3)), r"ExpSynJax: shape must be N or \(N, N\)"),
        (lambda: eqpool.ExpSmooth(2, tau=-1.0), "ExpSmoothJax.tau: every value must be finite"),
        (lambda: eqpool.Softmax(), r"SoftmaxJax: give shape=\(N_in, N_out\), or weight"),
        (lambda: eqpool.LogSoftmax(3), r"LogSoftmaxJax: shape must be \(N_in, N_out\); got 3"),
    ],
)
@pytest.mark.untyped
def test_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.untyped
def test_wrong_kinds():
    with pytest.raises(TypeError, match="FFwdStack: argument 1 is not a module; got function"):
        eqpool.FFwdStack(eqpool.LIF(2), lambda x: x)
    with pytest.raises(TypeError, match="activation_fun: must be a function; got str 'tanh'"):
        eqpool.ExpSmooth(2, activation_fun="tanh")
