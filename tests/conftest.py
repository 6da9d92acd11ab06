import gc

import jax
import pytest

from tests import compiling


# JAX makes many objects that stay; looking through them took a sixth of the tests' time.
gc.set_threshold(100_000, 50, 50)

# Folders and files whose tests ask what a program is, or how large its result, not for its bits
# or its speed: the compiler need not optimise.
UNOPTIMISED = {"attribute", "filters", "graph", "idioms", "io", "native", "plot", "solver"}
UNOPTIMISED |= {"sparse", "studies", "timed", "training"}
UNOPTIMISED |= {
    f"{folder}/test_{name}"
    for folder, names in {
        "combinators": "names places stacks",
        "dynapsim": "contract mismatch physics physics_transforms solvers specification surrogates",
        "event_driven": "adex exact gradients interface",
        "models": "adex instant_linear lif rate rate_golden readouts",
        "module": "checkpoint contract custom debug dtypes rasters rockpool_names show traces"
        " transforms",
        "neuron": "rates",
        "robustness": "currents default_weights shapes",
        "tests": "docs events keys scan settings",
    }.items()
    for name in names.split()
}

compiling.install()
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
    """Compiles fast where speed and bits of the result do not matter; once for all of a folder."""
    folder, file = request.path.parent.name, request.path.stem
    compiling.switch(not UNOPTIMISED.isdisjoint({folder, f"{folder}/{file}"}), folder)


@pytest.fixture
def code_of_users():
    """For a test of bits among others: compiled as by default."""
    with compiling.code_of_users():
        yield


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
