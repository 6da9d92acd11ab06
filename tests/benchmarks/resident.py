"""Peak resident memory of one gradient, in a process of its own.

python -m tests.benchmarks.resident 'RateJax, ReLU' 64 1000 1 eqpool gradient   # prints bytes
"""

import pathlib
import re
import subprocess
import sys

import jax

from .measure import compiled, Effort
from .models import Case, Model, MODELS
from .peers import LeftOut


STATUS, _RESET = pathlib.Path("/proc/self/status"), pathlib.Path("/proc/self/clear_refs")


def peak_growth(name: str, case: Case, peer: str, what: str = "gradient") -> int | None:
    """Bytes by which a process grows at most during one gradient.

    `None` off Linux, and for a peer that is left out.
    """
    if not _RESET.exists():
        return None
    command = [sys.executable, "-m", "tests.benchmarks.resident", name, *map(str, case), peer, what]
    root = pathlib.Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    printed = done.stdout.splitlines()[-1]
    return int(printed) if printed.isdigit() else None


def _measure(model: Model, case: Case, peer: str, what: str) -> int:
    x = jax.block_until_ready(model.inputs(case))
    made = compiled(peer, model, case, what, x, Effort(compilations=1))
    _RESET.write_text("5")  # the peak starts from here
    before = status("VmRSS")
    jax.block_until_ready(made.call())
    return status("VmHWM") - before


def status(name: str) -> int:
    """Bytes of an entry in the status that Linux gives of this process."""
    found = re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text())
    assert found is not None, f"no {name} in {STATUS}"
    return 1024 * int(found[1])


if __name__ == "__main__":
    name, *size, peer, what = sys.argv[1:]
    try:
        print(_measure(MODELS[name], Case(*map(int, size)), peer, what))
    except LeftOut as reason:
        print(reason)
