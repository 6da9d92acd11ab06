"""What NEST and Brian2 need around them."""

import warnings

import pytest


@pytest.fixture(scope="session")
def imported_nest():
    return pytest.importorskip("nest")


@pytest.fixture
def nest(imported_nest):
    """NEST with an empty kernel."""
    imported_nest.verbosity = imported_nest.VerbosityLevel.ERROR
    imported_nest.ResetKernel()
    return imported_nest


@pytest.fixture(scope="session")
def imported_brian():
    # It uses names of pyparsing that are about to go.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        brian = pytest.importorskip("brian2")
    # Without a compiler.
    brian.prefs.codegen.target = "numpy"
    return brian


@pytest.fixture
def brian(imported_brian):
    """Brian2 with no objects left from before."""
    imported_brian.start_scope()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield imported_brian
