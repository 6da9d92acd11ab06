"""The same layer in eqpool, in Rockpool and in C, each as a call on an input."""

import ctypes
import importlib.util
import pathlib
import subprocess
import tempfile
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import eqpool
from eqpool import physics

from .models import Case, Model


EQPOOL, ROCKPOOL, C = "eqpool", "Rockpool", "C"
COMPILE = ("gcc", "-O3", "-march=native", "-ffast-math", "-fPIC")


class LeftOut(Exception):
    """Why a peer is not in the comparison."""


def jax_call(peer: str, model: Model, case: Case, **options: Any) -> tuple[Any, Callable]:
    """Parameters, and the call that a user would write, not yet compiled.

    `call(parameters, x)` returns output, new state and record.

    **Arguments:**

    - `options`: of the call, for eqpool.

    **Raises:** `LeftOut`.
    """
    if peer == EQPOOL:
        trainable, frozen = eqpool.partition(model.build(case))
        return trainable, lambda trainable, x: eqpool.combine(trainable, frozen)(x, **options)
    mod = rockpool_module(model, case)
    return mod.parameters(), lambda params, x: mod.set_attributes(params)(x)


def rockpool_module(model: Model, case: Case) -> Any:
    """The layer in Rockpool.

    **Raises:** `LeftOut`.
    """
    if model.rockpool is None:
        raise LeftOut("Rockpool's DynapSim has one synapse type.")
    if importlib.util.find_spec("rockpool") is None:
        raise LeftOut("Rockpool is not installed (extra `parity`).")
    return model.rockpool(case)


def c_call(model: Model, case: Case, x: jax.Array) -> Callable[[], np.ndarray]:
    """The kernel of `kernels.c` on this input, forward only.

    **Raises:** `LeftOut`.
    """
    if jax.default_backend() != "cpu":
        raise LeftOut("The C kernel runs on the CPU, eqpool does not.")
    if model.kernel is None:
        raise LeftOut("There is none of this model.")
    kernel = getattr(_library(), model.kernel)
    mod = model.build(case)
    arguments = _dynapsim(mod) if isinstance(mod, eqpool.DynapSim) else _rate(mod)
    arrays = [_float32(a) if not isinstance(a, ctypes.Structure) else a for a in arguments]
    inputs = np.array(x, np.float32)
    output = np.empty((case.batch, case.steps, case.neurons), np.float32)
    pointers = [
        ctypes.byref(a) if isinstance(a, ctypes.Structure) else ctypes.c_void_p(a.ctypes.data)
        for a in [*arrays, inputs, output]
    ]
    sizes = [ctypes.c_int(size) for size in case]

    def call(keep_alive: Any = (arrays, inputs)) -> np.ndarray:
        kernel(*sizes, ctypes.c_float(float(mod.dt)), *pointers)
        return output

    return call


def _library() -> ctypes.CDLL:
    if not _LOADED:
        source = pathlib.Path(__file__).with_name("kernels.c")
        with tempfile.TemporaryDirectory() as folder:
            compiled, library = f"{folder}/kernels.o", f"{folder}/kernels.so"
            try:
                subprocess.run([*COMPILE, "-c", str(source), "-o", compiled], check=True)
                # Without -ffast-math, with which gcc links in code that turns denormal numbers
                # off in the whole process.
                subprocess.run(["gcc", "-shared", compiled, "-o", library, "-lm"], check=True)
            except FileNotFoundError:
                raise LeftOut("There is no gcc.") from None
            _LOADED.append(ctypes.CDLL(library))
    return _LOADED[0]


_LOADED: list[ctypes.CDLL] = []


def _float32(x: Any) -> np.ndarray:
    return np.ascontiguousarray(x, np.float32)


class Neurons(ctypes.Structure):
    """The struct of the same name in `kernels.c`."""

    names = (
        "Io", "Idc", "If_nmda", "Itau_mem", "Igain_mem", "speed", "exponent", "threshold", "t_ref",
        "ahp_decay", "ahp_jump", "syn_decay", "syn_charge", "syn_gain",
    )  # fmt: skip
    _fields_ = [(name, ctypes.c_void_p) for name in names]

    def __init__(self, **arrays: np.ndarray):
        super().__init__(**{name: array.ctypes.data for name, array in arrays.items()})
        self.arrays = arrays  # keeps them alive


def _dynapsim(mod: Any) -> tuple[Neurons, Any]:
    """What of a step does not change over time, and the recurrent weights."""

    def of_synapses(quantity: str) -> jax.Array:
        names = ("syn",) if len(mod.synapses) == 1 else mod.synapses
        values = [getattr(mod, f"{quantity}_{name}") for name in names]
        return jnp.stack([jnp.broadcast_to(value, (n,)) for value in values])

    def charge(t_pulse: Any, tau: Any) -> Any:
        return 1.0 - physics.dpi_decay(t_pulse, tau)

    n = mod.size_out
    kappa = physics.slope_factor(mod.kappa_n, mod.kappa_p)
    tau_ahp = physics.time_constant(mod.Itau_ahp, mod.C_ahp, kappa, mod.Ut)
    tau_syn = physics.time_constant(of_synapses("Itau"), of_synapses("C"), kappa, mod.Ut)
    t_pulse = physics.pulse_width(mod.Ipulse, mod.C_pulse, mod.Vth)
    t_pulse_ahp = physics.pulse_width(mod.Ipulse_ahp, mod.C_pulse_ahp, mod.Vth)
    neurons = dict(
        Io=mod.Io,
        Idc=mod.Idc,
        If_nmda=mod.If_nmda,
        Itau_mem=mod.Itau_mem,
        Igain_mem=mod.Igain_mem,
        speed=mod.dt * kappa / (mod.C_mem * mod.Ut),
        exponent=kappa / (kappa + 1.0),
        threshold=np.log(mod.Ispkthr / mod.Io),
        t_ref=physics.pulse_width(mod.Iref, mod.C_ref, mod.Vth),
        ahp_decay=physics.dpi_decay(mod.dt, tau_ahp),
        ahp_jump=charge(t_pulse_ahp, tau_ahp)
        * physics.dpi_steady_state(mod.Iw_ahp, mod.Igain_ahp, mod.Itau_ahp),
    )
    synapses = dict(
        syn_decay=physics.dpi_decay(mod.dt, tau_syn),
        syn_charge=charge(t_pulse, tau_syn),
        syn_gain=physics.dpi_steady_state(mod.Iscale, of_synapses("Igain"), of_synapses("Itau")),
    )
    arrays = {name: np.broadcast_to(x, (n,)) for name, x in neurons.items()} | synapses
    return Neurons(**{name: _float32(x) for name, x in arrays.items()}), mod.w_rec


def _rate(mod: Any) -> tuple[Any, ...]:
    per_neuron = (mod.tau, mod.bias, mod.threshold)
    return *(np.broadcast_to(x, (mod.size_out,)) for x in per_neuron), mod.w_rec
