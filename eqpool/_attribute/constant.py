"""`Constant`: this argument is not trainable in this instance."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, eq=False)
class Constant:
    """Makes a parameter a simulation parameter of the one module it is handed to.

    The object inside is kept as it is; nothing is changed or copied. Inside a
    [`eqpool.Parameter`][] it does the same.

    **Arguments:**

    - `data`: the value, as the argument would take it without `Constant`.

    !!! example

        ```python
        mod = eqpool.RateJax(5, tau=Constant(10e-3))
        mod.parameters().keys()             # bias, threshold
        mod.simulation_parameters().keys()  # tau, noise_std, dt
        ```
    """

    data: Any
