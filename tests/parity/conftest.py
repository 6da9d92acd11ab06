import numpy as np
import pytest


@pytest.fixture(autouse=True)
def rockpool_draws_the_same():
    """Rockpool draws weights and keys from NumPy's global state."""
    state = np.random.get_state()
    np.random.seed(0)
    yield
    np.random.set_state(state)
