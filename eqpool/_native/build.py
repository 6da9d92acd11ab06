"""Compiles the kernels, once for each machine, and hands them to XLA."""

import ctypes
import functools
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile
import warnings

import jax

from .._settings import KERNELS


SOURCES = pathlib.Path(__file__).parent
HANDLERS = {
    "dynapsim": ("eqpool_dynapsim_forward", "eqpool_dynapsim_transposed"),
    "rate": ("eqpool_rate_forward", "eqpool_rate_transposed"),
}
# Fast, and still right about NaN, infinity and the order of operations, but for sums in loops
# that say so.
FLAGS = "-std=c++20 -O3 -march=native -fopenmp-simd -fno-math-errno -fno-trapping-math -fPIC"


def ready(kernel: str, dtype: str) -> bool:
    """Whether a kernel can run here, which compiles it if need be."""
    # A kernel is opaque to the partitioner of programs on many devices.
    if not KERNELS.on or jax.default_backend() != "cpu" or jax.device_count() > 1:
        return False
    return dtype in _REAL and _registered(kernel, dtype)


def target(handler: str, dtype: str) -> str:
    """The name under which XLA knows a handler."""
    return f"{handler}_{dtype}"


_REAL = {"float32": "float", "float64": "double"}


@functools.cache
def _registered(kernel: str, dtype: str) -> bool:
    compiler = _compiler()
    if compiler is None:
        return False
    try:
        library = ctypes.CDLL(str(_library(compiler, kernel, dtype)))
    except (OSError, subprocess.SubprocessError) as error:
        details = getattr(error, "stderr", None) or str(error)
        warnings.warn(
            f"eqpool: the kernel {kernel!r} could not be compiled by {compiler}; the slower "
            f"scan of XLA runs instead. EQPOOL_KERNELS=0 silences this. {details[-1000:]}",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    for handler in HANDLERS[kernel]:
        jax.ffi.register_ffi_target(
            target(handler, dtype), jax.ffi.pycapsule(getattr(library, handler)), platform="cpu"
        )
    return True


def _compiler() -> str | None:
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["c++", "g++", "clang++"]
    return next(filter(None, map(shutil.which, names)), None)


def _library(compiler: str, kernel: str, dtype: str) -> pathlib.Path:
    """The compiled library, from the cache where it is there already."""
    source = SOURCES / f"{kernel}.cc"
    command = [compiler, *FLAGS.split(), f"-DEQPOOL_REAL={_REAL[dtype]}", "-shared"]
    # All that decides what comes out: a cache may be shared by machines of different kinds.
    parts = [*command, jax.__version__, _processor(), _version(compiler)]
    command += ["-isystem", jax.ffi.include_dir(), str(source)]
    content = b"".join(file.read_bytes() for file in (source, *sorted(SOURCES.glob("*.h"))))
    digest = hashlib.sha256("\0".join(parts).encode() + content).hexdigest()[:20]
    library = _cache() / f"{kernel}-{dtype}-{digest}.so"
    if not library.exists():
        library.parent.mkdir(parents=True, exist_ok=True)
        # Under its name only when it is whole: another process may look for it.
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            made = pathlib.Path(folder) / library.name
            subprocess.run(
                [*command, "-o", str(made)], check=True, capture_output=True, text=True, timeout=300
            )
            os.replace(made, library)
    return library


def _cache() -> pathlib.Path:
    chosen = os.environ.get("EQPOOL_CACHE_DIR")
    if chosen:
        return pathlib.Path(chosen)
    parent = os.environ.get("XDG_CACHE_HOME")
    return (pathlib.Path(parent) if parent else pathlib.Path.home() / ".cache") / "eqpool"


def _version(compiler: str) -> str:
    return subprocess.run(
        [compiler, "--version"], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def _processor() -> str:
    """What `-march=native` looks at, as far as the system tells."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return "".join(
            next(x for x in lines if x.startswith(key)) for key in ("model name", "flags")
        )
    except (OSError, StopIteration):
        return platform.processor() + platform.machine()
