"""Random keys: where a fresh seed is drawn, keys of any implementation, splitting by name.

A module holds its key as raw data of Threefry, JAX's default implementation, whatever
implementation the user has chosen. Only Threefry draws for an element of a batch what it draws
for that element alone, and raw data says nothing of its implementation, so that every use names
it.
"""

import operator
import secrets
import zlib
from collections.abc import Iterable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray, UInt32

from ._errors import describe, is_concrete
from ._types import Key


_IMPLEMENTATION = "threefry2x32"
# By number of words: a module of a user's own may hold a key of another kind.
_BY_WIDTH = {2: _IMPLEMENTATION, 4: "rbg"}


def as_key(rng_key: Any) -> Key:
    """A raw key of Threefry from what a user hands over.

    **Arguments:**

    - `rng_key`: a key of `jax.random.key` or `jax.random.PRNGKey`, of any implementation; an
        integer seed; or `None` for a fresh seed of the operating system. Keys of `rbg` that come
        from equal seeds by equal splits give equal keys.

    **Raises:** `TypeError` for anything else, `ValueError` for a seed of more than 64 bits.
    """
    if rng_key is None:
        rng_key = secrets.randbits(32)
    keys = as_raw_keys(rng_key)
    if keys is not None and keys.shape == (2,):
        return keys
    try:
        return jax.random.key_data(jax.random.key(_seed(rng_key), impl=_IMPLEMENTATION))
    except OverflowError:
        raise ValueError(
            f"rng_key: a seed must be an integer from -2**63 to 2**63 - 1; got {describe(rng_key)}."
        ) from None
    except TypeError:
        got = rng_key if keys is None else keys
        raise TypeError(
            "rng_key must be a key from `jax.random.key(seed)`, an integer seed or None; got "
            f"{describe(got)}."
        ) from None


def as_raw_keys(keys: Any) -> UInt32[Array, "*batch 2"] | None:
    """Raw keys of Threefry from keys of any implementation, or `None` for anything else.

    **Arguments:**

    - `keys`: typed keys, or raw ones of shape `(..., 2)` or `(..., 4)`.
    """
    dtype = getattr(keys, "dtype", None)
    if is_typed(keys):
        words = jax.random.key_data(keys)
        words = words.reshape(*keys.shape, -1)
    elif dtype == jnp.uint32 and np.shape(keys)[-1:] in ((2,), (4,)):
        # A copy: `asarray` may share memory with a NumPy array that its owner changes.
        words = keys if isinstance(keys, jax.Array) else jnp.array(keys, copy=True)
    else:
        return None
    if words.shape[-1] % 2:
        words = jnp.concatenate([words, jnp.zeros_like(words[..., :1])], -1)
    first, *more = jnp.split(words, words.shape[-1] // 2, -1)
    for pair in more:
        first = _mixed(first, pair)
    return first


def is_typed(key: Any) -> bool:
    """Whether this is an array of keys of `jax.random.key`."""
    return isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)


def as_typed(key: UInt32[Array, " words"]) -> PRNGKeyArray:
    """The key that `jax.random` draws with, from raw data."""
    return jax.random.wrap_key_data(key, impl=_BY_WIDTH.get(key.shape[-1]))


def split_raw(key: UInt32[Array, " words"], number: Any) -> UInt32[Array, "... words"]:
    """Raw keys, as many as asked for, from one."""
    return jax.random.key_data(jax.random.split(as_typed(key), number))


def keys_by_name(key: Key, names: Iterable[str]) -> dict[str, PRNGKeyArray]:
    """A typed key for each name; adding a name leaves the keys of the others as they are."""
    typed = as_typed(key)
    return {name: jax.random.fold_in(typed, zlib.crc32(name.encode())) for name in names}


def random_key(shape: tuple[int, ...], key: PRNGKeyArray) -> PRNGKeyArray:
    """The initialiser of a state that is itself a key."""
    del shape
    return key


def _seed(value: Any) -> Any:
    """`value` if it is an integer, traced or not."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError
    if not is_concrete(value):
        if value.shape or not jnp.issubdtype(value.dtype, jnp.integer):
            raise TypeError
        return value
    return operator.index(value)


@partial(jnp.vectorize, signature="(k),(k)->(k)")
def _mixed(first: Array, more: Array) -> Array:
    """One key from two; from equal ones, which `rbg` makes of a seed, that key."""
    key = as_typed(first)
    for word in more:
        key = jax.random.fold_in(key, word)
    return jnp.where(jnp.all(first == more), first, jax.random.key_data(key))
