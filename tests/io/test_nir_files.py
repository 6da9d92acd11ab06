"""Files of NIR: what they may hold, and what is refused before it is read."""

import os
import zlib

import h5py
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import eqpool
from tests.helpers import wave


def graph_of(node, n=2):
    ends = {"input": nir.Input(np.array([n])), "output": nir.Output(np.array([n]))}
    edges = [("input", "n"), ("n", "output")]
    return nir.NIRGraph(ends | {"n": node}, edges, type_check=False)


WEIGHTS = np.array([[1.0, 2.0], [3.0, 4.0]])


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Files that hold what a file must not reach."""
    folder = tmp_path_factory.mktemp("others")
    WEIGHTS.tofile(folder / "secret.bin")
    with h5py.File(folder / "secret.h5", "w") as file:
        file["weight"] = WEIGHTS
    return folder


def put(file, value, key="weight", **kwargs):
    """Puts another value into the node of a file."""
    group = file["node/nodes/n"]
    del group[key]
    if isinstance(value, (h5py.SoftLink, h5py.ExternalLink)):
        group[key] = value
    else:
        group.create_dataset(key, data=value, **kwargs)
    return group


def external_storage(file, others):
    group = put(file, 0.0)
    del group["weight"]
    group.create_dataset("weight", (2, 2), "f8", external=[(others / "secret.bin", 0, 32)])


def virtual(file, others):
    group = put(file, 0.0)
    del group["weight"]
    layout = h5py.VirtualLayout((2, 2), "f8")
    layout[:] = h5py.VirtualSource(others / "secret.h5", "weight", (2, 2))
    group.create_virtual_dataset("weight", layout)


def external_root(file, others):
    del file["node"]
    file["node"] = h5py.ExternalLink(others / "secret.h5", "/")


def inside_itself(file, others):
    file["node/nodes/n/more"] = file["node"]


def nothing_but_its_size(file, others):
    group = put(file, 0.0)
    del group["weight"]
    group.create_dataset("weight", (2**14, 2**14), "f8", compression="gzip")


def a_chunk_of_another_size(file, others):
    group = put(file, 0.0)
    del group["weight"]
    data = group.create_dataset("weight", (2, 2), "f8", chunks=(2, 2), compression="gzip")
    data.id.write_direct_chunk((0, 0), zlib.compress(bytes(2**24)))


def large_chunks(file, others):
    group = put(file, 0.0)
    del group["weight"]
    group.create_dataset(
        "weight", (2, 2), "f8", maxshape=(None, None), chunks=(2**14, 2**14), compression="gzip"
    )


def deep(file, others):
    group = file["node/nodes"]
    for _ in range(210):
        group = group.create_group("n_")


REFUSED = {
    "external storage": (external_storage, "'/node/nodes/n/weight' takes its values from other"),
    "a virtual dataset": (virtual, "'/node/nodes/n/weight' takes its values from other files"),
    "an external link": (
        lambda file, others: put(file, h5py.ExternalLink(others / "secret.h5", "weight")),
        "'/node/nodes/n/weight' is a link to elsewhere, ExternalLink",
    ),
    "a soft link": (
        lambda file, others: put(file, h5py.SoftLink("/version")),
        "'/node/nodes/n/weight' is a link to elsewhere, SoftLink",
    ),
    "an external root": (external_root, "'/node' is a link to elsewhere, ExternalLink"),
    "a group inside itself": (inside_itself, "the group '/node/nodes/n/more' is there twice"),
    "groups in groups": (deep, "its groups are nested more than 200 deep"),
    "more zeros than memory": (
        nothing_but_its_size, r"arrays take 21474837\d\d bytes.*pass max_bytes=21474837\d\d or more"
    ),
    "large chunks of little": (large_chunks, r"arrays take 21474837\d\d bytes"),
    "a chunk that swells": (a_chunk_of_another_size, "a chunk that unpacks to more"),
    "compound weights": (
        lambda file, others: put(file, np.zeros((2, 2), [("re", "f8"), ("im", "f8")])),
        "'/node/nodes/n/weight' holds .*expected numbers or text",
    ),
    "complex weights": (
        lambda file, others: put(file, 1j * WEIGHTS), "weight' holds complex128; expected numbers",
    ),
    "arrays of arrays": (
        lambda file, others: put(file, None, shape=(2,), dtype=h5py.vlen_dtype("f8")),
        "weight' holds object; expected numbers or text",
    ),
    "text": (lambda file, others: put(file, "1.0"), "'weight' of the node 'n' is text"),
    "texts": (
        lambda file, others: put(file, np.array([[b"1", b"2"], [b"3", b"4"]])),
        "'weight' of the node 'n' is text; expected numbers",
    ),
    "no value": (
        lambda file, others: put(file, h5py.Empty("f8")), "'/node/nodes/n/weight' has no value",
    ),
    "another type": (
        lambda file, others: put(file, "system", "type"),
        "node 'n' is of type 'system', which nir does not have",
    ),
    "names in chunks": (
        lambda file, others: put(file, ["Linear"], "type", dtype=h5py.string_dtype(), chunks=(1,)),
        "it holds text in chunks",
    ),
    "a type that is a number": (
        lambda file, others: put(file, 3, "type"), "node 'n' is of type .*3.*, which nir does not",
    ),
    "a field too many": (
        lambda file, others: file["node/nodes/n"].create_dataset("scale", data=1.0),
        "the node 'n' of type 'Linear': .*unexpected keyword argument 'scale'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_are_refused(name, others, tmp_path):
    edit, message = REFUSED[name]
    path = tmp_path / "net.nir"
    nir.write(path, graph_of(nir.Linear(WEIGHTS)))
    with h5py.File(path, "a") as file:
        edit(file, others)
    with pytest.raises(ValueError, match="net.nir' cannot be read as a file of NIR: .*" + message):
        eqpool.from_nir(path)


def test_what_is_no_regular_file(tmp_path):
    """A pipe would be waited for, without an end."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/null"):
        with pytest.raises(ValueError, match="is not a regular file"):
            eqpool.from_nir(path)
    nir.write(tmp_path / "node.nir", nir.Linear(WEIGHTS))
    with pytest.raises(ValueError, match="its 'node' is no NIRGraph"):
        eqpool.from_nir(tmp_path / "node.nir")


def test_memory_is_bounded_as_asked(tmp_path):
    """Packed or not."""
    path = tmp_path / "net.nir"
    nir.write(path, graph_of(nir.Linear(np.zeros((64, 64))), 64))
    for compression in ("gzip", None):
        with h5py.File(path, "a") as file:
            put(file, np.zeros((64, 64)), compression=compression)
        with pytest.raises(
            ValueError, match=r"arrays take 3[23]\d\d\d bytes .* more than 30000; if"
        ):
            eqpool.from_nir(path, max_bytes=30_000)
        assert eqpool.from_nir(path, max_bytes=40_000).shape == (64, 64)
    with pytest.raises(ValueError, match="node 'n' takes an array of 4096 numbers.* 32768 or more"):
        eqpool.from_nir(graph_of(nir.Scale(np.ones(64)), 64), max_bytes=30_000)


def test_damaged_names(tmp_path):
    """HDF5 itself waits forever for a name that is not in the heap that should hold it."""
    path = tmp_path / "net.nir"
    nir.write(path, graph_of(nir.Linear(WEIGHTS)))
    whole = path.read_bytes()
    with h5py.File(path) as file:
        edges = file["node/edges"].id.get_offset()
    for start, damage in (
        (whole.index(b"GCOL") + 25, b"\x0d"),  # an object that swallows the others
        (whole.index(b"GCOL") + 8, b"\xff" * 8),  # a heap without an end
        (whole.index(b"GCOL"), b"H"),
        (edges, b"\xff\xff\xff\x7f"),  # a length
        (edges + 4, b"\xff" * 8),  # an address
        (edges + 12, b"\x77\x77"),  # a number
    ):
        path.write_bytes(whole[:start] + damage + whole[start + len(damage) :])
        with pytest.raises(ValueError, match="cannot be read as a file of NIR: .*(it|arrays) "):
            eqpool.from_nir(path)


@pytest.mark.parametrize("compression", ["gzip", "lzf", None])
def test_compressions(compression, tmp_path):
    """Those of NIR; and a chunk that is stored as it is, since packing makes it no smaller."""
    path = tmp_path / "net.nir"
    nir.write(path, graph_of(nir.Linear(0 * WEIGHTS)))
    with h5py.File(path, "a") as file:
        data = put(file, WEIGHTS, compression=compression, chunks=(2, 2))["weight"]
        if compression == "gzip":
            data.id.write_direct_chunk((0, 0), WEIGHTS.tobytes(), filter_mask=1)
    np.testing.assert_array_equal(eqpool.from_nir(path).weight, WEIGHTS.T)


def scalars(n):
    """Neurons with one value for all, in each way that there is to say so."""
    one = np.float64(1.0)
    return {
        "one value": nir.LIF(*(np.full(1, x) for x in (7e-3, 2.0, 0.1, 1.0))),
        "scalars": nir.LIF(np.float64(7e-3), 2 * one, 0.1 * one, one, np.float64(0.0)),
        "several axes": nir.LIF(*(np.full((1, 1, n), x) for x in (7e-3, 2.0, 0.1, 1.0))),
        "all": nir.LIF(*(np.full(n, x) for x in (7e-3, 2.0, 0.1, 1.0))),
    }


ENDS = {
    "one axis": (np.array([3]), np.array([4])),
    # as nirtorch writes them of a sample, with its batch and time
    "axes of a sample": (np.array([1, 3]), np.array([1, 1, 4])),
    "one value": (np.array([3]), np.array([1])),
}


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("name", scalars(1))
def test_sizes_come_from_what_leads_to_a_node(name, ends, tmp_path):
    """From a file as from a graph, in graphs within graphs too."""
    w, x = wave(4, 3), jnp.abs(wave(20, 3))
    expected = None
    for node in (scalars(4)["all"], scalars(4)[name]):
        for inner in (node, graph_of(node, 4)):
            graph = nir.NIRGraph(
                {"input": nir.Input(ENDS[ends][0]), "w": nir.Linear(np.asarray(w)), "n": inner,
                 "output": nir.Output(ENDS[ends][1])},
                [("input", "w"), ("w", "n"), ("n", "output")],
                type_check=False,
            )  # fmt: skip
            nir.write(tmp_path / "net.nir", graph)
            for source in (graph, tmp_path / "net.nir"):
                net = eqpool.from_nir(source, dt=1e-3)
                output = net(x)[0]
                expected = output if expected is None else expected
                assert expected.sum() > 5
                np.testing.assert_array_equal(output, expected)


def test_the_layers_that_rockpool_writes(tmp_path):
    """`LIFTorch(1)` behind `LinearTorch`, with the names, shapes and edges of its file."""
    tau_mem, tau_syn, dt = 20e-3, 10e-3, 1e-3
    lif = nir.CubaLIF(
        tau_syn=np.full(1, tau_syn), tau_mem=np.full(1, tau_mem),
        r=np.full(1, tau_mem * np.exp(-dt / tau_mem) / dt), v_leak=np.zeros(1),
        v_threshold=np.ones(1),
    )  # fmt: skip
    graph = nir.NIRGraph(
        {"input": nir.Input(np.array([1, 2])), "0_LinearTorch": nir.Linear(np.array([[0.5, 1.5]])),
         "1_LIFTorch": lif, "output": nir.Output(np.array([1, 1, 1]))},
        [("1_LIFTorch", "output"), ("0_LinearTorch", "1_LIFTorch"), ("input", "0_LinearTorch")],
        type_check=False,
    )  # fmt: skip
    nir.write(tmp_path / "net.nir", graph)
    x = jnp.abs(wave(40, 2))
    output, _, _ = eqpool.from_nir(tmp_path / "net.nir", dt=dt)(x)
    a_syn, a_mem, i, v, expected = np.exp(-dt / tau_syn), np.exp(-dt / tau_mem), 0.0, 0.0, []
    for row in np.asarray(x):
        i = a_syn * i + (1 - a_syn) * (row @ [0.5, 1.5])
        v = a_mem * v + (1 - a_mem) * lif.r[0] * i
        expected.append(float(v >= 1))
        v -= expected[-1]
    assert sum(expected) > 5
    np.testing.assert_array_equal(output[:, 0], expected)
