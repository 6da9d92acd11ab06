"""Hands the kernels to XLA, or says why it cannot."""

import ctypes
import os
import pathlib
import shlex
import subprocess
import tempfile
import threading
import warnings
from collections.abc import Sequence
from typing import Any

import jax

from .._settings import KERNELS
from . import build, cache
from .build import Unavailable


def ready(kernel: str, dtype: str) -> bool:
    """Whether a kernel can run here, which compiles it if need be."""
    # A kernel is opaque to the partitioner of programs on many devices.
    if not KERNELS.on or jax.default_backend() != "cpu" or jax.device_count() > 1:
        return False
    return dtype in build.REAL and _registered(kernel, dtype)


_lock = threading.Lock()
_outcomes: dict[tuple[str, str], bool] = {}
_said: set[str] = set()


def _registered(kernel: str, dtype: str) -> bool:
    problems: list[Unavailable] = []
    with _lock:  # threads that come together compile once
        if (kernel, dtype) not in _outcomes:
            try:
                _outcomes[kernel, dtype] = _register(kernel, dtype, problems)
            except Unavailable as error:
                _outcomes[kernel, dtype] = False
                problems.append(error)
        problems = [problem for problem in problems if problem.cause not in _said]
        _said.update(problem.cause for problem in problems)
    for problem in problems:
        warnings.warn(
            f"eqpool: {problem} EQPOOL_KERNELS=0 silences this.", RuntimeWarning, stacklevel=2
        )
    return _outcomes[kernel, dtype]


def _register(kernel: str, dtype: str, problems: list[Unavailable]) -> bool:
    compiler = build.find_compiler()
    if compiler is None:
        return False
    try:
        handlers = _handlers(compiler, kernel, dtype, problems)
    except (OSError, subprocess.SubprocessError, AttributeError) as error:
        details = getattr(error, "stderr", None) or str(error)
        raise Unavailable(
            f"kernel {kernel}",
            f"the kernel {kernel!r} could not be compiled by {shlex.join(compiler)}; the slower "
            "scan of XLA runs instead. Set CXX to a compiler that knows C++20, as GCC 11 or Clang "
            f"14. It said: {details[-1000:].strip()}",
        ) from error
    for handler, function in handlers.items():
        jax.ffi.register_ffi_target(
            build.target(handler, dtype), jax.ffi.pycapsule(function), platform="cpu"
        )
    return True


def _handlers(
    compiler: Sequence[str], kernel: str, dtype: str, problems: list[Unavailable]
) -> dict[str, Any]:
    """The functions of a kernel, from the cache where it is there already."""
    name = build.file_name(compiler, kernel, dtype)
    try:
        path = cache.cache_folder() / name
    except RuntimeError as error:
        problems.append(_not_kept(f"{error}"))
        return _opened(build.compiled(compiler, kernel, dtype), kernel)
    library = cache.read(path)
    if library is not None:
        try:
            return _opened(library, kernel)
        except (OSError, AttributeError):
            pass  # made anew, as one that is damaged
    library = build.compiled(compiler, kernel, dtype)
    handlers = _opened(library, kernel)
    try:
        cache.keep(path, library)
        if cache.read(path) is None:
            raise OSError("files in it belong to another user, or others may write to them")
    except OSError as error:
        problems.append(_not_kept(f"{path.parent}: {error}"))
    return handlers


def _not_kept(reason: str) -> Unavailable:
    return Unavailable(
        "cache",
        "compiled kernels cannot be kept, so every process spends seconds to compile them anew "
        f"({reason.rstrip('.')}). Set EQPOOL_CACHE_DIR to a folder of yours that can be written.",
    )


def _opened(library: bytes, kernel: str) -> dict[str, Any]:
    opened = _open(library)
    return {handler: getattr(opened, handler) for handler in build.HANDLERS[kernel]}


def _open(library: bytes) -> ctypes.CDLL:
    """Opens a library from a copy that nobody else can change or cut short."""
    if hasattr(os, "memfd_create"):
        number = -1
        try:
            # Never closed: a library is known by its path, which then would name the next one too.
            number = os.memfd_create("eqpool")
            with open(number, "wb", closefd=False) as file:
                file.write(library)
            return ctypes.CDLL(f"/proc/self/fd/{number}")
        except OSError:  # of kernels and sandboxes that forbid it
            if number >= 0:
                os.close(number)
    with tempfile.TemporaryDirectory(prefix="eqpool-", ignore_cleanup_errors=True) as folder:
        path = pathlib.Path(folder) / "kernel.so"
        path.write_bytes(library)
        return ctypes.CDLL(str(path))
