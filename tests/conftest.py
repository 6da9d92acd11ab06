import gc

import jax
import pytest


# JAX makes many objects that stay; looking through them took a sixth of the tests' time.
gc.set_threshold(100_000, 50, 50)

# Folders whose tests ask what a program is, not how it rounds: the compiler need not optimise.
UNOPTIMISED = {"attribute", "filters", "graph", "idioms", "io", "plot", "timed", "training"}

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
# A GPU rounds the factors of a product to TF32 unless told not to.
jax.config.update("jax_default_matmul_precision", "highest")


def pytest_collection_modifyitems(config, items):
    """Leaves out what hands over other types than annotated, where annotations are checked."""
    if config.getoption("jaxtyping_packages"):
        left_out = [item for item in items if item.get_closest_marker("untyped")]
        items[:] = [item for item in items if not item.get_closest_marker("untyped")]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="module", autouse=True)
def fast_compilation(request):
    """Compiles fast where speed and bits of the result do not matter, in a cache of its own."""
    if request.path.parent.name not in UNOPTIMISED:
        yield
        return
    jax.clear_caches()
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    jax.clear_caches()


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
