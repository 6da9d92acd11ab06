"""Compiles the kernels by the C++ compiler of this machine."""

import functools
import hashlib
import os
import pathlib
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence

import jax


SOURCES = pathlib.Path(__file__).parent
HANDLERS = {
    "rate": ("eqpool_rate_forward", "eqpool_rate_transposed"),
    "neuron": ("eqpool_neuron_forward", "eqpool_neuron_transposed"),
    "product": ("eqpool_product_forward", "eqpool_product_transposed"),
}
REAL = {"float32": "float", "float64": "double"}
# Fast, and still right about NaN, infinity and the order of operations, but for sums in loops
# that say so.
FLAGS = "-std=c++20 -O3 -march=native -fopenmp-simd -fno-math-errno -fno-trapping-math -fPIC"
# GCC would make choices between flags, which it cannot vectorise.
STEP_FLAGS = "-fno-tree-pre"


class Unavailable(Exception):
    """Why a kernel cannot be had, in sentences that a user reads once for each `cause`."""

    def __init__(self, cause: str, message: str):
        super().__init__(message)
        self.cause = cause


def target(handler: str, dtype: str) -> str:
    """The name under which XLA knows a handler."""
    return f"{handler}_{dtype}"


def find_compiler() -> tuple[str, ...] | None:
    """The compiler and its arguments: `$CXX`, or the first that there is, or `None`.

    **Raises:** `Unavailable` if `$CXX` cannot be found.
    """
    chosen = os.environ.get("CXX", "").strip()
    if not chosen:
        found = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
        return (found,) if found else None
    try:
        # As it is first: the path itself may have spaces.
        words = [chosen] if shutil.which(chosen) else shlex.split(chosen)
        path = shutil.which(words[0]) if words else None
    except ValueError:  # a quotation mark without its partner
        words, path = [], None
    if path is None:
        raise Unavailable(
            "CXX",
            f"CXX={chosen!r} is no compiler that can be found; the slower code of XLA runs instead "
            "of kernels. Set CXX to a C++ compiler, or unset it for c++, g++ or clang++.",
        )
    return (path, *words[1:])


def file_name(compiler: Sequence[str], kernel: str, dtype: str, code: str = "") -> str:
    """The name of a compiled kernel, which tells all that decides what is compiled.

    A cache may be shared by machines of different kinds. `code` is as of `compiled`.
    """
    parts = [
        *_command(compiler, dtype),
        STEP_FLAGS,
        jax.__version__,
        _processor(),
        _version(compiler),
    ]
    digest = hashlib.sha256("\0".join(parts).encode(errors="surrogateescape"))
    digest.update(_sources("" if code else f"{kernel}.cc") + code.encode())
    return f"{kernel}-{dtype}-{digest.hexdigest()[:20]}.so"


@functools.cache
def _sources(name: str) -> bytes:
    files = [SOURCES / name] if name else []
    return b"".join(file.read_bytes() for file in (*files, *sorted(SOURCES.glob("*.h"))))


def compiled(compiler: Sequence[str], kernel: str, dtype: str, code: str = "") -> bytes:
    """The library of a kernel; of other `code` than that of its file, if given.

    **Raises:** `OSError` or `subprocess.SubprocessError`.
    """
    command = [*_command(compiler, dtype), "-isystem", jax.ffi.include_dir()]
    # Not in the cache: what a killed run leaves is then for the system to remove.
    with tempfile.TemporaryDirectory(prefix="eqpool-", ignore_cleanup_errors=True) as folder:
        library, source = pathlib.Path(folder) / "kernel.so", SOURCES / f"{kernel}.cc"
        if code:
            source = pathlib.Path(folder) / "kernel.cc"
            source.write_text(code)
            command += ["-iquote", str(SOURCES), *STEP_FLAGS.split()]
        _run([*command, str(source), "-o", str(library)], timeout=300, check=True)
        return library.read_bytes()


def _command(compiler: Sequence[str], dtype: str) -> list[str]:
    return [*compiler, *FLAGS.split(), f"-DEQPOOL_REAL={REAL[dtype]}", "-shared"]


def _version(compiler: Sequence[str]) -> str:
    return _said(tuple(compiler))


@functools.cache
def _said(compiler: tuple[str, ...]) -> str:
    return _run([*compiler, "--version"], timeout=60).stdout


def _run(command: list[str], timeout: float, check: bool = False) -> subprocess.CompletedProcess:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
        check=check,
    )


# Of a core or a moment, and no property of the processor.
_VOLATILE = {
    "apicid", "bogomips", "clock", "core id", "cpu cores", "cpu mhz", "cpu mhz dynamic", "hart",
    "initial apicid", "physical id", "processor", "siblings", "timebase",
}  # fmt: skip


@functools.cache
def _processor() -> str:
    """What `-march=native` looks at, as far as the system tells: all kinds of its cores."""
    parts = {platform.machine(), platform.processor()}
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    parts.update(x for x in lines if x.partition(":")[0].strip().lower() not in _VOLATILE)
    return "\n".join(sorted(parts))
