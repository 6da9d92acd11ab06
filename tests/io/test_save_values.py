"""What models that are saved may hold, and comes back."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import small_net


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


def rate():
    return eqpool.RateJax(3, has_rec=True, rng_key=0)


def tried(path, model):
    """The model, saved and loaded."""
    eqpool.save(path, model)
    return eqpool.load(path)


def same(one, other):
    return jax.tree.structure(one) == jax.tree.structure(other) and eqx.tree_equal(one, other)


def test_numpy_leaves(path):
    assert same(tried(path, jax.tree.map(np.asarray, small_net())), small_net())
    doubled = eqx.tree_at(lambda mod: mod.w_rec, rate(), 2 * np.asarray(rate().w_rec, float))
    found = tried(path, doubled).w_rec
    assert found.dtype == jnp.float32 and np.array_equal(found, 2 * rate().w_rec)
    for dt in (2e-3, np.float32(2e-3), np.float64(2e-3), np.asarray(2e-3)):
        slower = eqx.tree_at(lambda mod: mod.dt, rate(), dt)
        assert same(tried(path, slower), eqx.tree_at(lambda mod: mod.dt, rate(), jnp.array(2e-3)))
    assert tried(path, {"a": np.arange(3), "b": np.float64(0.1)})["b"] == 0.1
    with pytest.raises(TypeError, match=r"'a' is int64\[1\], whose values need double precision"):
        eqpool.save(path, {"a": np.array([2**40])})
    with pytest.raises(TypeError, match="'a' is <U1.1., which a file cannot hold"):
        eqpool.save(path, {"a": np.array(["x"])})


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("make", [small_net, rate])
def test_half_of_a_partition(make, half, path):
    with pytest.raises(ValueError, match=r"one half of a partition.*`eqpool.combine\(trainable"):
        eqpool.save(path, [eqpool.partition(make(), "weights")[half]])


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2", "float4_e2m1fn", "int4"])
def test_kinds_that_no_file_holds(dtype, path):
    small = eqx.tree_at(lambda mod: mod.w_rec, rate(), rate().w_rec.astype(dtype))
    with pytest.raises(TypeError, match=rf"'w_rec' is {dtype}\[3,3\].* `x.astype\(jnp.float32\)`"):
        eqpool.save(path, small)


def donated():
    net = rate()
    jax.jit(lambda x: x + x, donate_argnums=0)(net.tau)
    return net


NOT_HELD = {
    "shapes": (lambda: eqx.filter_eval_shape(rate), TypeError, "float32.3., which a file cannot"),
    "keys that are numbers": (lambda: {1: rate()}, TypeError, "dictionaries .whose keys are text"),
    "booleans": (lambda: eqpool.filter_spec(rate()), ValueError, "cannot have initial = dict"),
    "donated": (donated, ValueError, r"'tau' is float32\[3\], whose values are gone: it was don"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_HELD)
def test_what_no_file_holds(name, path):
    make, kind, match = NOT_HELD[name]
    with pytest.raises(kind, match=match):
        eqpool.save(path, make())


def test_names_that_read_alike(path):
    names = {"a.b": 1.0, "a": {"b": 2.0}, "a.b'": 3.0, "__metadata__": 4.0, "": 5.0}
    tree = jax.tree.map(jnp.asarray, names)
    assert same(tried(path, tree), tree)
    nested = {"a": {"b": jnp.zeros(1)}, "a.b": jnp.ones(1)}
    assert same(tried(path, nested), nested)


def test_what_does_not_run_is_not_saved(path):
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match="InstantJax: cannot run: .*could not be loaded"):
        eqpool.save(path, eqpool.Instant(3, jax.nn.one_hot))
    assert path.read_bytes() == b"before"


class Shift(eqx.Module):
    """Checks values when it is built, and runs only where `units` is mapped."""

    by: jax.Array

    def __check_init__(self):
        if not self.by > 0:
            raise ValueError("Shift: by must be positive")

    def __call__(self, x):
        return x + self.by + jax.lax.psum(1.0, "units")


def test_parts_of_ones_own_are_not_tried(path):
    net = eqpool.Instant(2, Shift(jnp.ones(())))
    eqpool.save(path, net, known={"Shift": Shift})
    assert same(eqpool.load(path, known={"Shift": Shift}), net)


LAYERS = {
    "dropout": eqx.nn.Dropout(0.5),
    "dropout of an array": eqx.nn.Dropout(jnp.asarray(0.5)),
    "one step": eqx.nn.LayerNorm(3),
    "a user's way of mapping": eqx.nn.Lambda(eqx.nn.Linear(3, 3, key=jax.random.key(0))),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_that_need_something_else_to_run(name, path):
    net = eqpool.Instant(3, LAYERS[name])
    assert same(tried(path, net), net)


def test_low_rank_weights_of_ones_own(path):
    layer = eqx.tree_at(
        lambda layer: layer.weight, LAYERS["a user's way of mapping"].fn, Shift(jnp.ones(()))
    )
    net, known = eqpool.Instant(3, layer), {"Shift": Shift}
    eqpool.save(path, net, known=known)
    assert same(eqpool.load(path, known=known), net)


def test_batched_states_and_ensembles_of_them(path):
    ensemble = jax.tree.map(lambda x: jnp.stack([x, 2 * x, 3 * x]), rate())
    for lead in ((2,), (3, 2)):
        net = ensemble if len(lead) == 2 else rate()
        state = {"x": jnp.ones((*lead, 3)), "rng_key": jnp.zeros((*lead, 2), jnp.uint32)}
        going = net.set_attributes(state)
        assert same(tried(path, going), going)
    some = eqpool.Instant(3, eqx.nn.Lambda(LAYERS["one step"]))
    stacked = jax.tree.map(lambda x: jnp.stack([x, x]), [ensemble, some])[0]
    assert same(tried(path, stacked), stacked)


def test_any_precision_that_runs(path, x64):
    half = jax.tree.map(lambda x: x.astype(jnp.float16) if eqx.is_inexact_array(x) else x, rate())
    assert same(tried(path, half), half)
    double = rate()
    with jax.enable_x64(False):
        eqpool.save(path, double)
    assert same(eqpool.load(path), double)


def test_what_is_loaded_can_be_donated(path):
    net = tried(path, rate())
    stepped = eqx.filter_jit(lambda mod: jax.tree.map(lambda x: x + x, mod), donate="all")(net)
    assert same(stepped, jax.tree.map(lambda x: x + x, rate()))
