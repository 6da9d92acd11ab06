"""Times of eqpool as ratios to what the same machine does otherwise, in turns, in one process."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .classifier import classifier
from .integrate_and_fire import adex, lif_layer
from .measure import Effort, in_turns, quartiles
from .peers import EQPOOL, LeftOut
from .products import linear


RATIOS = {
    "Linear 700→128, 250 steps, batch 64": linear,
    "LIFJax 128, 250 steps, batch 64": lif_layer,
    "Classifier 700–128–20, 250 steps, batch 64": classifier,
    "AdExLIF 256, 1000 steps": lambda: adex(256),
    "AdExLIF 4000, 1000 steps": lambda: adex(4000),
}


def ratios(name: str, effort: Effort) -> list[dict[str, Any]]:
    """A row for each ratio of a case, or why there is none."""
    rows = []
    for what, peer, sides in RATIOS[name]():
        row: dict[str, Any] = {"case": name, "what": what, "peer": peer}
        rows.append(row)
        if isinstance(sides, LeftOut):
            row["left_out"] = str(sides)
            continue
        times = in_turns(dict(zip((EQPOOL, peer), sides, strict=True)), effort)
        row["run_s"] = {who: quartiles(values) for who, values in times.items()}
        row["runs"] = len(times[EQPOOL])
        row["eqpool_of_it"] = quartiles(_each(times[EQPOOL]) / _each(times[peer]))
    return rows


def _each(times: Sequence[float]) -> np.ndarray:
    return np.asarray(times)
