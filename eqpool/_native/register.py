"""Hands the kernels to XLA, or says why it cannot."""

import ctypes
import hashlib
import os
import pathlib
import shlex
import subprocess
import tempfile
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax

from .._settings import KERNELS
from . import build, cache
from .build import Unavailable


def ready(kernel: str, dtype: str) -> bool:
    """Whether a kernel can run here, which compiles it if need be."""
    return obstacle(kernel, dtype) is None


def obstacle(kernel: str, dtype: str) -> str | None:
    """Why a kernel cannot run here, or `None`; compiles it if need be."""
    if not KERNELS.on:
        return "kernels are switched off"
    if jax.default_backend() != "cpu":
        return f"the device is a {jax.default_backend()}, and kernels are for CPUs"
    # A kernel is opaque to the partitioner of programs on many devices.
    if jax.device_count() > 1:
        return f"there are {jax.device_count()} devices, and a kernel runs on one"
    if dtype not in build.REAL:
        return f"its numbers are {dtype}, and those of a kernel float32 or float64"
    if not _registered(kernel, dtype):
        return "there is no C++ compiler, or it failed"
    return None


_lock = threading.Lock()
_outcomes: dict[tuple[str, str], bool] = {}
_libraries: dict[tuple[str, str], Any] = {}
_said: set[str] = set()


def add_program(code: str, functions: Sequence[str], sizes: Sequence[int], dtype: str) -> int:
    """Compiles a step, if need be, and makes it known to the kernel `neuron`.

    Returns the number under which that kernel knows it, or 0 where this is not possible.

    **Arguments:**

    - `code`: C++ that defines its functions.
    - `functions`: names of `step`, `prepare`, `keep` and `back`, each of which may be empty.
    - `sizes`: as `eqpool_neuron_add` takes them.
    - `dtype`: of all numbers.
    """
    key = repr((code, tuple(functions), tuple(sizes), dtype))
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:7], "big") + 1

    def add(library: Any) -> None:
        pointers = [ctypes.cast(library[f], ctypes.c_void_p) if f else None for f in functions]
        function = _libraries["neuron", dtype].eqpool_neuron_add
        function.restype = None
        function(ctypes.c_int64(number), *pointers, (ctypes.c_int64 * len(sizes))(*sizes))

    symbols = [function for function in functions if function]
    return number if _added(f"step-{number:x}", dtype, add, "step", symbols, code) else 0


def _registered(kernel: str, dtype: str) -> bool:
    def register(library: Any) -> None:
        for handler in build.HANDLERS[kernel]:
            jax.ffi.register_ffi_target(
                build.target(handler, dtype),
                jax.ffi.pycapsule(getattr(library, handler)),
                platform="cpu",
            )

    return _added(kernel, dtype, register, kernel, build.HANDLERS[kernel])


def _added(
    key: str,
    dtype: str,
    add: Callable[[Any], None],
    kernel: str,
    symbols: Sequence[str],
    code: str = "",
) -> bool:
    """Whether a library is there; else it is compiled and added, or it is said why not."""
    problems: list[Unavailable] = []
    with _lock:  # threads that come together compile once
        if (key, dtype) not in _outcomes:
            try:
                library = _library(kernel, dtype, symbols, code, problems)
                if library is not None:
                    add(library)
                    _libraries[key, dtype] = library
                _outcomes[key, dtype] = library is not None
            except Unavailable as error:
                _outcomes[key, dtype] = False
                problems.append(error)
        problems = [problem for problem in problems if problem.cause not in _said]
        _said.update(problem.cause for problem in problems)
    for problem in problems:
        warnings.warn(
            f"eqpool: {problem} EQPOOL_KERNELS=0 silences this.", RuntimeWarning, stacklevel=2
        )
    return _outcomes[key, dtype]


def _library(
    kernel: str, dtype: str, symbols: Sequence[str], code: str, problems: list[Unavailable]
) -> Any:
    compiler = build.find_compiler()
    if compiler is None:
        return None
    try:
        return _found(compiler, kernel, dtype, symbols, code, problems)
    except (OSError, subprocess.SubprocessError, AttributeError) as error:
        details = getattr(error, "stderr", None) or str(error)
        raise Unavailable(
            f"kernel {kernel}",
            f"the kernel {kernel!r} could not be compiled by {shlex.join(compiler)}; the slower "
            "code of XLA runs instead. Set CXX to a compiler that knows C++20, as GCC 11 or Clang "
            f"14. It said: {details[-1000:].strip()}",
        ) from error


def _found(
    compiler: Sequence[str],
    kernel: str,
    dtype: str,
    symbols: Sequence[str],
    code: str,
    problems: list[Unavailable],
) -> Any:
    """The library of a kernel, from the cache where it is there already."""
    name = build.file_name(compiler, kernel, dtype, code)
    try:
        path = cache.cache_folder() / name
    except RuntimeError as error:
        problems.append(_not_kept(f"{error}"))
        return _opened(build.compiled(compiler, kernel, dtype, code), symbols)
    library = cache.read(path)
    if library is not None:
        try:
            return _opened(library, symbols)
        except (OSError, AttributeError):
            pass  # made anew, as one that is damaged
    library = build.compiled(compiler, kernel, dtype, code)
    opened = _opened(library, symbols)
    try:
        cache.keep(path, library)
        if cache.read(path) is None:
            raise OSError("files in it belong to another user, or others may write to them")
    except OSError as error:
        problems.append(_not_kept(f"{path.parent}: {error}"))
    return opened


def _not_kept(reason: str) -> Unavailable:
    return Unavailable(
        "cache",
        "compiled kernels cannot be kept, so every process spends seconds to compile them anew "
        f"({reason.rstrip('.')}). Set EQPOOL_CACHE_DIR to a folder of yours that can be written.",
    )


def _opened(library: bytes, symbols: Sequence[str]) -> ctypes.CDLL:
    opened = _open(library)
    for symbol in symbols:
        getattr(opened, symbol)
    return opened


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
