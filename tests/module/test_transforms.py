"""Every transform of JAX and Equinox, on a network three combinators deep."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import nested_net, tiers, wave, zoo_net


@pytest.fixture(params=tiers(["nested", "zoo", "rate", "diffrax"], 1, slow=1))
def model(request):
    if request.param == "nested":
        return nested_net(noise_std=0.1)
    if request.param == "rate":
        return eqpool.RateJax(
            3, 5e-3, bias=eqpool.Constant(0.1), has_rec=True, activation_func="sigmoid", rng_key=0
        )
    if request.param == "zoo":
        return zoo_net()
    import diffrax

    return eqpool.RateJax(3, has_rec=True, activation_func="tanh", rng_key=0, solver=diffrax.Heun())


def loss(model, x):
    return jnp.mean(model(x)[0] ** 2)


def close(actual, expected, rtol=2e-5):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-6), actual, expected
    )


def test_jit(model):
    x = wave(12, 3)
    expected = model(x, record=True)
    close(jax.jit(lambda m, x: m(x, record=True))(model, x), expected)
    close(eqx.filter_jit(model.evolve)(x, True), expected)
    close(eqx.filter_jit(lambda m, x, record: m(x, record))(model, x, True), expected)


def test_vmap(model):
    x = wave(12, 3, 4)
    model = model.set_attributes(zero_noise(model))
    expected, _, _ = model(x)
    close(jax.vmap(lambda x: model(x)[0])(x), expected)
    close(jax.vmap(lambda m, x: m(x)[0], in_axes=(None, 0))(model, x), expected)
    close(eqx.filter_vmap(lambda m, x: m(x)[0], in_axes=(None, 0))(model, x), expected)
    # A batch of batches.
    close(jax.vmap(lambda x: model(x)[0])(jnp.stack([x, x])), jnp.stack([expected, expected]))


def zero_noise(model):
    return jax.tree.map(jnp.zeros_like, model.simulation_parameters("noise"))


def test_grad_and_jvp_agree(model):
    x = wave(12, 3)
    trainable, frozen = eqpool.partition(model)

    def of_trainable(trainable):
        return loss(eqpool.combine(trainable, frozen), x)

    gradient = jax.grad(of_trainable)(trainable)
    close(gradient, eqpool.filter_grad(loss)(model, x))
    close(gradient, eqx.filter_grad(of_trainable)(trainable))
    tangent = jax.tree.map(lambda p: 0.1 * jnp.ones_like(p), trainable)
    _, forward = jax.jvp(of_trainable, (trainable,), (tangent,))
    close(forward, sum(jnp.sum(0.1 * g) for g in jax.tree.leaves(gradient)), rtol=1e-4)
    _, filtered = eqx.filter_jvp(of_trainable, (trainable,), (tangent,))
    close(filtered, forward)
    value, _ = jax.value_and_grad(of_trainable)(trainable)
    close(value, loss(model, x))
    close(jax.jit(jax.grad(of_trainable))(trainable), gradient)


def test_gradient_of_a_batch_is_the_mean(model):
    model = model.set_attributes(zero_noise(model))
    x = wave(12, 3, 3)
    batch = eqpool.filter_grad(loss)(model, x)
    each = [eqpool.filter_grad(loss)(model, x[i]) for i in range(3)]
    close(batch, jax.tree.map(lambda *g: sum(g) / 3, *each), rtol=1e-4)


def test_gradient_with_respect_to_state_and_input(model):
    x = wave(12, 3)
    states, rest = eqx.partition(model, eqpool.filter_spec(model, eqpool.is_state()))
    floats, keys = eqx.partition(states, eqx.is_inexact_array)
    gradient = jax.grad(lambda s: loss(eqx.combine(s, keys, rest), x))(floats)
    assert all(np.any(leaf) for leaf in jax.tree.leaves(gradient))
    assert np.all(np.any(np.asarray(jax.grad(lambda x: loss(model, x))(x)) != 0, axis=0))


def test_tree_at(model):
    where = {
        eqpool.RateJax: lambda m: m.w_rec,
        eqpool.FFwdStack: lambda m: m.weights["1_2_weight"],
        eqpool.Sequential: lambda m: m[0][0][1].w_rec,
    }[type(model)]
    changed = eqx.tree_at(where, model, jnp.zeros_like(where(model)))
    assert not np.any(where(changed)) and np.any(where(model))
    x = wave(12, 3)
    assert not np.allclose(changed(x)[0], model(x)[0])


def test_scan_over_chunks(model):
    """A module is a carry: its structure is the same after every step."""
    x = wave(24, 3)

    def step(model, chunk):
        output, state, _ = model(chunk)
        return model.set_attributes(state), output

    _, chunks = jax.lax.scan(step, model, x.reshape(4, 6, 3))
    close(chunks.reshape(24, -1), model(x)[0])


def test_checkpoint_and_eval_shape(model):
    x = wave(12, 3)
    shape = jax.eval_shape(lambda m, x: m(x)[0], model, x)
    assert shape.shape == model(x)[0].shape
    plain = eqpool.filter_grad(loss)(model, x)
    close(eqpool.filter_grad(eqx.filter_checkpoint(loss))(model, x), plain)


@pytest.mark.parametrize("transform", ["jit", "vmap", "grad", "jvp"])
def test_every_method_inside_a_transform(transform):
    """Dictionaries, updates and resets are pure functions of the module, three deep too."""
    net = nested_net(noise_std=0.1)

    def use(net, scale):
        rate = net.attributes_named("tau")["0_Sequential"]["0_Sequential"]["1_RateJax"]
        assert list(net.modules()) == ["0_Sequential", "1_LinearJax"] and net.size_out == 2
        scaled = jax.tree.map(lambda w: scale * w, net.parameters("weights"))
        changed = net.set_attributes(scaled)
        changed = changed.set_attributes(net.state()).set_attributes(net.simulation_parameters())
        output, state, _ = changed(wave(6, 3))
        back = changed.set_attributes(state).reset_state().reset_parameters()
        same = [jnp.all(a == b) for a, b in zip(*map(jax.tree.leaves, (back, net)), strict=True)]
        return jnp.sum(output**2) + 0 * jnp.sum(rate["tau"]), jnp.all(jnp.stack(same))

    one = jnp.asarray(1.0)
    value, same = use(net, one)
    assert same
    if transform == "jit":
        close(jax.jit(use)(net, one), (value, same))
    elif transform == "vmap":
        close(jax.vmap(use, in_axes=(None, 0))(net, jnp.ones(2))[0], jnp.stack([value, value]))
    else:
        slope, _ = jax.grad(use, argnums=1, has_aux=True)(net, one)
        _, tangent, _ = jax.jvp(lambda s: use(net, s), (one,), (one,), has_aux=True)
        close(tangent, slope, rtol=1e-4)
        numeric = (use(net, one + 1e-2)[0] - use(net, one - 1e-2)[0]) / 2e-2
        close(slope, numeric, rtol=1e-2)


def test_donation(model):
    """No two leaves share memory, so that all of a module may be donated."""
    step = eqx.filter_jit(lambda model: model.set_attributes(model(wave(6, 3))[1]), donate="all")
    model = step(step(model)).reset_state().reset_parameters()
    jax.block_until_ready(jax.tree.leaves(step(model)))


class TestEnsemble:
    @pytest.fixture
    def ensemble(self):
        return eqx.filter_vmap(lambda key: build(key))(jax.random.split(jax.random.key(0), 5))

    def test_each_member_is_a_module(self, ensemble):
        x = wave(10, 3)
        outputs, states, _ = eqx.filter_vmap(lambda m: m(x))(ensemble)
        assert outputs.shape == (5, 10, 2)
        keys = jax.random.split(jax.random.key(0), 5)
        for i in range(5):
            close(outputs[i], build(keys[i])(x)[0])
        taus = jax.tree.leaves(ensemble.parameters("taus"))
        assert taus[0].shape == (5, 4)

    @pytest.mark.parametrize("batch", [None, 2])
    def test_states_carry_over(self, ensemble, batch):
        x = wave(20, 3, batch)
        run = eqx.filter_vmap(lambda m, x: m(x)[:2], in_axes=(eqx.if_array(0), None))
        full, _ = run(ensemble, x)
        first, state = run(ensemble, x[..., :8, :])
        later = ensemble.set_attributes(state)
        second, _ = run(later, x[..., 8:, :])
        np.testing.assert_array_equal(jnp.concatenate([first, second], axis=-2), full)
        assert jax.tree.structure(later) == jax.tree.structure(ensemble)
        reset = later.reset_state()
        jax.tree.map(np.testing.assert_array_equal, reset, ensemble)

    def test_gradients(self, ensemble):
        x = wave(10, 3)
        gradient = eqx.filter_vmap(lambda m: eqpool.filter_grad(loss)(m, x))(ensemble)
        alone = eqpool.filter_grad(loss)(jax.tree.map(lambda leaf: leaf[3], ensemble), x)
        close(jax.tree.map(lambda g: g[3], gradient), alone, rtol=1e-4)
        total = eqpool.filter_grad(lambda e: jnp.sum(eqx.filter_vmap(lambda m: loss(m, x))(e)))(
            ensemble
        )
        close(total, gradient, rtol=1e-4)

    def test_outside_vmap_it_says_what_to_do(self, ensemble):
        with pytest.raises(ValueError, match="is an ensemble. Map over it, as `eqx.filter_vmap"):
            ensemble(wave(10, 3))


def build(key):
    one, two = jax.random.split(key)
    return eqpool.Sequential(
        eqpool.Sequential(
            eqpool.Linear((3, 4), rng_key=one),
            eqpool.RateJax((4, 4), has_rec=True, rng_key=two, noise_std=0.1),
        ),
        eqpool.Linear((4, 2), rng_key=two),
    )
