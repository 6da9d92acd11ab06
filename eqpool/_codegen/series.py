"""How numbers of each neuron lie in an array."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .lanes import Lanes, names_of, rows, Unsupported


class Series(NamedTuple):
    """An argument or result of a step.

    **Attributes:**

    - `shape`: its shape.
    - `axis`: which axis runs over neurons.
    - `merged`: how many numbers of each neuron lie one after the other along it.
    """

    shape: tuple[int, ...]
    axis: int
    merged: int = 1

    @property
    def per_neuron(self) -> int:
        """How many numbers each neuron has."""
        others = [n for a, n in enumerate(self.shape) if a != self.axis]
        return self.merged * int(np.prod(others, dtype=int))

    def lanes(self, names: Sequence[str]) -> Lanes:
        """It in the loop, under these names."""
        if self.merged == 1:
            return rows(self.shape, self.axis, names, "real")
        items = np.empty(self.merged, object)
        items[:] = names
        return Lanes(self.shape, self.axis, items, "real", merged=True)

    def names(self, x: Lanes) -> list[str]:
        """The expressions of an array that must lie like this.

        **Raises:** `Unsupported` if it does not.
        """
        if x.kind != "real":
            raise Unsupported("a state that is no real number")
        if x.axis not in (None, self.axis):
            raise Unsupported("neurons along another axis after a step")
        if self.merged == 1:
            return names_of(x._replace(axis=self.axis, shape=self.shape))
        return [str(item) for item in np.broadcast_to(x.items.reshape(-1), self.merged)]
