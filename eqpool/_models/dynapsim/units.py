"""Units of a run. Squares of currents of 1e-12 A, and slopes by them, leave float32's range."""

from typing import Any

from ..._attribute import fields
from ..._types import NestedDict


UNIT = 2.0**-41
"""One unit of current and of capacitance inside a run, A and F.

It is close to the dark current. As a power of two it rounds nothing. Seconds and volts stay.
"""

_SCALED = ("A", "F")


class InUnits:
    """A `DynapSim` with every current and capacitance in units of `UNIT`."""

    def __init__(self, mod: Any):
        self._mod = mod
        self._fields = fields(type(mod))

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._mod, name)
        field = self._fields.get(name)
        return value / UNIT if field is not None and field.unit in _SCALED else value

    def in_amperes(self, named: NestedDict) -> NestedDict:
        """States or records by name, back in SI units."""
        return {
            name: value * UNIT if self._fields[name].unit in _SCALED else value
            for name, value in named.items()
        }
