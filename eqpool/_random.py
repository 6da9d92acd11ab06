"""Random keys: the only place where a fresh seed is drawn, and splitting by name."""

import operator
import secrets
import zlib
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ._errors import describe
from ._types import Key


def as_key(rng_key: Any) -> Array:
    """A raw key `uint32[2]` from what a user hands over.

    **Arguments:**

    - `rng_key`: a key of `jax.random.key`, a raw key of `jax.random.PRNGKey`, an integer
        seed, or `None` for a fresh seed of the operating system.

    **Raises:** `TypeError` for anything else.
    """
    if rng_key is None:
        rng_key = secrets.randbits(32)
    if isinstance(rng_key, jax.Array) and jnp.issubdtype(rng_key.dtype, jax.dtypes.prng_key):
        rng_key = jax.random.key_data(rng_key)
    if hasattr(rng_key, "shape") and rng_key.shape == (2,) and rng_key.dtype == jnp.uint32:
        return jnp.asarray(rng_key)
    try:
        return jax.random.key_data(jax.random.key(operator.index(rng_key)))
    except TypeError:
        raise TypeError(
            "rng_key must be a key from `jax.random.key(seed)`, an integer seed or None; got "
            f"{describe(rng_key)}."
        ) from None


def keys_by_name(key: Key, names: Iterable[str]) -> dict[str, Array]:
    """One key for each name; adding a name leaves the keys of the others as they are."""
    return {name: jax.random.fold_in(key, zlib.crc32(name.encode())) for name in names}


def random_key(shape: tuple[int, ...], key: Key) -> Array:
    """The initialiser of a state that is itself a key."""
    del shape
    return key
