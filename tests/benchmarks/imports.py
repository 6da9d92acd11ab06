"""How long `import eqpool` takes, against what it stands on."""

import os
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

from .measure import quartiles


OURS, THEIRS = "import eqpool", "import equinox, diffrax, optax"


def import_times(runs: int) -> dict[str, Any]:
    """Seconds in fresh interpreters, in turn, with bytecode as after a first import."""
    times: dict[str, list[float]] = {THEIRS: [], OURS: []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs + 1):
            for statement, values in times.items():
                values.append(_seconds(statement, folder))
    for values in times.values():
        del values[0]  # wrote the bytecode
    ratio = np.asarray(times[OURS]) / np.asarray(times[THEIRS])
    seconds = {statement: quartiles(values) for statement, values in times.items()}
    return {"runs": runs, "s": seconds, "ratio": quartiles(ratio)}


def _seconds(statement: str, bytecode: str) -> float:
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    environment = os.environ | {"PYTHONPYCACHEPREFIX": bytecode}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)
