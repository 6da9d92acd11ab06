"""What `import eqpool` brings in: what its dependencies do, and no extra."""

import subprocess
import sys

import pytest


CODE = """
import sys
import diffrax, equinox, jaxtyping, optax

before = {name.partition(".")[0] for name in sys.modules}
import eqpool
{also}
print(*({name.partition(".")[0] for name in sys.modules} - before))
"""
EXTRAS = {
    "aeon", "matplotlib", "networkx", "nir", "numba", "orbax", "pandas", "pynapple", "rockpool",
    "safetensors", "sklearn", "tqdm", "xarray",
}  # fmt: skip


def imported(also=""):
    code = CODE.replace("{also}", also)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_eqpool_imports_no_extra():
    names = imported()
    assert "eqpool" in names
    assert not names & EXTRAS
    # Nor anything else that takes time.
    assert names - set(sys.stdlib_module_names) == {"eqpool"}


def test_extras_are_imported_when_they_are_used():
    pytest.importorskip("networkx")
    assert "networkx" in imported("eqpool.Linear((2, 2)).as_graph()")
