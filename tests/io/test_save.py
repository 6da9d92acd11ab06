"""Networks in files: what comes back, and what files from elsewhere get."""

import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, HealthCheck, settings, strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import eqpool
from eqpool import Constant, Parameter
from tests.helpers import assert_same_bits, nested_net, small_net, wave, zoo_net


class Doubler(eqx.Module):
    factor: jax.Array

    def __call__(self, x):
        return self.factor * x


def square(x):
    return x**2


def chip(**kwargs):
    return eqpool.DynapSim(2, has_rec=True, Idc=1e-10, percent_mismatch=0.2, rng_key=0, **kwargs)


PID = diffrax.PIDController(rtol=1e-4, atol=1e-4, dtmax=1e-3)
NETWORKS = {
    "zoo": zoo_net,
    "nested": lambda: nested_net(noise_std=0.1),
    "roles and families": lambda: eqpool.RateJax(
        3, Constant(1e-2), Parameter(family="offsets"), has_rec=True, name="hidden", rng_key=0
    ),
    "four synapse types": lambda: chip(
        surrogate=eqpool.FastSigmoid(2.0, max_spikes_per_dt=3.0),
        feedback=eqpool.SigmoidFeedback(1e-9, 5e-9, 1e-9),
    ),
    "one synapse type": lambda: chip(synapses=("ampa",), solver=eqpool.ForwardEuler()),
    "a diffrax solver": lambda: chip(solver=eqpool.Diffrax(diffrax.Heun(), substeps=2)),
    "an implicit solver": lambda: eqpool.RateJax(
        2, rng_key=0, solver=eqpool.Diffrax(
            diffrax.Kvaerno5(), stepsize_controller=PID, adjoint=diffrax.DirectAdjoint()
        ),
    ),
    "exact spikes": lambda: chip(solver=eqpool.EventDriven(stepsize_controller=PID, max_steps=999)),
    "functions": lambda: eqpool.Sequential(
        eqpool.Instant(3, jnp.tanh), eqpool.Instant(3), eqpool.RateJax(3, activation_func="lrelu"),
        eqpool.Instant(3, eqpool.Threshold([0.1, 0, 1])),
        eqpool.ExpSmooth(3, activation_fun=jax.nn.gelu),
    ),
    "equinox.nn": lambda: eqpool.Instant(
        (3, 2), eqx.nn.Lambda(eqx.nn.MLP(3, 2, 4, 1, key=jax.random.key(0)))
    ),
    "a softmax": lambda: eqpool.LogSoftmax((3, 2), tau=Constant(1e-2), rng_key=0),
    "a pytree": lambda: {"a": [small_net(), (eqpool.LIF(2, rng_key=1),)], "b": 3.0, "no": None},
}  # fmt: skip


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


# Files that were damaged, made by others, or made to harm


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "net.safetensors"
    eqpool.save(path, NETWORKS["roles and families"]())
    return path.read_bytes()


def refused(path, content, match):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=match) as raised:
        eqpool.load(path)
    assert str(path) in str(raised.value)


def test_truncated(good, path):
    for length in [*range(0, 40), *range(40, len(good), 97), len(good) - 1]:
        refused(path, good[:length], "is no file of eqpool.save, or has been cut short")
    refused(path, good + b"\0", "is no file of eqpool.save, or has been cut short")


def test_foreign(path, tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'executed'}",)

    others = [b"", b"\x89HDF\r\n", pickle.dumps(Hostile()), b"{}", json.dumps({}).encode() * 50]
    for content in others:
        refused(path, content, "is no file of eqpool.save, or has been cut short")
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    refused(path, (tmp_path / "other.npz").read_bytes(), "is no file of eqpool.save")
    with open(tmp_path / "other.eqx", "wb") as file:
        eqx.tree_serialise_leaves(file, eqpool.LIF(2))
    refused(path, (tmp_path / "other.eqx").read_bytes(), "is no file of eqpool.save")
    save_file({"x": np.ones(3)}, path)
    refused(path, path.read_bytes(), "holds arrays, but no network")
    save_file({"x": np.ones(3)}, path, {"format": "pt", "eqpool_": "{}"})
    refused(path, path.read_bytes(), "holds arrays, but no network")
    assert not (tmp_path / "executed").exists()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        eqpool.load(tmp_path / "nowhere")


def forged(path, good, change=None, entry=None, **others):
    """The bytes of `good` with another structure, other arrays, or another entry in the header."""
    path.write_bytes(good)
    with safe_open(path, framework="numpy") as file:
        given = json.loads(file.metadata()["eqpool"])
    arrays = load_file(path)
    if change is not None:
        change(given["structure"], arrays)
    save_file(arrays, path, {"eqpool": json.dumps(given | others) if entry is None else entry})
    return path.read_bytes()


def replace(**fields):
    return lambda s, a: s["fields"].update(fields)


def in_blueprint(**fields):
    return lambda s, a: s["fields"]["blueprint"]["fields"].update(fields)


def tensor(name, value):
    return lambda s, a: a.update({name: value})


def solver(name, **fields):
    return replace(solver={"class": name, "fields": fields})


def function(name):
    return replace(activation_func={"function": {"name": name}})


FORGED = {
    "a function of os": (function("os.system"), "names 'os.system', which is none of"),
    "a builtin": (function("builtins.eval"), "names 'builtins.eval', which is none of"),
    "a function that writes": (function("jax.numpy.save"), "names 'jax.numpy.save', which"),
    "a class for a function": (function("eqpool.LIFJax"), "names the class 'eqpool.LIFJax' where"),
    "no function": (replace(activation_func={"function": 3}), "'activation_func' is no function"),
    "a class of others": (solver("subprocess.Popen"), "names 'subprocess.Popen'"),
    "a function for a class": (solver("jax.numpy.tanh"), "which is no class of modules"),
    "an abstract class": (solver("eqpool.AbstractStepper"), "abstract class AbstractStepper"),
    "a module that is no solver": (
        solver("eqpool.PiecewiseLinear", max_spikes_per_dt=1.0),
        "a RateJax, cannot have solver = PiecewiseLinear",
    ),
    "unknown fields": (replace(evil=1), "must have the fields .* the file has .*'evil'"),
    "missing fields": (lambda s, a: s["fields"].pop("bias"), "must have the fields"),
    "a name that is no string": (solver(["eqpool.ForwardEuler"]), "it names .*which is none of"),
    "a missing array": (lambda s, a: a.pop("tau"), "'tau' is not a structure of this format"),
    "an array twice": (replace(bias={"array": "tau"}), "'bias' is not a structure|'tau' is not a"),
    "an array too many": (tensor("more", np.ones(2)), "is float64|belong nowhere, 'more'"),
    "an array of another shape": (
        tensor("tau", np.ones(4, np.float32)), r"RateJax.tau: has shape \(4,\); expected one of"
    ),
    "an array of another kind": (
        tensor("tau", np.ones(3, np.int32)), "RateJax.tau: is int32; expected float32"
    ),
    "a value that is no array": (replace(tau=0.01), "a RateJax, cannot have tau = float 0.01"),
    "another initial shape": (
        tensor("blueprint.initial.bias", np.ones((2, 2), np.float32)), "RateJax.bias: "
    ),
    "a size that contradicts": (
        in_blueprint(shape={"tuple": [5]}), "its size N_in = 3 contradicts"
    ),
    "a shape that is none": (in_blueprint(shape={"tuple": [-3]}), "its shape .* is none"),
    "a shape that is a list": (in_blueprint(shape={"list": [3]}), "a Blueprint, cannot have shape"),
    "an unknown field in the blueprint": (
        in_blueprint(absent={"tuple": ["run"]}), "its blueprint speaks of 'run', which it lacks"
    ),
    "an unknown role": (
        in_blueprint(overrides={"tuple": [{"tuple": ["tau", "boss", "taus"]}]}), "RateJax|boss"
    ),
    "something absent that is there": (
        in_blueprint(absent={"tuple": ["tau"]}), "has 'tau', which its configuration lacks"
    ),
    "no dictionary": (lambda s, a: s.update({"fields": [1]}), "'the model' is not a structure"),
    "another form": (lambda s, a: s.update({"extra": 1}), "'the model' is not a structure"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_forged(name, good, path):
    change, message = FORGED[name]
    refused(path, forged(path, good, change), message)


def test_networks_that_do_not_fit_together(path):
    eqpool.save(path, eqpool.Sequential(eqpool.Instant(2), eqpool.Instant(2)))
    content = path.read_bytes()

    def other_size(structure, arrays):
        blueprint = structure["fields"]["layers"]["tuple"][1]["fields"]["blueprint"]["fields"]
        blueprint["shape"] = {"tuple": [3]}
        blueprint["sizes"] = {"tuple": [{"tuple": [n, 3]} for n in ("N_in", "N_out", "N")]}

    refused(path, forged(path, content, other_size), "module 0 .* has 2 outputs, but module 1")
    empty = replace(layers={"tuple": []})
    refused(path, forged(path, content, empty), "Sequential: give at least one module")


@pytest.mark.parametrize(
    "entry, match",
    [
        ("{", "cannot be loaded"),
        ("[" * 100_000, "nested without end|be loaded"),
        ("9" * 100_000, "cannot be loaded"),
        ('{"list": [' * 5_000 + "]}" * 5_000, "nested without end"),
        ("[]", "its entry in the header has another form"),
        ('{"version": 1}', "its entry in the header has another form"),
    ],
)
def test_entries_that_are_none(good, path, entry, match):
    refused(path, forged(path, good, entry=entry), match)


def test_newer_formats(good, path):
    newer = forged(path, good, **{"version": 2, "written by": "9.9"})
    refused(
        path, newer, "version 2, and this eqpool .* reads up to 1; it was written by eqpool 9.9"
    )
    refused(path, forged(path, good, version="2"), "its entry in the header has another form")


def test_equal_networks_make_equal_files(path, good):
    for _ in range(5):
        eqpool.save(path, NETWORKS["roles and families"]())
        assert path.read_bytes() == good


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_anywhere(good, path, data):
    """Whatever bytes change, it loads or says that it cannot."""
    content = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        loaded = eqpool.load(path)
    except ValueError as error:
        assert str(path) in str(error)
    else:
        assert isinstance(loaded, eqpool.RateJax)


def test_reading_imports_nothing_that_a_file_names(good, path):
    """In an interpreter of its own, `load` leaves no module behind that was not there."""
    path.write_bytes(good)
    script = """
        import sys, eqpool, jax.numpy as jnp
        import safetensors.numpy
        jnp.array(jnp.ones(2), copy=True)
        before = set(sys.modules)
        eqpool.load(sys.argv[1])
        print(sorted(set(sys.modules) - before))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(path)], capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.strip() == "[]", done.stdout + done.stderr


def test_killed_while_writing(path):
    """Whenever the process is killed, the file is the old one or the new one."""
    script = """
        import sys, eqpool, jax
        nets = [eqpool.Linear((400, 400), rng_key=seed) for seed in (0, 1)]
        while True:
            for net in nets:
                eqpool.save(sys.argv[1], net)
    """
    expected = [eqpool.Linear((400, 400), rng_key=seed).weight for seed in (0, 1)]
    rng = np.random.default_rng(0)
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), str(path)])
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.2 + 0.05 * rng.random())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    loaded = eqpool.load(path).weight
    assert any(np.array_equal(loaded, one) for one in expected)
