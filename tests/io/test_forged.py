"""Files that were damaged, made by others, or made to harm."""

import json
import os
import pickle
import subprocess
import sys
import textwrap

import equinox as eqx
import numpy as np
import pytest
from hypothesis import given, HealthCheck, settings, strategies as st
from safetensors.numpy import save_file

import eqpool
from tests.io.networks import forged, NETWORKS


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


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
    none = replace(layers={"tuple": [3]})
    refused(path, forged(path, content, none), "a Sequential, cannot have layers = ")


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


def test_other_versions(good, path):
    newer = forged(path, good, **{"version": 2, "written by": "9.9"})
    refused(
        path, newer, "version 2, and this eqpool .* reads up to 1; it was written by eqpool 9.9"
    )
    for version in ("2", "1", 0, -5, True, 1.0, None):
        refused(path, forged(path, good, version=version), "its entry in the header has another")


def test_equal_networks_make_equal_files(path, good):
    for _ in range(5):
        eqpool.save(path, NETWORKS["roles and families"]())
        assert path.read_bytes() == good


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_anywhere(good, path, data):
    """Whatever bytes change, it loads, and then also runs, or says that it cannot."""
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
        eqx.filter_eval_shape(lambda mod: mod(np.ones((5, 3), np.float32)), loaded)


def places(tree, above=()):
    """The way to every node of a structure but its root."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, inner in items:
        yield (*above, key)
        if isinstance(inner, (dict, list)):
            yield from places(inner, (*above, key))


OTHERS = [
    None, True, 0, -1, 2**70, 1.5, "x", [], {}, {"list": [1]}, {"dict": {}}, {"float": "nan"},
    {"tuple": []}, {"name": "jax.nn.relu"}, {"name": "jax.nn.one_hot"}, {"name": "eqpool.LIFJax"},
    {"function": {"name": "jax.numpy.max"}}, {"class": "eqpool.ForwardEuler", "fields": {}},
]  # fmt: skip


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_another_structure(good, path, data):
    """Whatever stands in the place of something else, what loads also runs."""

    def change(structure, arrays):
        *way, last = data.draw(st.sampled_from(list(places(structure))))
        node = structure
        for key in way:
            node = node[key]
        node[last] = data.draw(st.sampled_from(OTHERS))

    forged(path, good, change)
    try:
        loaded = eqpool.load(path)
    except ValueError as error:
        assert str(path) in str(error)
    else:
        if isinstance(loaded, eqpool.AbstractModule):
            eqx.filter_eval_shape(lambda mod: mod(np.ones((5, 3), np.float32)), loaded)


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
