"""Text in HDF5, read without the library, which waits forever on some files that are damaged."""

import struct
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np


# Length of a text, address of the heap it lies in, its number there.
_REFERENCE = struct.Struct("<IQI")
# Number of an object in a heap, its length; after it, the object, padded to 8 bytes.
_OBJECT = struct.Struct("<HHxxxxQ")
_HEAP = struct.Struct("<4sB3xQ")


class HeapText:
    """Text of variable length in an HDF5 file.

    A dataset of text holds references to heaps, as section III.E of the file format describes:
    <https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html>.
    """

    def __init__(self, file: BinaryIO, size: int):
        self.file, self.size = file, size
        self.heaps: dict[int, dict[int, bytes]] = {}

    def of(self, data: Any, shape: tuple[int, ...], take: Callable[[int], None]) -> Any:
        """The texts of an `h5py.Dataset`.

        `take` is told the length of each, and raises where they are too long together.

        **Raises:** `ValueError` for references that lead nowhere, and for other layouts.
        """
        offset, count = data.id.get_offset(), int(np.prod(shape, dtype=object))
        if offset is None or data.file.id.get_create_plist().get_sizes() != (8, 8):
            raise ValueError("it holds text in chunks, or addresses other than of 8 bytes")
        texts = np.empty(count, object)
        for i, reference in enumerate(_REFERENCE.iter_unpack(self._bytes(offset, 16 * count))):
            length, address, number = reference
            take(length)
            text = self._heap(address).get(number) if length else b""
            if text is None or len(text) != length:
                raise ValueError("it holds text that is not where it should be")
            texts[i] = text.rstrip(b"\0").decode("utf8")
        return texts.reshape(shape)[()]

    def _bytes(self, start: int, count: int) -> bytes:
        if start + count > self.size:
            raise ValueError("it refers to what lies behind its end")
        self.file.seek(start)
        return self.file.read(count)

    def _heap(self, address: int) -> dict[int, bytes]:
        if address in self.heaps:
            return self.heaps[address]
        signature, version, size = _HEAP.unpack(self._bytes(address, _HEAP.size))
        if signature != b"GCOL" or version != 1 or size < _HEAP.size:
            raise ValueError("it holds text that is not where it should be")
        body, at = self._bytes(address, size), _HEAP.size
        found = self.heaps[address] = {}
        while at + _OBJECT.size <= size:
            number, _, length = _OBJECT.unpack_from(body, at)
            at += _OBJECT.size
            # The rest is free.
            if number == 0:
                break
            found[number] = body[at : at + length]
            at += -(-length // 8) * 8
        return found
