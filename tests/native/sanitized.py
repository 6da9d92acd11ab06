"""Runs the tests of the kernels under AddressSanitizer: `python -m tests.native.sanitized`.

Further arguments go to pytest. Kernels are compiled into a folder of their own, with red zones
around every buffer; a read or write beyond an end ends the run with a report. Needs GCC.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from typing import Any

from eqpool import _native


# At -O3 a kernel takes more than a minute to compile with its checks.
FLAGS = "-fsanitize=address -fno-omit-frame-pointer -g -O1"


def pytest_configure(config: Any) -> None:
    """What pytest calls of this file as its plugin, before a kernel is compiled."""
    del config
    _native.build.FLAGS += f" {FLAGS}"


def runtime(compiler: str, name: str) -> str:
    """Where the compiler has a library."""
    command = [compiler, f"-print-file-name={name}"]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    if not os.path.isabs(found):
        raise SystemExit(f"{compiler} has no {name}.")
    return found


def main(arguments: list[str]) -> int:
    """Runs pytest in a process that has the sanitizer from its start."""
    compiler = shutil.which("g++")
    if compiler is None:
        raise SystemExit("The sanitizer needs g++.")
    # The standard library as well: the sanitizer must see it before it is asked to throw.
    preload = ":".join(runtime(compiler, name) for name in ("libasan.so", "libstdc++.so"))
    with tempfile.TemporaryDirectory() as cache:
        settings = dict(
            ASAN_OPTIONS="detect_leaks=0", CXX=compiler, EQPOOL_CACHE_DIR=cache, LD_PRELOAD=preload
        )
        plugin = ("-p", "tests.native.sanitized", "-p", "no:cacheprovider", "-n", "0")
        tests = arguments or ["tests/native"]
        command = [sys.executable, "-m", "pytest", *plugin, *tests]
        code = subprocess.run(command, env=os.environ | settings).returncode
        kernels = list(pathlib.Path(cache).glob("**/*.so"))
        if not kernels or any(b"__asan_" not in kernel.read_bytes() for kernel in kernels):
            raise SystemExit("No kernel was compiled with the sanitizer.")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
