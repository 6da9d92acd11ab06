"""A step of many neurons, which JAX knows as a function, as C++: forward, and its derivative."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from .constants import Constants
from .emit import emitted, number
from .flat import Flat, flattened, split
from .lanes import Lanes, names_of, Unsupported
from .series import Series
from .statements import Statements, ZERO


class Program(NamedTuple):
    """C++ of a step.

    **Attributes:**

    - `code`: its functions.
    - `kept`: how many numbers of each neuron a step keeps for the way back.
    - `prepared`: how many it computes once for all steps.
    """

    code: str
    kept: int = 0
    prepared: int = 0


class Step:
    """A step of a layer: what does not change over the steps, and the rest as C++.

    **Arguments:**

    - `function`: `function(leaves, state, arriving, recurrent, noise)` returns the new state;
        `leaves` and states are lists, `recurrent` and `noise` may be `None`.
    - `leaves`: shapes and dtypes of what all steps share.
    - `states`, `inputs`, `noise`: how the others lie; `noise` may be `None`.
    - `recurrent`: whether something arrives over recurrent weights, as input does.
    - `dtype`: of all but the leaves.

    **Raises:** `Unsupported` if no C++ can be made of it.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        leaves: Sequence[Any],
        states: Sequence[Series],
        inputs: Series,
        noise: Series | None,
        recurrent: bool,
        dtype: Any,
    ):
        self.states, self.inputs, self.noise, self.dtype = states, inputs, noise, dtype
        self.neurons = states[0].shape[states[0].axis]
        self._recurrent = recurrent
        others = [inputs, *([inputs] if recurrent else []), *([noise] if noise else [])]
        self._varying = [jax.ShapeDtypeStruct(x.shape, dtype) for x in (*states, *others)]
        n, k = len(leaves), len(states)

        def flat(*args: Array) -> list[Array]:
            fixed, state, rest = args[:n], args[n : n + k], list(args[n + k :])
            arriving = rest.pop(0)
            irec = rest.pop(0) if recurrent else None
            return function(fixed, state, arriving, irec, rest.pop() if rest else None)

        shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in leaves]
        self._split = split(flattened(flat, [*shapes, *self._varying]), n)
        self.constants = Constants(self._split, self.neurons, dtype)
        self._backward: dict[Any, Program] = {}

    def known(self, leaves: Sequence[Array]) -> dict[int, Array]:
        """What follows from the leaves alone, by number; by JAX, so that it has derivatives."""
        return self._split.known(leaves)

    def forward(self) -> Program:
        """`step(n, c, u, s, x, r, e, y)`: the state `y` after a step.

        Of each neuron of `n`: `c` what all steps share, `u` what all neurons share too, `s` the
        state, `x` and `r` what arrives from input and recurrent neurons, `e` noise.
        """
        to = Statements()
        out = self._stepped(to)
        return Program(_INCLUDE + _function("eqpool_step", _FORWARD, to, {}, _stores("y", out)))

    def backward(self, wanted: tuple[int, ...], noise: bool) -> Program:
        """`prepare(n, c, u, d)`: what `back` needs of `c` and `u`, once for all steps.

        `keep(..., y, k)`: as `step`, and what it keeps for `back`.

        `back(n, c, u, s, x, r, e, d, k, b, xb, eb, cb)`: cotangents `b` of the state after it
        become those before it; `xb` of what arrived; `eb` of noise, if wanted; those of the
        `wanted` constants are added to `cb`.
        """
        # JAX traces a derivative more than once.
        if (wanted, noise) not in self._backward:
            self._backward[wanted, noise] = self._made_backward(wanted, noise)
        return self._backward[wanted, noise]

    def _made_backward(self, wanted: tuple[int, ...], noise: bool) -> Program:
        to = Statements()
        forward = self._stepped(to)
        primal = set(to.needed(forward, {}))
        state_bars, input_bar, noise_bar, constant_bars = self._pulled(to, wanted)
        noise_bar = noise_bar if noise else []
        stores = _stores("b", state_bars) + _stores("xb", input_bar) + _stores("eb", noise_bar)
        stores += [x for x in _stores("cb", constant_bars, "+=") if x[1] != ZERO]
        # What is dear and does not depend on cotangents is kept.
        needed = to.needed([x for _, x in stores], {})
        dear = [name for name in needed if name in to.dear]
        kept = [name for name in dear if name in primal and not to.is_fixed(name)]
        fixed = [name for name in dear if to.is_fixed(name)]
        given = {name: f"k[{row} * n + i]" for row, name in enumerate(kept)}
        given |= {name: f"d[{row} * n + i]" for row, name in enumerate(fixed)}
        code = [
            _function("eqpool_prepare", _PREPARE, to, {}, _stores("d", fixed)),
            _function("eqpool_keep", _KEEP, to, {}, _stores("y", forward) + _stores("k", kept)),
            _function("eqpool_back", _BACK, to, given, stores),
        ]
        return Program(_INCLUDE + "".join(code), len(kept), len(fixed))

    def _arguments(self, to: Statements) -> list[Lanes]:
        """Constants, state, and what arrives, as `step` reads them."""
        given = [("s", x) for x in self.states] + [("x", self.inputs)]
        given += [("r", self.inputs)] if self._recurrent else []
        given += [("e", self.noise)] if self.noise else []
        constants = self.constants.loaded(to)
        return [constants[x] for x in self._split.between] + _read(to, given)

    def _stepped(self, to: Statements) -> list[str]:
        """The names of the state after a step."""
        parts, count = self._split, len(self._split.between)
        shapes = [parts.flat.shapes[x] for x in parts.between]
        # Functions with derivatives of their own matter on the way back only.
        flat = flattened(
            lambda *args: parts.rest(args[:count], args[count:]),
            [*shapes, *self._varying],
            custom=True,
        )
        if len(flat.operations) > _MOST:
            raise Unsupported(f"{len(flat.operations)} operations, more than {_MOST}")
        out = emitted(flat, _entering(flat, self._arguments(to)), to)
        return _names(out, self.states)

    def _pulled(
        self, to: Statements, wanted: Sequence[int]
    ) -> tuple[list[str], list[str], list[str], list[str]]:
        """The names of the cotangents of state, input, noise and wanted constants."""
        parts, k = self._split, len(self.states)
        between, skipped = parts.between, 1 if self._recurrent else 0
        m = len(between)

        def back(*args: Array) -> list[Array]:
            first, state, rest = args[:m], args[m : m + k], args[m + k :]
            rest, bars = rest[:-k], rest[-k:]
            chosen = [first[between.index(x)] for x in wanted]

            def stepped(chosen: Any, state: Any, arriving: Array, noise: Any) -> list[Array]:
                values = dict(zip(between, first, strict=True))
                values |= dict(zip(wanted, chosen, strict=True))
                others = [*state, arriving, *rest[1 : 1 + skipped], *noise]
                return parts.rest([values[x] for x in between], others)

            _, pull = jax.vjp(stepped, chosen, state, rest[0], rest[1 + skipped :])
            chosen_bar, state_bar, input_bar, noise_bar = pull(list(bars))
            return [*state_bar, input_bar, *noise_bar, *chosen_bar]

        shapes = [parts.flat.shapes[x] for x in between]
        flat = flattened(back, [*shapes, *self._varying, *self._varying[:k]], custom=True)
        arguments = self._arguments(to) + _read(to, [("b", x) for x in self.states])
        to.backwards = True
        out = emitted(flat, _entering(flat, arguments), to, flat.arguments[-k:])
        noise = [self.noise] if self.noise else []
        end = k + 1 + len(noise)
        constant_bars: list[str] = []
        for x, bar in zip(wanted, out[end:], strict=True):
            constant_bars += names_of(self.constants.as_rows(x, bar))
        return (
            _names(out[:k], self.states),
            _names(out[k : k + 1], [self.inputs]),
            _names(out[k + 1 : end], noise),
            constant_bars,
        )


def _read(to: Statements, given: Sequence[tuple[str, Series]]) -> list[Lanes]:
    found, used = [], dict.fromkeys([source for source, _ in given], 0)
    for source, series in given:
        first = used[source]
        used[source] += series.per_neuron
        places = range(first, used[source])
        found.append(series.lanes([to.load("real", f"{source}[{i} * n + i]") for i in places]))
    return found


def _entering(flat: Flat, arguments: Sequence[Lanes]) -> dict[int, Lanes]:
    constants = {x: number(np.asarray(value)) for x, value in flat.constants.items()}
    return dict(zip(flat.arguments, arguments, strict=True)) | constants


def _names(out: Sequence[Lanes], series: Sequence[Series]) -> list[str]:
    return [name for x, like in zip(out, series, strict=True) for name in like.names(x)]


def _stores(target: str, names: Sequence[str], how: str = "=") -> list[tuple[str, str]]:
    return [(f"{target}[{row} * n + i] {how}", name) for row, name in enumerate(names)]


# Of more, compiling takes a minute.
_MOST = 3000

_INCLUDE = """#include "lanes.h"

using namespace eqpool;
"""
_READS = "const Real* __restrict {}"
_WRITES = "Real* __restrict {}"
_COMMON = ["size_t n", *map(_READS.format, "cusxre")]
_FORWARD = [*_COMMON, _WRITES.format("y")]
_KEEP = [*_FORWARD, _WRITES.format("k")]
_PREPARE = [*_COMMON[:3], _WRITES.format("d")]
_BACK = [*_COMMON, *map(_READS.format, "dk"), *map(_WRITES.format, ("b", "xb", "eb", "cb"))]


def _function(
    name: str,
    arguments: Sequence[str],
    to: Statements,
    given: dict[str, str],
    stores: Sequence[tuple[str, str]],
) -> str:
    body = to.written([x for _, x in stores], given)
    ends = "\n".join(f"    {target} {x};" for target, x in stores)
    return (
        f'\nextern "C" void {name}({", ".join(arguments)}) {{\n'
        f"#pragma omp simd\n  for (size_t i = 0; i < n; ++i) {{\n{body}\n{ends}\n  }}\n}}\n"
    )
