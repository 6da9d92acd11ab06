"""What came of a check: a report, or the promise that was broken."""

import dataclasses
from typing import Any

import numpy as np


class BrokenPromise(AssertionError):
    """A neuron does not keep one of the promises in `eqpool.testing.PROMISES`.

    **Attributes:**

    - `promise`: which one.
    """

    promise: str = ""

    def of(self, promise: str, neuron: str) -> "BrokenPromise":
        """The same with the names of promise and neuron in front."""
        named = BrokenPromise(f"{neuron} breaks the promise {promise!r}: {self}")
        named.promise = promise
        return named


class Skipped(Exception):
    """A promise that a neuron cannot be held to, and why."""


@dataclasses.dataclass(frozen=True, repr=False)
class Report:
    """Which promises a neuron keeps.

    **Attributes:**

    - `neuron`: class and shape of the neuron.
    - `promises`: `"kept"`, or `"skipped: "` and the reason, by name of promise.
    """

    neuron: str
    promises: dict[str, str]

    def __getitem__(self, promise: str) -> str:
        return self.promises[promise]

    def __repr__(self) -> str:
        kept = sum(said == "kept" for said in self.promises.values())
        width = max(map(len, self.promises), default=0)
        lines = [f"{self.neuron}: {kept} of {len(self.promises)} promises kept"]
        return "\n".join(
            [*lines, *(f"  {name:{width}}  {said}" for name, said in self.promises.items())]
        )


def expect(holds: Any, what: str, hint: str) -> None:
    """Raises `BrokenPromise` unless a condition holds.

    **Arguments:**

    - `holds`: the condition.
    - `what`: what is wrong, with numbers.
    - `hint`: what to change in the declaration.
    """
    if not bool(holds):
        raise BrokenPromise(f"{what} {hint}")


def expect_same_bits(where: str, found: Any, expected: Any, hint: str) -> None:
    """Raises unless two arrays, or dictionaries of them, have the same bits."""
    for name, got, wanted in _pairs(where, found, expected, hint):
        same = got.dtype == wanted.dtype and got.tobytes() == wanted.tobytes()
        expect(same, f"{name} is not the same to the bit: {_difference(got, wanted)}", hint)


def expect_close(
    where: str, found: Any, expected: Any, tolerance: float, hint: str, unit: Any = None
) -> None:
    """Raises unless two arrays, or dictionaries of them, are close.

    **Arguments:**

    - `tolerance`: the largest difference, in units of the largest size of what is expected.
    - `unit`: a dictionary of other units.
    """
    for name, got, wanted in _pairs(where, found, expected, hint):
        if not wanted.size:
            continue
        size = np.max(np.abs(wanted)) if unit is None else unit[name.rpartition(" ")[2]]
        close = np.all(np.abs(got - wanted) <= tolerance * size)
        expect(close, f"{name} is off: {_difference(got, wanted)}", hint)


def _pairs(where: str, found: Any, expected: Any, hint: str) -> list[tuple[str, Any, Any]]:
    if not isinstance(expected, dict):
        found, expected = {"": found}, {"": expected}
    expect(
        set(found) == set(expected),
        f"{where} has {sorted(found)}; expected {sorted(expected)}.",
        hint,
    )
    pairs = []
    for name, wanted in expected.items():
        got, wanted = np.asarray(found[name]), np.asarray(wanted)
        label = f"{where} {name}".rstrip()
        expect(
            got.shape == wanted.shape,
            f"{label} has shape {got.shape}; expected {wanted.shape}.",
            hint,
        )
        pairs.append((label, got, wanted))
    return pairs


def _difference(got: Any, wanted: Any) -> str:
    if got.dtype != wanted.dtype:
        return f"expected {wanted.dtype}, got {got.dtype}."
    off = np.atleast_1d(got != wanted) & ~np.atleast_1d((got != got) & (wanted != wanted))
    if not off.any():
        return "only in the sign of a zero or the bits of a NaN."
    place = tuple(int(i[0]) for i in np.nonzero(off))
    first = f" at {place}" if np.ndim(got) else ""
    return (
        f"expected {np.atleast_1d(wanted)[place]!r}, got {np.atleast_1d(got)[place]!r}{first}, "
        f"the first of {int(off.sum())} differences among {off.size}."
    )
