"""`AdExLIF` in Brian2, as a program in C++ of its own."""

import importlib
import importlib.util
import shutil
import tempfile
import warnings
from typing import Any

import jax
import numpy as np

from .peers import LeftOut
from .sides import Seconds


BRIAN = "Brian2, C++"
EQUATIONS = """
dv/dt = (g_L*(E_L - v) + g_L*Delta_T*exp((v - V_T)/Delta_T) - w + isyn + current)/C
    : volt (unless refractory)
dw/dt = (a*(v - E_L) - w)/tau_w : amp
disyn/dt = -isyn/tau_syn : amp
current : amp (constant)
"""


def standalone(mod: Any, current: np.ndarray, dt: float, steps: int) -> tuple[int, Seconds]:
    """Number of spikes, and a clock of the loop over time, without start and end of the program.

    **Arguments:**

    - `mod`: an `AdExLIF` with one value of each parameter for all neurons.
    - `current`: constant input of each neuron, A.

    **Raises:** `LeftOut`.
    """
    if jax.default_backend() != "cpu":
        raise LeftOut("Brian2 runs on the CPU, eqpool does not.")
    if importlib.util.find_spec("brian2") is None:
        raise LeftOut("Brian2 is not installed (extra `oracles`).")
    if shutil.which("g++") is None:
        raise LeftOut("There is no g++.")
    with warnings.catch_warnings():
        # It uses names of pyparsing that are about to go.
        warnings.simplefilter("ignore")
        brian: Any = importlib.import_module("brian2")
        folder = tempfile.TemporaryDirectory()
        brian.prefs.core.default_float_dtype = np.float32
        brian.set_device("cpp_standalone", build_on_run=False, directory=folder.name)
        brian.device.reinit()
        brian.device.activate(build_on_run=False, directory=folder.name)
        spikes = _network(brian, mod, current, dt, steps)
        brian.device.build(folder.name, run=False, with_output=False)

    def seconds(keep: Any = folder) -> float:
        with warnings.catch_warnings():
            # It compares single precision with 1e50.
            warnings.simplefilter("ignore")
            brian.device.run(keep.name, with_output=False)
        return brian.device._last_run_time

    seconds()
    return int(spikes.num_spikes), seconds


def _network(brian: Any, mod: Any, current: np.ndarray, dt: float, steps: int) -> Any:
    """Runs it, and returns what monitors spikes."""
    units = dict(
        C="farad", g_L="siemens", a="siemens", b="amp", E_L="volt", V_T="volt", V_reset="volt",
        V_peak="volt", Delta_T="volt", tau_w="second", tau_syn="second", t_ref="second",
    )  # fmt: skip
    values = {
        name: float(np.unique(getattr(mod, name)).item()) * getattr(brian, unit)
        for name, unit in units.items()
    }
    brian.defaultclock.dt = dt * brian.second
    group = brian.NeuronGroup(
        len(current), EQUATIONS, method="euler", threshold="v > V_peak",
        reset="v = V_reset; w += b", refractory="t_ref", namespace=values,
    )  # fmt: skip
    group.v = values["E_L"]
    group.current = current * brian.amp
    spikes = brian.SpikeMonitor(group)
    brian.Network(group, spikes).run(steps * dt * brian.second, namespace={})
    return spikes
