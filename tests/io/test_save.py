"""Networks in files: what comes back."""

import os

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import assert_same_bits, DATA, small_net, wave, zoo_net
from tests.io.networks import NETWORKS


class Doubler(eqx.Module):
    factor: jax.Array

    def __call__(self, x):
        return self.factor * x


def square(x):
    return x**2


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


def there_and_back(path, model, **kwargs):
    eqpool.save(path, model, **kwargs)
    loaded = eqpool.load(path, **kwargs)
    assert_equal(loaded, model)
    assert os.listdir(path.parent) == [path.name]
    return loaded


def assert_equal(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    jax.tree.map(assert_same_bits, one, other)


@pytest.mark.parametrize("name", NETWORKS)
def test_everything_comes_back(name, path):
    model = NETWORKS[name]()
    loaded = there_and_back(path, model)
    if isinstance(model, eqpool.AbstractModule):
        assert_equal(loaded.reset_parameters().reset_state(), model)


@pytest.mark.parametrize("name", ["zoo", "four synapse types", "functions"])
def test_it_computes_the_same(name, path):
    model = NETWORKS[name]()
    loaded = there_and_back(path, model)
    x = 30.0 * wave(20, model.size_in, 2)
    jax.tree.map(assert_same_bits, loaded(x, record=True), model(x, record=True))


def test_trained_networks_and_their_states(path):
    net = zoo_net(noise_std=0.1)
    x = wave(20, 3, 4)
    trained = net.set_attributes(jax.tree.map(lambda x: 0.9 * x, net.parameters()))
    output, state, _ = trained(x)
    trained = trained.set_attributes(state)
    loaded = there_and_back(path, trained)
    assert_same_bits(loaded(x)[0], trained(x)[0])
    assert_equal(loaded.reset_parameters().reset_state(), net)


@pytest.mark.skipif(
    "scan" not in eqx.nn.MLP.__dataclass_fields__, reason="it holds an MLP of a newer Equinox"
)
def test_files_of_version_0_1_0():
    found = eqpool.load(DATA / "written_by_0.1.0.safetensors")
    implicit, sparse, ensemble = found["rates"]
    values = implicit.tau[0], sparse.w_rec.values[1], found["batched"].isyn.sum()
    assert [float(x) for x in values] == pytest.approx([0.02, 2.0, 4.356734275817871])
    assert found["chip"].Itau_mem[0] == pytest.approx(5.421518269044245e-12)
    layer = found["functions"].layers[0].function.unwrapped.fn.layers[0]
    assert layer.weight[0, 0] == pytest.approx(-0.25089335441589355)
    assert ensemble.x.shape == (2, 2) and ensemble.name == "hidden"
    assert found["half"].tau.dtype == jnp.bfloat16 and found["timed"].t == 0.0


def test_other_permitted_shapes_and_ensembles(path):
    there_and_back(path, eqpool.RateJax(3, tau=1e-2).set_attributes({"tau": [1e-3, 2e-3, 3e-3]}))
    ensemble = eqx.filter_vmap(lambda key: eqpool.LIF(2, has_rec=True, rng_key=key))(
        jax.random.split(jax.random.key(0), 5)
    )
    there_and_back(path, ensemble)
    run = eqx.filter_vmap(lambda mod, x: mod(x)[1], in_axes=(eqx.if_array(0), None))
    there_and_back(path, ensemble.set_attributes(run(ensemble, wave(5, 2, 3))))


def test_what_has_diverged_can_still_be_looked_at(path):
    broken = jax.tree.map(
        lambda x: x * jnp.nan if eqx.is_inexact_array(x) else x, eqpool.RateJax(2, rng_key=0)
    )
    eqpool.save(path, broken)
    assert np.all(np.isnan(eqpool.load(path).tau))


def test_other_precisions(path, x64):
    there_and_back(path, zoo_net())
    half = jax.tree.map(
        lambda x: x.astype(jnp.bfloat16) if eqx.is_inexact_array(x) else x, eqpool.LIF(2)
    )
    there_and_back(path, half)
    with jax.enable_x64(False):
        there_and_back(path.with_name("net.safetensors"), eqpool.LIF(2))
        eqpool.save(path, eqpool.LIF(2))
    assert eqpool.load(path).tau_mem.dtype == jnp.float32


def test_double_precision_must_be_switched_on(path):
    with jax.enable_x64(True):
        eqpool.save(path, eqpool.LIF(2))
    with pytest.raises(ValueError, match="is float64; switch double precision on first"):
        eqpool.load(path)


def test_classes_and_functions_of_ones_own(path):
    net = eqpool.Sequential(eqpool.Instant(2, Doubler(jnp.asarray(2.0))), eqpool.Instant(2, square))
    known = {"Doubler": Doubler, "square": square}
    loaded = there_and_back(path, net, known=known)
    assert_same_bits(loaded(wave(5, 2))[0], (2.0 * wave(5, 2)) ** 2)
    with pytest.raises(
        TypeError, match=r"'layers.0.function.function' is the class.*Doubler.*known="
    ):
        eqpool.save(path, net, known={"square": square})
    with pytest.raises(TypeError, match=r"'layers.1.*square.*known=\{'square': \.\.\.\}"):
        eqpool.save(path, net, known={"Doubler": Doubler})
    with pytest.raises(ValueError, match=r"it names 'square'.*trust the file.*known is 'Doubler'"):
        eqpool.load(path, known={"Doubler": Doubler})
    with pytest.raises(ValueError, match="the name 'eqpool.LIFJax' is taken"):
        eqpool.load(path, known={"eqpool.LIFJax": Doubler})
    with pytest.raises(TypeError, match="known: 'two' must be a class or a function; got 2"):
        eqpool.load(path, known={"two": 2})


def test_partial_functions(path):
    leaky = jax.tree_util.Partial(jax.nn.leaky_relu, negative_slope=jnp.asarray(0.2))
    eqpool.save(path, eqpool.Instant(2, leaky))
    loaded, x = eqpool.load(path), jnp.asarray([[-1.0, 1.0]])
    assert_same_bits(loaded(x)[0], jax.nn.leaky_relu(x, 0.2))


def test_modules_of_ones_own(path):
    from tests.module.test_custom import LeakyAdder

    there_and_back(path, eqpool.Sequential(LeakyAdder((3, 2), rng_key=0)), known={"L": LeakyAdder})


def test_time_series_modules(path):
    timed = eqpool.LIF(2, rng_key=0).timed()
    _, state, _ = timed(duration=0.01)
    assert there_and_back(path, timed.set_attributes(state)).t == pytest.approx(0.01)


NOT_SAVED = {
    "a lambda": (
        lambda: eqpool.Instant(2, lambda x: x),
        TypeError,
        r"'function.function' is function <function.*known=\{'my_function': \.\.\.\}",
    ),
    "half a network": (
        lambda: eqpool.partition(small_net(), "taus")[0],
        ValueError,
        "Sequential.0_LinearJax.weight: must be an array; it is NoneType None",
    ),
    "a wrong shape": (
        lambda: eqx.tree_at(lambda mod: mod.tau, eqpool.RateJax(2), jnp.ones(3)),
        ValueError,
        r"RateJax.tau: has shape \(3,\)",
    ),
    "a typed key": (
        lambda: [jax.random.key(0)],
        TypeError,
        "'0' is a typed key; keep `jax.random.key_data",
    ),
    "a set": (lambda: {1, 2}, TypeError, "'the model' is set"),
}


@pytest.mark.parametrize("name", NOT_SAVED)
def test_what_cannot_be_saved(name, path):
    make, kind, message = NOT_SAVED[name]
    path.write_bytes(b"what was there before")
    with pytest.raises(kind, match=message):
        eqpool.save(path, make())
    assert path.read_bytes() == b"what was there before" and len(os.listdir(path.parent)) == 1


def test_not_inside_jit(path):
    with pytest.raises(TypeError, match="is being traced; save outside jit"):
        jax.jit(lambda mod: eqpool.save(path, mod))(eqpool.LIF(2))
