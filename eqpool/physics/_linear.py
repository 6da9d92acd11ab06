"""Products of time series with weight matrices."""

import jax
from jaxtyping import Array, Float

from .._scan import scan_steps


@jax.custom_jvp
def stepwise_product(x: Float[Array, "T N_in"], w: Float[Array, "N_in N"]) -> Float[Array, "T N"]:
    """`x @ w`, computed one time step after another.

    A matrix product over the whole series rounds a row differently for another number of
    rows, so that two halves of a run would not give the bits of one run. Derivatives carry
    no state and use the matrix product.

    **Arguments:**

    - `x`: time series, `(T, N_in)`.
    - `w`: weights, `(N_in, N)`.
    """
    return scan_steps(lambda carry, row: (carry, row @ w), None, x)[1]


@stepwise_product.defjvp
def _jvp(
    primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[Float[Array, "T N"], Float[Array, "T N"]]:
    (x, w), (x_dot, w_dot) = primals, tangents
    return stepwise_product(x, w), x_dot @ w + x @ w_dot
