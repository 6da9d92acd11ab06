"""One network for millions of steps: does it drift, break, or grow?"""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .models import Case, Model
from .resident import STATUS, status


SEGMENT = 100_000


def endurance(model: Model, steps: int) -> dict[str, Any]:
    """A run of `steps` steps in segments of the same input, each from the state before.

    After the first segment, what comes out depends on the input alone; so the mean output of
    the second and of the last segment are compared, and the size of the process after both.

    **Returns:** seconds, mean outputs, whether all states stayed finite, and bytes that the
    process has grown by (`None` off Linux).
    """
    case = Case(64, min(SEGMENT, steps // 3), 1)
    mod, x = model.build(case), model.inputs(case)[0]

    @jax.jit
    def run(mod: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        output, state, _ = mod(x)
        return jnp.mean(output), state

    segments = steps // case.steps
    means, finite, start, before = [], True, time.perf_counter(), None
    for segment in range(segments):
        mean, state = run(mod, x)
        mod = mod.set_attributes(state)
        means.append(float(mean))
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(state)]
        finite &= all(np.isfinite(leaf).all() for leaf in leaves)
        if segment == 1:
            before = status("VmRSS") if STATUS.exists() else None
    after = status("VmRSS") if STATUS.exists() else None
    return {
        "steps": segments * case.steps,
        "run_s": time.perf_counter() - start,
        "mean_output": [means[1], means[-1]],
        "finite": bool(finite),
        "growth_bytes": None if before is None or after is None else after - before,
    }
