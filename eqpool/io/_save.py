"""`save` and `load`: a network in one file, without pickle."""

import contextlib
import json
import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import describe, extra
from .._module import map_leaves, Site
from ._check import check_whole
from ._encoding import decode, encode
from ._file import opened, replace
from ._names import Names
from ._rehearsal import rehearse, try_run
from ._tensors import Entry, read_arrays, read_header


ENTRY, VERSION = "eqpool", 1
"""What the header calls our entry, and the version of what it holds."""


def save(
    path: str | os.PathLike[str], model: Any, *, known: Mapping[str, Any] | None = None
) -> None:
    """Writes a network, architecture and values, to a file that [`eqpool.load`][] reads.

    One file in the format of [safetensors](https://github.com/huggingface/safetensors): arrays as
    they are, and beside them, in its header, the structure as JSON: classes and functions by name,
    roles and families, initial values, solvers, states. It is written whole or not at all: what
    stood under `path` before stays until the new file is complete. Threads and processes may save
    to one path at once. Needs the extra `save`.

    **Arguments:**

    - `path`: where to, as `open` takes it. Customary is the ending `.safetensors`. An existing file
        keeps its mode; a symbolic link stays, and the file that it leads to is replaced.
    - `model`: a module, or lists, tuples and dictionaries of them. Ensembles and batched states
        are saved as they are; arrays of NumPy come back as arrays of JAX.
    - `known`: names for classes and functions of your own, as `{"Mine": Mine}`; those of eqpool,
        diffrax, `equinox.nn`, `jax.nn` and element-wise ones of `jax.numpy` have names.

    **Raises:** `TypeError`, naming the place, for a function or class without a name, for dtypes
    below 8 bits, float8 and complex128, and for anything else that is no part of a network;
    `ValueError` for a module that contradicts its declaration or cannot run, and for one half of a
    partition; `OSError`, naming `path`, for what the file system refuses.

    !!! example

        ```python
        eqpool.save("net.safetensors", net)
        net = eqpool.load("net.safetensors")
        ```
    """
    safetensors = extra("safetensors.numpy", "save")
    check_whole(model)
    model = map_leaves(_as_array, model)
    structure, arrays = encode(model, Names(known))
    _check_loadable(model, structure, arrays, Names(known))
    entry = {"version": VERSION, "written by": version("eqpool"), "structure": structure}
    # A single entry: safetensors writes several in any order, and equal networks shall make equal
    # files.
    metadata = {ENTRY: json.dumps(entry, allow_nan=False)}
    try:
        content = safetensors.save(arrays, metadata)
    except extra("safetensors", "save").SafetensorError as error:  # of an older version
        raise TypeError(f"eqpool.save: {error}; a newer safetensors may write it.") from None
    replace(os.fsdecode(path), content)


def load(path: str | os.PathLike[str], *, known: Mapping[str, Any] | None = None) -> Any:
    """Reads a network that [`eqpool.save`][] wrote, to the bit.

    Safe on files from anywhere: a file can name what has a name at `save`, and what you hand over,
    and nothing else; nothing is imported or unpickled. Shapes, dtypes and fields are checked
    against what their classes declare before any array is read, and a run is traced, so that the
    first one does not fail because of the file. (Not with classes and functions of your own, which
    may need what only you know.)

    **Arguments:**

    - `path`: the file.
    - `known`: the classes and functions of your own that the file may name, as given to `save`.

    **Raises:** `ValueError` that says what is wrong, for a file that is truncated, foreign, of
    another format, or that contradicts itself, and for double precision without
    `jax_enable_x64`; `OSError` of the file system, as `FileNotFoundError` if there is none, and for
    a folder, a pipe or a device.
    """
    path = os.fsdecode(path)
    names = Names(known)
    with opened(path) as file:
        try:
            text, entries = read_header(file)
        except (ValueError, LookupError, TypeError, RecursionError, MemoryError) as error:
            raise ValueError(
                f"{path}: is no file of eqpool.save, or has been cut short ({error})."
            ) from None
        if ENTRY not in text:
            raise ValueError(
                f"{path}: holds arrays, but no network: it was not written by eqpool.save."
            )
        try:
            structure = _structure_of(json.loads(text[ENTRY]))
            _check_precision(entries)
            rehearse(structure, {name: entry.abstract for name, entry in entries.items()}, names)
            model = decode(structure, read_arrays(file, entries), names)
            if not names.met_known:
                try_run(model)
        except OSError:
            raise
        except RecursionError:
            raise ValueError(
                f"{path}: damaged or made by hand: it is nested without end."
            ) from None
        except Exception as error:  # what a file made by hand can cause is not known
            raise ValueError(f"{path}: cannot be loaded: {error}") from None
    return model


def _as_array(site: Site, leaf: Any) -> Any:
    """NumPy's arrays, and numbers in place of arrays, as a run would take them."""
    number = isinstance(leaf, (np.generic, float, int)) and not isinstance(leaf, bool)
    if not (isinstance(leaf, np.ndarray) or number and site.field is not None):
        return leaf
    try:
        array = jnp.asarray(leaf)
    except TypeError:
        array = None
    place = ".".join(site.path)
    if array is None:
        raise TypeError(f"eqpool.save: {place!r} is {describe(leaf)}, which a file cannot hold.")
    if jnp.issubdtype(array.dtype, jnp.integer) and not np.array_equal(array, leaf):
        raise TypeError(
            f"eqpool.save: {place!r} is {describe(leaf)}, whose values need double precision; "
            "switch it on, `jax.config.update('jax_enable_x64', True)`."
        )
    return array


def _check_loadable(
    model: Any, structure: Any, arrays: Mapping[str, np.ndarray], names: Names
) -> None:
    entries = {name: Entry(x.dtype, x.shape, 0) for name, x in arrays.items()}
    double = any(map(_is_double, entries.values()))
    try:
        with jax.enable_x64(True) if double else contextlib.nullcontext():
            abstract = {name: entry.abstract for name, entry in entries.items()}
            rehearse(json.loads(json.dumps(structure)), abstract, names)
            if not names.met_known:
                try_run(model)
    except Exception as error:
        raise ValueError(f"eqpool.save: {error} Such a model could not be loaded.") from None


def _structure_of(entry: Any) -> Any:
    match entry:
        case {"version": int(number), "written by": str(writer), "structure": structure} if (
            type(number) is int and number >= 1
        ):
            if number > VERSION:
                raise ValueError(
                    f"its format has version {number}, and this eqpool ({version('eqpool')}) reads "
                    f"up to {VERSION}; it was written by eqpool {writer}. Upgrade eqpool."
                )
            return structure
    raise ValueError("its entry in the header has another form.")


def _check_precision(entries: Mapping[str, Entry]) -> None:
    for name, entry in entries.items():
        if _is_double(entry) and not jax.config.jax_enable_x64:  # pyright: ignore
            raise ValueError(
                f"{name!r} is {entry.dtype}; switch double precision on first, "
                "`jax.config.update('jax_enable_x64', True)`."
            )


def _is_double(entry: Entry) -> bool:
    return entry.dtype.itemsize == 8 and entry.dtype.kind != "c"
