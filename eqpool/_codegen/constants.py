"""What a step needs of all that does not change over the steps."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal
from jaxtyping import Array, Float

from .emit import kind_of, literal, number
from .flat import Split
from .lanes import Lanes, rows, uniform, Unsupported
from .statements import Statements


class Constants:
    """The numbers between both parts of a function: rows over neurons, scalars, and literals."""

    def __init__(self, split: Split, neurons: int, dtype: Any):
        self.split, self.neurons, self.dtype = split, neurons, dtype
        self._shapes = {x: split.flat.shapes[x].shape for x in split.between}
        self._rows: list[int] = []
        self._scalars: list[int] = []
        self._literals: dict[int, Lanes] = {}
        for x, shape in self._shapes.items():
            source = split.uniform.get(x)
            if x in split.flat.constants:
                self._literals[x] = number(np.asarray(split.flat.constants[x]))
            elif isinstance(source, Literal):
                value = literal(source)
                self._literals[x] = uniform(shape, str(value.items.reshape(-1)[0]), value.kind)
            elif source is not None or neurons not in shape or neurons == 1:
                self._scalars.append(x)
            elif shape.count(neurons) == 1:
                self._rows.append(x)
            else:
                raise Unsupported("as many neurons as other numbers of a parameter")

    @property
    def rows(self) -> int:
        """How many rows `packed` has."""
        return sum(self._rows_of(x) for x in self._rows)

    @property
    def scalars(self) -> int:
        """How many scalars `packed` has."""
        return sum(self._count(x) for x in self._scalars)

    def _count(self, x: int) -> int:
        return 1 if x in self.split.uniform else int(np.prod(self._shapes[x], dtype=int))

    def _rows_of(self, x: int) -> int:
        """How many rows over neurons a number has, or its cotangents."""
        size = int(np.prod(self._shapes[x], dtype=int))
        return size // self.neurons if self._axis(x) is not None else size

    def _axis(self, x: int) -> int | None:
        shape = self._shapes[x]
        return shape.index(self.neurons) if self.neurons in shape else None

    def loaded(self, to: Statements) -> dict[int, Lanes]:
        """The numbers as a loop reads them from rows `c` and scalars `u`."""
        found, row, scalar = dict(self._literals), 0, 0
        for x in self._rows:
            kind, count = kind_of(self.split.flat.shapes[x].dtype), self._rows_of(x)
            names = [_loaded(to, kind, f"c[{row + i} * n + i]") for i in range(count)]
            found[x] = rows(self._shapes[x], self._axis(x), names, kind)
            row += count
        for x in self._scalars:
            kind, count = kind_of(self.split.flat.shapes[x].dtype), self._count(x)
            names = [_loaded(to, kind, f"u[{scalar + i}]") for i in range(count)]
            same = x in self.split.uniform
            shape = self._shapes[x]
            found[x] = uniform(shape, names[0], kind) if same else rows(shape, None, names, kind)
            scalar += count
        return found

    def packed(self, known: dict[int, Array]) -> tuple[Float[Array, "C N"], Float[Array, "1 U"]]:
        """The rows and scalars that a program takes, of known values."""
        lines = [jnp.zeros((0, self.neurons), self.dtype)]
        for x in self._rows:
            ahead = jnp.moveaxis(known[x].astype(self.dtype), self._axis(x) or 0, -1)
            lines.append(ahead.reshape(-1, self.neurons))
        single = [jnp.zeros((0,), self.dtype)]
        for x in self._scalars:
            source = self.split.uniform.get(x, x)
            single.append(known[source].astype(self.dtype).reshape(-1))
        return jnp.concatenate(lines), jnp.concatenate(single)[None]

    # Of some of them, the cotangents

    def wanted(self, varied: Sequence[bool]) -> list[int]:
        """The numbers that depend on those leaves that vary."""
        which = {i for i, varies in enumerate(varied) if varies}
        split = self.split
        return [
            x
            for x in split.between
            if which & split.depends[x] and jnp.issubdtype(split.flat.shapes[x].dtype, jnp.inexact)
        ]

    def count(self, wanted: Sequence[int]) -> int:
        """How many rows the cotangents of these have."""
        return sum(self._rows_of(x) for x in wanted)

    def as_rows(self, x: int, bar: Lanes) -> Lanes:
        """A cotangent with an axis over neurons, if its number has one."""
        axis = self._axis(x) if bar.axis is None else bar.axis
        return bar._replace(axis=axis, shape=self._shapes[x])

    def unpacked(self, wanted: Sequence[int], bars: Float[Array, "W N"]) -> list[Array]:
        """Cotangents of these, from their rows."""
        found, row = [], 0
        for x in wanted:
            shape, axis, count = self._shapes[x], self._axis(x), self._rows_of(x)
            lines = bars[row : row + count]
            row += count
            if axis is None:
                bar = lines.sum(-1).reshape(shape)
            else:
                others = [n for a, n in enumerate(shape) if a != axis]
                bar = jnp.moveaxis(lines.reshape(*others, self.neurons), -1, axis)
            found.append(bar.astype(self.split.flat.shapes[x].dtype))
        return found


def _loaded(to: Statements, kind: str, text: str) -> str:
    return to.load(kind, text + (" != 0" if kind == "flag" else ""), fixed=True)
