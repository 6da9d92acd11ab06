"""What the numbers were measured on."""

import importlib.metadata
import os
import pathlib
import platform
import subprocess
import time
from typing import Any

import jax

from .peers import COMPILE


def machine() -> dict[str, Any]:
    """Processor, devices, versions."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "time": time.strftime("%Y-%m-%d %H:%M %z"),
        "revision": _revision(),
        "processor": _processor(),
        "cores": usable,
        "load_before": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "devices": [f"{device.platform}: {device.device_kind}" for device in jax.devices()],
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "c_compiler": _first_line("gcc", "--version"),
        "c_flags": " ".join(COMPILE[1:]),
    }


_PACKAGES = (
    "eqpool",
    "jax",
    "jaxlib",
    "equinox",
    "diffrax",
    "optax",
    "numpy",
    "rockpool",
    "jaxpike",
    "brian2",
)


def _processor() -> str:
    info = pathlib.Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _revision() -> str | None:
    revision = _first_line("git", "rev-parse", "--short", "HEAD")
    changed = revision and _first_line("git", "status", "--porcelain")
    return f"{revision} with changes" if changed else revision


def _first_line(*command: str) -> str | None:
    folder = pathlib.Path(__file__).parent
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return (done.stdout.splitlines() or [None])[0] if done.returncode == 0 else None
