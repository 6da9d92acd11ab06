import gc
import os
import tempfile

import jax
import pytest

from tests import compiling


# JAX makes many objects that stay; looking through them took a sixth of the tests' time.
gc.set_threshold(100_000, 50, 50)

# Folders and files whose tests ask for the code that users get. The others ask what a program is,
# or how large its result, not for its bits or its speed: the compiler need not optimise.
OPTIMISED = {"oracles", "models/test_activations", "neuron/test_contract"}

compiling.install()
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
# A GPU rounds the factors of a product to TF32 unless told not to.
jax.config.update("jax_default_matmul_precision", "highest")


def pytest_configure(config):
    """Processes share what they compile, in a folder that goes when the run ends."""
    if hasattr(config, "workerinput") or "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    folder = tempfile.TemporaryDirectory(prefix="eqpool-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = folder.name
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def pytest_collection_modifyitems(config, items):
    """Leaves out what hands over other types than annotated, where annotations are checked.

    Tests of bits are the last of each file: what is compiled otherwise is forgotten once.
    """
    files = {path: i for i, path in enumerate(dict.fromkeys(item.path for item in items))}
    items.sort(key=lambda item: (files[item.path], "code_of_users" in item.fixturenames))
    if config.getoption("jaxtyping_packages"):
        left_out = [item for item in items if item.get_closest_marker("untyped")]
        items[:] = [item for item in items if not item.get_closest_marker("untyped")]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="module", autouse=True)
def chosen_compilation(request):
    """Whether to compile fast: where speed and bits of the result do not matter; and the folder."""
    folder, file = request.path.parent.name, request.path.stem
    chosen = OPTIMISED.isdisjoint({folder, f"{folder}/{file}"}), folder
    compiling.switch(*chosen)
    return chosen


@pytest.fixture(autouse=True)
def compilation(request, chosen_compilation):
    """As the file has chosen; tests of bits in a row share what they compile."""
    fast, folder = chosen_compilation
    compiling.switch(fast and "code_of_users" not in request.fixturenames, folder)


@pytest.fixture
def code_of_users():
    """For a test of bits among others: compiled as by default."""


@pytest.fixture
def getkey():
    """A fresh key at each call; the same ones in every run."""
    keys = iter(jax.random.split(jax.random.key(20), 1000))
    return lambda: next(keys)


@pytest.fixture
def x64():
    """Double precision for one test."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def promotion():
    """Standard dtype promotion, for what is not ours: optax mixes integers and floats."""
    with jax.numpy_dtype_promotion("standard"):
        yield
