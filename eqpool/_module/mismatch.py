"""Device mismatch: no two transistors of a chip are the same."""

import zlib
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._attribute import permitted_shapes
from .._errors import is_concrete
from .._random import as_key, as_typed
from .tree import map_leaves, Site, tagged_leaves


_M = TypeVar("_M")

FAMILIES = ("currents", "capacitances", "transistor")


def mismatch(
    model: _M,
    rng_key: Any,
    percent_mismatch: Any = 0.3,
    *,
    sigma_rule: float = 3.0,
    family: str | tuple[str, ...] = FAMILIES,
) -> _M:
    r"""The same model on another chip: its device properties multiplied by random factors.

    Each is $1 + \frac{p}{s}\,\mathcal N(0, 1)$, independent for every neuron and field, so that
    nearly all lie within the fraction $p$ (0.3 is 30 %). Factors below 0.01, far out in the tail,
    are raised to 0.01. A pure function: under `jit` and `vmap` it redraws for each key, in a
    training loop for each batch, and gradients flow through to the nominal values.

    **Arguments:**

    - `model`: a module, or any pytree of modules.
    - `rng_key`: a key or an integer seed.
    - `percent_mismatch`: the fraction $p$, in [0, 1]. Default 0.3.
    - `sigma_rule`: how many standard deviations $p$ stands for, $s$. Default 3.
    - `family`: the families that vary, whatever their role. Default: currents,
        capacitances and transistor properties; `"weights"` is what Rockpool's mismatch
        generator varies.

    **Returns:** a new model. Scalars that stand for all neurons become `(N,)`.

    **Raises:** `ValueError` for a `percent_mismatch` outside [0, 1], and for a family that
    nothing has.

    !!! example

        ```python
        chips = eqx.filter_vmap(lambda key: eqpool.mismatch(mod, key, 0.2))(keys)
        ```

    ??? cite

        Pelgrom, Duinmaijer and Welbers 1989,
        [doi:10.1109/JSSC.1989.572629](https://doi.org/10.1109/JSSC.1989.572629).
    """
    if is_concrete(percent_mismatch) and not 0.0 <= percent_mismatch <= 1.0:
        raise ValueError(
            "mismatch: percent_mismatch must be a fraction in [0, 1] (0.3 is 30 %); got "
            f"{percent_mismatch}."
        )
    families = (family,) if isinstance(family, str) else tuple(family)
    existing = {str(entry.field.family) for entry in tagged_leaves(model)}
    for one in families:
        if one not in existing:
            raise ValueError(
                f"mismatch: nothing has the family {one!r}; families here: {sorted(existing)}."
            )
    key = as_typed(as_key(rng_key))

    def vary(site: Site, leaf: Any) -> Any:
        if site.field is None or site.field.family not in families:
            return leaf
        own = jax.random.fold_in(key, zlib.crc32(".".join(site.path).encode()))
        if leaf.ndim == 0 and ("N",) in permitted_shapes(site.field, ""):
            leaf = jnp.broadcast_to(leaf, (site.module.size_out,))
        return leaf * _factor(own, leaf, percent_mismatch / sigma_rule)

    return map_leaves(vary, model)


def _factor(key: Array, like: Array, sigma: Any) -> Array:
    draw = jax.random.normal(key, like.shape, like.dtype)
    return jnp.maximum(1.0 + jnp.asarray(sigma, like.dtype) * draw, 0.01)
