"""Statements of C++ about one lane."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np


ZERO, ONE = "Real(0x0.0p+0)", "Real(0x1.0000000000000p+0)"
TYPES = {"real": "Real", "flag": "bool", "whole": "int32_t"}
_INFINITE = "(std::numeric_limits<Real>::infinity())"
CHOICE = "{0} ? {2} : {1}"


class Statements:
    """Statements about one lane, each at most once, of which functions take what they need.

    **Attributes:**

    - `backwards`: whether quotients may be rounded otherwise than XLA rounds them, as
        derivatives may.
    """

    def __init__(self) -> None:
        self._by_text: dict[tuple[str, str], str] = {}
        self._text: dict[str, str] = {}
        self._kind: dict[str, str] = {}
        self._made: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._fixed: set[str] = set()
        self.dear: set[str] = set()
        self.backwards = False

    def load(self, kind: str, text: str, fixed: bool = False) -> str:
        """The name of what is read; `fixed` if it is the same in every step."""
        return self._named(kind, text, ("", ()), fixed)

    def let(self, kind: str, template: str, operands: Sequence[str], dear: bool = False) -> str:
        """The name of what a template says of operands, or a simpler expression for it."""
        template, operands, simple = self._simpler(template, tuple(operands))
        if simple is not None:
            return simple
        fixed = all(self.is_fixed(x) for x in operands)
        name = self._named(kind, template.format(*operands), (template, operands), fixed)
        if dear or "/" in template:
            self.dear.add(name)
        return name

    def _named(self, kind: str, text: str, made: tuple[str, tuple[str, ...]], fixed: bool) -> str:
        key = kind, text
        if key not in self._by_text:
            name = self._by_text[key] = f"v{len(self._text)}"
            self._text[name], self._kind[name], self._made[name] = text, kind, made
            if fixed:
                self._fixed.add(name)
        return self._by_text[key]

    def is_fixed(self, name: str) -> bool:
        """Whether an expression is the same in every step."""
        return name not in self._text or name in self._fixed

    def _simpler(
        self, template: str, operands: tuple[str, ...]
    ) -> tuple[str, tuple[str, ...], str | None]:
        """The same by less; rounded the same, but for quotients on the way back."""
        x, y = operands if len(operands) == 2 else ("", "")
        if template == "{} * {}" and ONE in operands:
            return template, operands, y if x == ONE else x
        if template == "{} - {}" and y == ZERO or template == "{} / {}" and y == ONE:
            return template, operands, x
        if template == "SMALLER({}, {})" and _INFINITE in operands:
            return template, operands, y if x == _INFINITE else x
        # What is fixed was checked for NaN, or makes NaN of the other.
        if template in ("LARGER({}, {})", "SMALLER({}, {})") and (
            self.is_fixed(x) or self.is_fixed(y)
        ):
            cheap = "larger({}, {})" if template[0] == "L" else "smaller({}, {})"
            x, y = (x, y) if self.is_fixed(y) else (y, x)
            # Not -0, as a number of spikes would be.
            return cheap + (f" + {ZERO}" if y == ZERO else ""), (x, y), None
        if template == "{} / {}" and self.backwards:
            return self._quotient(x, y)
        return template, operands, None

    def _quotient(self, x: str, y: str) -> tuple[str, tuple[str, ...], str | None]:
        known = self._by_text.get(("real", f"{x} / {y}"))
        if known is not None:
            return "", (), known
        cases = [self._made.get(name, ("", ())) for name in (x, y)]
        chosen = [
            made for template, made in cases if template == CHOICE and _are_literals(made[1:])
        ]
        if len(chosen) == 2:
            # The derivative of a maximum, half at a tie.
            (a, a_no, a_yes), (b, b_no, b_yes) = chosen
            quotients = [
                written(_value(top) / _value(below), "real")
                for top in (a_no, a_yes)
                for below in (b_no, b_yes)
            ]
            no, yes = (
                left if left == right else self.let("real", CHOICE, (b, left, right))
                for left, right in (quotients[:2], quotients[2:])
            )
            return CHOICE, (a, no, yes), None
        if not self.is_fixed(x) or not self.is_fixed(y):
            return "{} * {}", (x, self.reciprocal(y)), None
        return "{} / {}", (x, y), None

    def reciprocal(self, x: str) -> str:
        """Its inverse, once for all quotients by it."""
        if _are_literals([x]):
            return written(1.0 / _value(x), "real")
        return self.let("real", "Real(1) / {}", (x,))

    def needed(self, outputs: Iterable[str], given: Mapping[str, str]) -> list[str]:
        """What must be computed for some outputs, in order, where some names are given."""
        found: set[str] = set()
        waiting = list(outputs)
        while waiting:
            name = waiting.pop()
            if name in self._text and name not in found:
                found.add(name)
                if name not in given:
                    waiting += self._made[name][1]
        return [name for name in self._text if name in found]

    def written(self, outputs: Iterable[str], given: Mapping[str, str]) -> str:
        """These as C++."""
        lines = []
        for name in self.needed(outputs, given):
            text = given.get(name, self._text[name])
            lines.append(f"const {TYPES[self._kind[name]]} {name} = {text};")
        return "\n".join(f"    {line}" for line in lines)


def written(value: Any, kind: str) -> str:
    """A number as it stands in C++."""
    if kind == "flag":
        return "true" if value else "false"
    if kind == "whole":
        return str(int(value))
    if np.isnan(value):
        return "std::numeric_limits<Real>::quiet_NaN()"
    if np.isinf(value):
        return f"({'-' if value < 0 else ''}std::numeric_limits<Real>::infinity())"
    return f"Real({float(value).hex()})"


def _are_literals(texts: Iterable[str]) -> bool:
    return all(x.startswith("Real(") for x in texts)


def _value(text: str) -> float:
    return float.fromhex(text[len("Real(") : -1])
