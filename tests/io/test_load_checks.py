"""Files that contradict themselves, and what `load` reads of them."""

import json
import tracemalloc

import diffrax
import equinox as eqx
import jax
import numpy as np
import pytest

import eqpool
from tests.io.networks import forged


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "net.safetensors"
    controller = diffrax.PIDController(rtol=1e-4, atol=1e-4)
    solver = eqpool.Diffrax(diffrax.Kvaerno3(), stepsize_controller=controller)
    eqpool.save(path, eqpool.RateJax(3, has_rec=True, rng_key=0, solver=solver))
    return path.read_bytes()


def refused(path, match):
    with pytest.raises(ValueError, match=match) as raised:
        eqpool.load(path)
    assert str(path) in str(raised.value)


WRONG_FIELDS = {
    "a tolerance": ("stepsize_controller", "rtol", "small"),
    "a norm": ("stepsize_controller", "norm", "max"),
    "a switch": ("stepsize_controller", "force_dtmin", "yes"),
    "a number of steps": ("solver", "root_find_max_steps", 1.5),
    "a way of scanning": ("solver", "scan_kind", "quick"),
    "a root finder": ("solver", "root_finder", None),
    "a root finder of another kind": (
        "solver", "root_finder", {"class": "lineax.LU", "fields": {}}
    ),
    "a list, which has no hash": ("stepsize_controller", "dtmax", {"list": [1]}),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_FIELDS)
def test_fields_of_solvers(name, good, path):
    part, field, value = WRONG_FIELDS[name]

    def change(structure, arrays):
        structure["fields"]["solver"]["fields"][part]["fields"][field] = value

    forged(path, good, change)
    refused(path, f"cannot have {field} = ")


def test_values_that_only_a_run_shows(path):
    eqpool.save(path, eqpool.RateJax(3, rng_key=0, solver=eqpool.Diffrax(diffrax.Heun())))
    good = path.read_bytes()

    def with_substeps(number):
        return lambda structure, _: structure["fields"]["solver"]["fields"].update(substeps=number)

    for number, message in ((0, "substeps must be at least 1"), (10**400, "cannot run")):
        forged(path, good, with_substeps(number))
        refused(path, message)


def test_weights_of_layers(path):
    layer = eqx.nn.Lambda(eqx.nn.MLP(3, 3, 4, 1, key=jax.random.key(0)))
    eqpool.save(path, eqpool.Instant(3, layer))
    good = path.read_bytes()

    def change(structure, arrays):
        name = next(name for name in arrays if name.endswith("layers.1.weight"))
        arrays[name] = np.ones((3, 5), np.float32)

    forged(path, good, change)
    refused(path, "InstantJax: cannot run: ")


def test_states_of_different_batches(good, path):
    def change(structure, arrays):
        arrays["x"] = np.ones((4, 3), np.float32)
        arrays["rng_key"] = np.ones((5, 2), np.uint32)

    forged(path, good, change)
    refused(path, "cannot run: .*batch size")


def with_header(path, change, size=None):
    """The file at `path` with another header, and a length that fits it or not."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + content[8 + length :])
        if size is not None:
            file.truncate(8 + len(text) + size)


WRONG_HEADERS = {
    "a dtype of eight bits": (lambda x: x.update(dtype="F8_E4M3"), "is of the kind 'F8_E4M3'"),
    "a dtype of four bits": (lambda x: x.update(dtype="F4"), "is of the kind 'F4'"),
    "no dtype": (lambda x: x.update(dtype=3), "is no array"),
    "a shape of text": (lambda x: x.update(shape=["3"]), "an impossible shape"),
    "a shape below zero": (lambda x: x.update(shape=[-3, -1]), "an impossible shape"),
    "a shape beyond all": (lambda x: x.update(shape=[2**62, 2**62]), "another size than its"),
    "many axes": (lambda x: x.update(shape=[1] * 99 + [3]), "an impossible shape"),
    "another shape": (lambda x: x.update(shape=[4]), "another size than its shape"),
    "another place": (lambda x: x.update(data_offsets=[1, 13]), "another size than its shape"),
    "a place below zero": (lambda x: x.update(data_offsets=[-12, 0]), "is no array"),
    "something more": (lambda x: x.update(more=1), "is no array"),
}


@pytest.mark.parametrize("name", WRONG_HEADERS)
def test_headers(name, good, path):
    change, message = WRONG_HEADERS[name]
    path.write_bytes(good)
    with_header(path, lambda header: change(header["tau"]))
    refused(path, "has been cut short .*" + message)


def test_lengths_of_headers(good, path):
    for length in (0, 1, len(good) - 7, 10**8 + 1, 2**63, 2**64 - 1):
        path.write_bytes(length.to_bytes(8, "little") + good[8:])
        refused(path, "has been cut short")


def test_nothing_large_is_read_before_it_is_checked(good, path):
    """Files without content, that claim gigabytes."""
    size = 2**31

    def too_many(header):
        end = max(x["data_offsets"][1] for n, x in header.items() if n != "__metadata__")
        places = [end, end + size]
        header["more"] = {"dtype": "F32", "shape": [size // 4], "data_offsets": places}
        return end + size

    def wrong_shape(header):
        names = [n for n in header if n != "__metadata__"]
        last = max(names, key=lambda n: header[n]["data_offsets"][1])
        start = header[last]["data_offsets"][0]
        header[last] |= {"shape": [size // 4], "data_offsets": [start, start + size]}
        return start + size

    for change, message in ((too_many, "belong nowhere, 'more'"), (wrong_shape, "shape|is float")):
        path.write_bytes(good)
        total = []
        with_header(path, lambda header, f=change, t=total: t.append(f(header)))
        with open(path, "r+b") as file:
            header = 8 + int.from_bytes(file.read(8), "little")
            file.truncate(header + total[0])
        tracemalloc.start()
        try:
            refused(path, message)
            assert tracemalloc.get_traced_memory()[1] < 2**26
        finally:
            tracemalloc.stop()


def test_solvers_where_jit_is_off(path, good):
    path.write_bytes(good)
    with jax.disable_jit():
        assert eqpool.load(path).shape == (3,)
