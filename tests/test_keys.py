"""Keys of every implementation of JAX, under every default: one and the same network."""

import contextlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool import field, State
from eqpool._random import as_key
from tests.helpers import assert_same_bits, tiers, wave, zoo_net


IMPLEMENTATIONS = ["threefry2x32", "rbg", "unsafe_rbg"]
# Raw keys in `jax.random` are an error in the first.
SETTINGS = [("rbg", "error"), ("unsafe_rbg", "allow"), ("threefry2x32", "error")]


@contextlib.contextmanager
def chosen(implementation, legacy="allow"):
    with jax.default_prng_impl(implementation), jax.legacy_prng_key(legacy):
        yield


def rate(rng_key=0, n=3):
    return eqpool.RateJax(n, has_rec=True, noise_std=0.1, rng_key=rng_key)


def assert_same(ours, expected):
    jax.tree.map(assert_same_bits, ours, expected)


def in_two_halves(net, x):
    first, state, _ = net(x[..., :1, :])
    second, end, _ = net.set_attributes(state)(x[..., 1:, :])
    return jnp.concatenate([first, second], -2), end


@pytest.mark.parametrize(("implementation", "legacy"), tiers(SETTINGS, 1))
def test_a_network_does_not_depend_on_the_default(implementation, legacy, tmp_path):
    pytest.importorskip("safetensors")
    net, x, path = rate(), wave(2, 3), tmp_path / "net.safetensors"
    both = jnp.stack([x, x])
    expected = net(both)[:2]
    assert np.any(expected[0][0] != expected[0][1])
    eqpool.save(path, net.set_attributes(expected[1]))
    with chosen(implementation, legacy):
        assert_same(eqpool.load(path).reset_state(), net)  # from a file of another default
        ours = rate()
        assert_same(ours, net)
        output, state, _ = ours(both)
        assert_same((output, state), expected)
        assert_same(in_two_halves(ours, both), expected)
        eqpool.save(path, ours.set_attributes(state))
        assert_same(eqpool.load(path), net.set_attributes(expected[1]))
        unbatched = in_two_halves(ours, x)
    assert_same(in_two_halves(net, x), unbatched)


def test_every_model():
    """Each is built, and each that draws is traced, where JAX takes no raw keys."""
    with chosen(*SETTINGS[0]):
        zoo = zoo_net(noise_std=0.1)
        jax.eval_shape(lambda net, x: net(x), zoo, jnp.ones((2, 3, 3)))
        chip = eqpool.DynapSim(2, has_rec=True, percent_mismatch=0.2, rng_key=0)
        eqpool.AdExLIF(2, has_rec=True, rng_key=jax.random.key(1))
        eqpool.SoftmaxJax((2, 2), rng_key=jax.random.key(2))
        varied = eqpool.mismatch(chip, jax.random.key(4))
        ensemble = eqx.filter_vmap(rate)(jax.random.split(jax.random.key(5), 2))
    assert_same(zoo, zoo_net(noise_std=0.1))
    assert_same(varied, eqpool.mismatch(chip, 4))
    assert_same(ensemble, eqx.filter_vmap(rate)(jax.random.split(jax.random.key(5), 2)))


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_kinds_of_keys(implementation):
    """A seed, and a key of any kind that was made or split from that seed."""
    seeded = as_key(7)
    assert_same_bits(seeded, jax.random.key_data(jax.random.key(7)))
    typed = jax.random.key(7, impl=implementation)
    raw = jax.random.key_data(typed)
    for key in (typed, raw, np.asarray(raw), np.int64(7), np.uint8(7), jnp.int32(7), np.array(7)):
        assert_same_bits(as_key(key), seeded)
        assert_same_bits(jax.jit(as_key)(key), seeded)
    if implementation != "unsafe_rbg":  # which splits by its own draws
        ours = jax.vmap(as_key)(jax.random.split(typed, 3))
        assert_same_bits(ours, jax.random.key_data(jax.random.split(jax.random.key(7), 3)))
    with chosen(implementation):
        assert_same_bits(as_key(jax.random.PRNGKey(7)), seeded)


def test_every_word_of_a_key_counts():
    keys = [np.uint32(words) for words in ([1, 2, 1, 2], [1, 2, 1, 3], [1, 2, 4, 2], [1, 5, 1, 2])]
    found = {tuple(np.asarray(as_key(key)).tolist()) for key in keys}
    assert len(found) == 4 and (1, 2) in found


def test_a_key_is_copied_from_numpy():
    given = np.uint32([1, 2])
    key = as_key(given)
    given[:] = 0
    np.testing.assert_array_equal(key, [1, 2])


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_set_attributes_takes_keys_of_every_kind(implementation):
    mod, ensemble = rate(), eqx.filter_vmap(rate)(jnp.arange(2))
    keys = jax.random.split(jax.random.key(1, impl=implementation), 2)
    expected = jax.vmap(as_key)(keys)
    for given in (keys, jax.random.key_data(keys), np.asarray(jax.random.key_data(keys))):
        for one in (mod, ensemble):
            assert_same_bits(one.set_attributes({"rng_key": given}).rng_key, expected)
        assert_same_bits(mod.set_attributes({"rng_key": given[0]}).rng_key, expected[0])
    run = lambda mod: mod.rng_key
    assert_same_bits(eqpool.studies.sweep(mod, {"rng_key": keys}, run).values, expected)


class Noisy(eqpool.AbstractModule):
    """A module of a user's own that holds a key."""

    blueprint: eqpool.Blueprint
    rng_key: jax.Array = field(State(family="rng_keys", shape=2, init_func=lambda shape, key: key))

    def __init__(self, shape, rng_key=None):
        eqpool.initialise(self, shape, rng_key=rng_key)

    def run(self, input_data, record):
        key = jax.random.wrap_key_data(self.rng_key, impl="threefry2x32")
        key, now = jax.random.split(key)
        noise = jax.random.normal(now, input_data.shape)
        return input_data + noise, {"rng_key": jax.random.key_data(key)}, {}


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS[1:])
def test_a_module_of_ones_own_holds_a_key(implementation):
    x = jnp.ones((2, 3, 2))
    expected = Noisy(2, rng_key=0)(x)
    with chosen(implementation, "error"):
        mod = Noisy(2, rng_key=jax.random.key(0))
        assert_same(mod(x)[:2], expected[:2])
        assert_same_bits(mod.reset_state().rng_key, mod.rng_key)
