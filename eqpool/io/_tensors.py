"""The format of safetensors, read from its header on.

A file is the length of its header, the header as JSON, and the arrays one after another. Reading
the header by itself tells the size and kind of everything before memory is taken for it, and what
a file claims is compared with the length that it has.
"""

import json
import math
from collections.abc import Mapping
from io import BufferedReader
from typing import Any, NamedTuple

import jax
import jax.experimental.multihost_utils  # by `device_put` at its first call: `load` imports nothing
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array


DTYPES = {
    "BOOL": np.dtype(bool),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "U16": np.dtype(np.uint16),
    "I16": np.dtype(np.int16),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(jnp.bfloat16),
    "U32": np.dtype(np.uint32),
    "I32": np.dtype(np.int32),
    "F32": np.dtype(np.float32),
    "U64": np.dtype(np.uint64),
    "I64": np.dtype(np.int64),
    "F64": np.dtype(np.float64),
    "C64": np.dtype(np.complex64),
}
"""The dtypes that a file of eqpool may hold, by the format's names of them."""

_LONGEST_HEADER = 100_000_000  # the format's own limit
_ALIGNMENT = 64  # what XLA takes over without a copy


class Entry(NamedTuple):
    """Kind and place of one array in a file."""

    dtype: np.dtype
    shape: tuple[int, ...]
    start: int

    @property
    def abstract(self) -> jax.ShapeDtypeStruct:
        """Shape and dtype, for traces."""
        return jax.ShapeDtypeStruct(self.shape, self.dtype)


def read_header(file: BufferedReader) -> tuple[dict[str, str], dict[str, Entry]]:
    """The text beside the arrays, and what arrays there are.

    **Raises:** `ValueError` where the file is not of this format, or not whole.
    """
    size = file.seek(0, 2)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, _LONGEST_HEADER):
        raise ValueError("its header is not whole")
    if file.peek(1)[:1] != b"{":
        raise ValueError("its header is no dictionary")
    header = json.loads(file.read(length).decode())
    text = header.pop("__metadata__", {})
    if not (isinstance(text, dict) and all(isinstance(x, str) for x in text.values())):
        raise ValueError("its metadata is no text")
    entries, end = {}, 0
    for name, given in sorted(header.items(), key=lambda item: _place(*item)):
        dtype, shape, place = given["dtype"], given["shape"], _place(name, given)
        if dtype not in DTYPES:
            raise ValueError(f"{name!r} is of the kind {dtype!r}, which no network has")
        if not _are_sizes(shape):
            raise ValueError(f"{name!r} has an impossible shape")
        if place != (end, end + DTYPES[dtype].itemsize * math.prod(shape)):
            raise ValueError(f"{name!r} has another size than its shape says")
        entries[name] = Entry(DTYPES[dtype], tuple(shape), 8 + length + place[0])
        end = place[1]
    if 8 + length + end != size:
        raise ValueError(f"its arrays take {end} bytes, and {size - 8 - length} are there")
    return text, entries


def _place(name: str, given: Any) -> tuple[int, int]:
    match given:
        case {"dtype": str(), "shape": list(), "data_offsets": [start, end]} if len(given) == 3:
            if _are_sizes([start, end]):
                return start, end
    raise ValueError(f"{name!r} is no array")


def _are_sizes(given: list[Any]) -> bool:
    return len(given) <= 64 and all(type(x) is int and 0 <= x < 2**63 for x in given)


def read_arrays(file: BufferedReader, entries: Mapping[str, Entry]) -> dict[str, Array]:
    """The arrays of a file, with memory taken once for each.

    **Raises:** `ValueError` if the file ends before them; `OSError`.
    """
    return {name: _read_array(file, name, entry) for name, entry in entries.items()}


def _read_array(file: BufferedReader, name: str, entry: Entry) -> Array:
    size = entry.dtype.itemsize * math.prod(entry.shape)
    try:
        memory = np.empty(size + _ALIGNMENT, np.uint8)
    except MemoryError:
        raise ValueError(f"{name!r} takes {size} bytes, and there is no room for them") from None
    first = -memory.ctypes.data % _ALIGNMENT
    content = memory[first : first + size]
    file.seek(entry.start)
    if file.readinto(content.data) != size:
        raise ValueError("it was cut short while it was read")
    # Any byte may stand for true, but not in memory.
    array = content != 0 if entry.dtype == bool else content.view(entry.dtype)
    # Nobody else has the memory, so JAX may keep it, where `asarray` would copy.
    return jax.device_put(array.reshape(entry.shape))
