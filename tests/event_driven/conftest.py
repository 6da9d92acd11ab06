import jax
import pytest


@pytest.fixture(autouse=True, scope="module")
def forget_what_was_compiled():
    """Each compiled function holds memory maps, of which a process may have some ten thousand."""
    yield
    jax.clear_caches()
