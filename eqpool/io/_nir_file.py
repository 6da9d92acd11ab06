"""Files of NIR: HDF5 that is checked before anything of it is read."""

import math
import os
import stat
import zlib
from typing import Any

import numpy as np

from .._errors import extra
from ._hdf5_text import HeapText


# Unless the caller says otherwise, arrays may take this much memory, bytes, or this many times the
# size of their file. HDF5 stores zeros in a thousandth of their size, or in nothing at all.
_FREE, _RATIO = 2**28, 32

# Groups within groups; a graph in a graph is two of them.
_DEPTH = 200

# The filters of HDF5 that nir writes with; h5py calls lzf 32000.
_DEFLATE, _SHUFFLE, _FLETCHER32 = 1, 2, 3
_FILTERS = {_DEFLATE, _SHUFFLE, _FLETCHER32, 4, 32000}


def read_file(nir: Any, path: str | os.PathLike[str], max_bytes: int | None) -> Any:
    """The graph in a file, of which every value lies in the file itself.

    **Arguments:**

    - `nir`: the package.
    - `path`: of the file.
    - `max_bytes`: most memory for its arrays. Default: 256 MiB, or 32 times the size of the file.

    **Raises:** `FileNotFoundError`, `PermissionError`; `ValueError` for what is no regular file of
    NIR, for links and arrays that lead to other files, and for arrays that are too large.
    """
    path = os.fspath(path)
    info = os.stat(path)
    # Opening a pipe would wait for a writer.
    if not stat.S_ISREG(info.st_mode):
        raise ValueError(f"from_nir: {path!r} is not a regular file.")
    h5py = extra("h5py", "nir")
    limit = max(_FREE, _RATIO * info.st_size) if max_bytes is None else max_bytes
    try:
        with h5py.File(path, "r") as file, open(path, "rb") as raw:
            contents = _Contents(h5py, HeapText(raw, info.st_size), limit)
            root = contents.of(file, "", only="node")["node"]
        if not isinstance(root, dict) or root.get("type") != "NIRGraph":
            raise ValueError("its 'node' is no NIRGraph")
        return _graph(nir, root, "")
    except PermissionError:
        raise
    except Exception as error:  # whatever stumbles over what is in the file
        what = str(error) or type(error).__name__
        raise ValueError(f"from_nir: {path!r} cannot be read as a file of NIR: {what}") from error


class _Contents:
    """What is in a file, as far as it fits into the memory it may take."""

    def __init__(self, h5py: Any, text: HeapText, limit: int):
        self.h5py, self.text, self.limit = h5py, text, limit
        self.taken = 0
        self.groups: set[int] = set()

    def of(self, group: Any, where: str, only: str | None = None) -> dict[str, Any]:
        """The values in a group and the groups in it; with `only`, in that entry."""
        address = self.h5py.h5o.get_info(group.id).addr
        if address in self.groups:
            raise ValueError(f"the group {where!r} is there twice")
        self.groups.add(address)
        if where.count("/") > _DEPTH:
            raise ValueError(f"its groups are nested more than {_DEPTH} deep")
        values = {}
        for key in group if only is None else [only]:
            inner = f"{where}/{key}"
            link = group.get(key, getlink=True)
            if not isinstance(link, self.h5py.HardLink):
                kind = "missing" if link is None else f"a link to elsewhere, {type(link).__name__}"
                raise ValueError(f"{inner!r} is {kind}")
            item = group[key]
            if isinstance(item, self.h5py.Group):
                values[key] = self.of(item, inner)
            elif isinstance(item, self.h5py.Dataset):
                values[key] = self._value(item, inner)
        return values

    def _value(self, data: Any, where: str) -> Any:
        layout = data.id.get_create_plist()
        if layout.get_external_count() or data.is_virtual:
            raise ValueError(f"{where!r} takes its values from other files")
        if data.shape is None:
            raise ValueError(f"{where!r} has no value")
        size = math.prod(data.shape)
        if self.h5py.check_string_dtype(data.dtype) is not None and data.dtype.kind == "O":
            self._take(size * data.dtype.itemsize, where)
            return self.text.of(data, data.shape, lambda length: self._take(length, where))
        if data.dtype.kind not in "biufS":
            raise ValueError(f"{where!r} holds {data.dtype}; expected numbers or text")
        self._take(max(size, math.prod(data.chunks or ())) * data.dtype.itemsize, where)
        self._check_chunks(data, layout, where)
        return data.asstr()[()] if data.dtype.kind == "S" else data[()]

    def _take(self, size: int, where: str) -> None:
        self.taken += size
        if self.taken > self.limit:
            raise ValueError(
                f"its arrays take {self.taken} bytes up to {where!r}, more than {self.limit}; if "
                f"you trust the file, pass max_bytes={self.taken} or more"
            )

    def _check_chunks(self, data: Any, layout: Any, where: str) -> None:
        """Raises for chunks that would unpack to more than they declare."""
        filters = [layout.get_filter(i)[0] for i in range(layout.get_nfilters())]
        packers = [i for i, kind in enumerate(filters) if kind not in (_SHUFFLE, _FLETCHER32)]
        if len(packers) > 1 or not {*filters} <= _FILTERS:
            raise ValueError(f"{where!r} is compressed otherwise than by gzip, lzf or szip")
        if _DEFLATE not in filters:
            return
        # A checksum is 4 bytes.
        most = math.prod(data.chunks) * data.dtype.itemsize + 4
        for number in range(data.id.get_num_chunks()):
            offset = data.id.get_chunk_info(number).chunk_offset
            left_out, packed = data.id.read_direct_chunk(offset)
            # HDF5 leaves out the compression of what does not get smaller.
            if left_out >> packers[0] & 1:
                continue
            if len(zlib.decompressobj().decompress(packed, most + 1)) > most:
                raise ValueError(f"{where!r} has a chunk that unpacks to more than it declares")


def _graph(nir: Any, values: dict[str, Any], prefix: str) -> Any:
    """A graph, which nir would check for the sizes of nodes, which eqpool infers."""
    nodes = values.get("nodes")
    if not isinstance(nodes, dict):
        raise ValueError(f"the graph {prefix.removesuffix('.')!r} has no nodes")
    edges = np.asarray(values.get("edges", ())).reshape(-1, 2).tolist()
    return nir.NIRGraph(
        nodes={name: _node(nir, prefix + name, node) for name, node in nodes.items()},
        edges=[(first, last) for first, last in edges],
        metadata=values.get("metadata", {}),
        type_check=False,
    )


def _node(nir: Any, name: str, values: Any) -> Any:
    if not isinstance(values, dict):
        raise ValueError(f"the node {name!r} is no group")
    if values.get("type") == "NIRGraph":
        return _graph(nir, values, f"{name}.")
    kind = values.get("type")
    if not isinstance(kind, str) or not hasattr(nir, kind):
        raise ValueError(f"the node {name!r} is of type {kind!r}, which nir does not have")
    for field, value in values.items():
        # The padding of a convolution may be a word.
        if field not in ("type", "metadata", "padding") and np.asarray(value).dtype.kind in "OU":
            raise ValueError(f"{field!r} of the node {name!r} is text; expected numbers")
    try:
        return nir.dict2NIRNode(values)
    except Exception as error:  # whatever its class stumbles over
        raise ValueError(
            f"the node {name!r} of type {kind!r}: {str(error) or type(error).__name__}"
        ) from error
