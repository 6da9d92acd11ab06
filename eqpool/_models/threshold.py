"""`Threshold`: a step as the function of an `Instant`."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Threshold(eqx.Module):
    """1 above a threshold, else 0, and NaN of NaN; its derivative is zero.

    !!! example

        ```python
        mod = eqpool.Instant(3, eqpool.Threshold([0.1, 0.2, 0.3]))
        ```
    """

    threshold: Float[Array, "*N"]

    def __init__(self, threshold: Any = 0.0):
        """**Arguments:**

        - `threshold`: scalar or `(N,)`. Default 0.
        """
        self.threshold = jnp.asarray(threshold, jnp.result_type(float))

    def __call__(self, x: Float[Array, "*T N"]) -> Float[Array, "*T N"]:
        """`x > threshold`, as 0 and 1."""
        above = (x > jnp.broadcast_to(self.threshold, x.shape)).astype(x.dtype)
        return jnp.where(jnp.isnan(x), jax.lax.stop_gradient(x), above)
