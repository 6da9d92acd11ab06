"""`save` and `load`: a network in one file, without pickle."""

import json
import os
import pathlib
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from .._errors import extra
from ._check import check
from ._names import Names
from ._structure import decode, encode


ENTRY, VERSION = "eqpool", 1
"""What the header calls our entry, and the version of what it holds."""


def save(
    path: str | os.PathLike[str], model: Any, *, known: Mapping[str, Any] | None = None
) -> None:
    """Writes a network, architecture and values, to a file that [`eqpool.load`][] reads.

    One file in the format of [safetensors](https://github.com/huggingface/safetensors): arrays as
    they are, and beside them, in its header, the structure as JSON: classes and functions by name,
    roles and families, initial values, solvers, states. It is written whole or not at all: what
    stood under `path` before stays until the new file is complete. Needs the extra `save`.

    **Arguments:**

    - `path`: where to. Customary is the ending `.safetensors`.
    - `model`: a module, or lists, tuples and dictionaries of them. Ensembles and batched states
        are saved as they are.
    - `known`: names for classes and functions of your own, as `{"Mine": Mine}`; those of eqpool,
        diffrax, `equinox.nn`, `jax.nn` and element-wise ones of `jax.numpy` have names.

    **Raises:** `TypeError`, naming the place, for a function or class without a name, and for
    anything else that is no part of a network; `ValueError` for a module that contradicts its
    declaration, as one half of a partition.

    !!! example

        ```python
        eqpool.save("net.safetensors", net)
        net = eqpool.load("net.safetensors")
        ```
    """
    safetensors = extra("safetensors.numpy", "save")
    structure, arrays = encode(model, Names(known))
    try:
        check(model)
    except ValueError as error:
        raise ValueError(f"eqpool.save: {error} Such a model could not be loaded.") from None
    entry = {"version": VERSION, "written by": version("eqpool"), "structure": structure}
    # A single entry: safetensors writes several in any order, and equal networks shall make equal
    # files.
    metadata = {ENTRY: json.dumps(entry, allow_nan=False)}
    target = pathlib.Path(path)
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        safetensors.save_file(arrays, draft, metadata)
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def load(path: str | os.PathLike[str], *, known: Mapping[str, Any] | None = None) -> Any:
    """Reads a network that [`eqpool.save`][] wrote, to the bit.

    Safe on files from anywhere: a file can name what has a name at `save`, and what you hand over,
    and nothing else; nothing is imported or unpickled, and every value is checked against what its
    class declares. Needs the extra `save`.

    **Arguments:**

    - `path`: the file.
    - `known`: the classes and functions of your own that the file may name, as given to `save`.

    **Raises:** `ValueError` that says what is wrong, for a file that is truncated, foreign, of a
    newer format, or that contradicts itself, and for double precision without
    `jax_enable_x64`; `FileNotFoundError` if there is none.
    """
    text, arrays = _read(os.fspath(path))
    names = Names(known)
    try:
        structure = _structure_of(json.loads(text))
        _check_precision(arrays)
        model = decode(structure, arrays, names)
        check(model)
    except RecursionError:
        raise ValueError(f"{path}: damaged or made by hand: it is nested without end.") from None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ValueError(f"{path}: cannot be loaded: {error}") from None
    return model


def _read(path: str) -> tuple[str, dict[str, np.ndarray]]:
    safetensors = extra("safetensors", "save")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if ENTRY not in metadata:
                raise ValueError(
                    f"{path}: holds arrays, but no network: it was not written by eqpool.save."
                )
            return metadata[ENTRY], {name: file.get_tensor(name) for name in file.keys()}
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"{path}: is no file of eqpool.save, or has been cut short ({error})."
        ) from None


def _structure_of(entry: Any) -> Any:
    match entry:
        case {"version": int(number), "written by": str(writer), "structure": structure}:
            if number > VERSION:
                raise ValueError(
                    f"its format has version {number}, and this eqpool ({version('eqpool')}) reads "
                    f"up to {VERSION}; it was written by eqpool {writer}. Upgrade eqpool."
                )
            return structure
    raise ValueError("its entry in the header has another form.")


def _check_precision(arrays: Mapping[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        if array.dtype.itemsize == 8 and not jax.config.jax_enable_x64:  # pyright: ignore
            raise ValueError(
                f"{name!r} is {array.dtype}; switch double precision on first, "
                "`jax.config.update('jax_enable_x64', True)`."
            )
