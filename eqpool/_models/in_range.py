"""Input that a run can add up and multiply."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def in_range(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """`x`, and NaN where it is infinite or beyond 1.2e30 (2e232 in float64).

    Sums and products of such input leave the range of floating point, one sooner than the other
    with the order of operations, which is not the same in kernel and scan.
    """
    huge = jax.lax.stop_gradient(x) * 2.0 ** (jnp.finfo(x.dtype).maxexp // 4 - 4)
    return x + (huge - huge)  # 0, or infinity minus infinity
