"""What computes a network, and why nothing faster does."""

import contextlib
import contextvars
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
from jaxtyping import ArrayLike

from ._errors import current


class Explanation(NamedTuple):
    """What runs one layer of neurons, or one `Linear`.

    **Attributes:**

    - `place`: which layer, as `Sequential.1_LIFJax`.
    - `kernel`: whether a kernel in C++ runs it.
    - `reason`: in words: what runs, and if it is no kernel, why.
    """

    place: str
    kernel: bool
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


class Explanations(tuple[Explanation, ...]):
    """One [`eqpool.Explanation`][] for each layer, in the order of the run; prints as lines."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "No layer of neurons on a grid, and no `Linear`."


def explain(net: Any, input_data: ArrayLike) -> Explanations:
    """What would compute a run of a network: kernels in C++, or scans, and why not kernels.

    Nothing is computed, but kernels that are missing are compiled.

    !!! example

        ```python
        net = eqpool.LIF(4, rng_key=0)
        print(eqpool.explain(net, jnp.ones((10, 4))))
        ```

    **Arguments:**

    - `net`: a module.
    - `input_data`: as `evolve` takes it; of its values none matters.

    **Returns:** a tuple with an entry for each layer of neurons and each `Linear`.

    **Raises:** what `net(input_data)` raises while it is traced.
    """
    with _asking() as found:
        eqx.filter_eval_shape(lambda net, x: net(x), net, jax.numpy.asarray(input_data))
    return Explanations(found)


_found: contextvars.ContextVar[tuple[int, list[Explanation]] | None] = contextvars.ContextVar(
    "explanations", default=None
)
_count = itertools.count()


@contextlib.contextmanager
def _asking() -> Iterator[list[Explanation]]:
    found: list[Explanation] = []
    token = _found.set((next(_count), found))
    try:
        yield found
    finally:
        _found.reset(token)


def asked() -> int | None:
    """Which explanation is being written, if any: a run that was traced before says nothing."""
    found = _found.get()
    return None if found is None else found[0]


def tell(kernel: bool, reason: str) -> None:
    """Says what computes the layer that is running."""
    found, running = _found.get(), current()
    if found is not None:
        entry = Explanation("" if running is None else running.place, kernel, reason)
        # A layer that is traced twice is told once.
        if entry not in found[1]:
            found[1].append(entry)
