"""What a study found, as text and as answers."""

import math
from collections.abc import Sequence

from ._compare import Measurement


def table(found: Sequence[Measurement]) -> str:
    """The measurements as a table in Markdown.

    **Arguments:**

    - `found`: as of [`eqpool.studies.compare_solvers`][].
    """
    head = ["solver", "setting", "trace error", "spike time error", "spikes off", "gradient error"]
    head += ["run", "gradient", "compile"]
    rows = [head, ["---"] * len(head)]
    for m in found:
        rows.append(
            [
                m.solver,
                m.setting,
                _number(m.trace_error),
                _number(1e3 * m.spike_time_error, " ms"),
                str(m.spikes_off),
                _number(m.gradient_error),
                _number(1e3 * m.run_time, " ms"),
                _number(1e3 * m.gradient_time, " ms"),
                _number(m.compile_time, " s"),
            ]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def fastest_within(
    found: Sequence[Measurement], tolerance: float, error: str = "trace_error"
) -> Measurement:
    """The measurement of the shortest run time whose error is at most a tolerance.

    **Arguments:**

    - `found`: as of [`eqpool.studies.compare_solvers`][].
    - `tolerance`: the largest error, in the unit of that error.
    - `error`: `"trace_error"` (default), `"spike_time_error"` or `"gradient_error"`.

    **Raises:** `ValueError`, naming the smallest error there is, if none is within.
    """
    within = [m for m in found if getattr(m, error) <= tolerance]
    if not within:
        best = min((getattr(m, error) for m in found), default=math.nan)
        raise ValueError(
            f"fastest_within: no {error} is at most {tolerance:g}; the smallest is {best:g}."
        )
    return min(within, key=lambda m: m.run_time)


def _number(x: float, unit: str = "") -> str:
    return "–" if math.isnan(x) else f"{x:.2g}{unit}"
