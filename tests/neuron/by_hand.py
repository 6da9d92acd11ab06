"""Each spiking model written out anew for `dop853`, from the numbers of an instance."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.neuron.dop853 import Layer, Values


def by_hand(mod: Any) -> tuple[Layer, Values]:
    """A layer, and its states at the start, for any model in this file."""
    values = mod.parameters() | mod.simulation_parameters()
    p = {name: np.asarray(x, np.float64) for name, x in values.items()}
    p.setdefault("t_ref", np.zeros(()))
    p.setdefault("w_rec", np.zeros((mod.size_out, mod.size_in)))
    return LAYERS[type(mod).__name__](SimpleNamespace(**p), mod)


def states(mod: Any, *names: str) -> Values:
    return np.stack([np.asarray(getattr(mod, name), np.float64) for name in names])


def added(y: Values, row: int, value: Any) -> Values:
    y = y.copy()
    y[row] += value
    return y


def changed(y: Values, row: int, i: int, value: Any) -> Values:
    y = y.copy()
    y[row, i] = np.ones(y.shape[1])[i] * np.broadcast_to(value, y.shape[1:])[i]
    return y


def one(n: int, channel: int, weight: float) -> Values:
    return weight * (np.arange(n) == channel)


def lif(p: Any, mod: Any) -> tuple[Layer, Values]:
    n, synapses = mod.size_out, mod.size_in // mod.size_out
    tau_syn = np.broadcast_to(p.tau_syn, (n, synapses)).T

    def slope(y):
        return np.concatenate(
            [(-y[0] / p.tau_mem + (y[1:].sum(0) + p.bias) / p.dt)[None], -y[1:] / tau_syn]
        )

    def sent(y, spikes):  # (N*K,)
        return np.concatenate([y[:1], y[1:] + spikes.reshape(n, synapses).T])

    def fire(y, i):
        y = changed(y, 0, i, y[0] - p.threshold)
        return sent(y, p.w_rec[i])

    def arrive(y, channel, weight):
        return sent(y, one(n * synapses, channel, weight))

    start = np.concatenate([states(mod, "vmem"), np.asarray(mod.isyn).T])
    scale = [1.0] + [0.1] * synapses
    return Layer(slope, lambda y: y[0] - p.threshold, fire, arrive, scale, p.t_ref), start


def alif(p: Any, mod: Any) -> tuple[Layer, Values]:
    def slope(y):
        v, isyn, a = y
        return np.stack([(-v + isyn + p.Idc) / p.tau_mem, -isyn / p.tau_syn, -a / p.tau_adapt])

    def fire(y, i):
        reached = p.threshold + p.beta * y[2]
        y = added(changed(y, 0, i, y[0] - reached), 2, one(mod.size_out, i, 1.0))
        return added(y, 1, p.w_rec[i])

    def arrive(y, channel, weight):
        return added(y, 1, one(mod.size_out, channel, weight))

    def height(y):
        return y[0] - p.threshold - p.beta * y[2]

    start = states(mod, "vmem", "isyn", "adaptation")
    return Layer(slope, height, fire, arrive, [1.0, 1.0, 1.0], p.t_ref), start


def qif(p: Any, mod: Any) -> tuple[Layer, Values]:
    def slope(y):
        v, isyn = y
        v = np.minimum(v, 1.5 * p.V_peak)  # where a step looks beyond its spike
        return np.stack([(v**2 + isyn + p.Idc) / p.tau_mem, -isyn / p.tau_syn])

    def fire(y, i):
        return added(changed(y, 0, i, p.V_reset), 1, p.w_rec[i])

    def arrive(y, channel, weight):
        return added(y, 1, one(mod.size_out, channel, weight))

    start = states(mod, "vmem", "isyn")
    return Layer(slope, lambda y: y[0] - p.V_peak, fire, arrive, [1.0, 1.0], p.t_ref), start


def adex(p: Any, mod: Any) -> tuple[Layer, Values]:
    """In V and A. An `EIF` is one without `a` and `b`."""
    p = SimpleNamespace(**({"a": 0.0, "b": 0.0, "tau_w": 1.0} | vars(p)))

    def slope(y):
        V, w, isyn = y
        V = np.minimum(V, p.V_peak + 0.5 * p.Delta_T)  # where a step looks beyond its spike
        spike = p.g_L * p.Delta_T * np.exp((V - p.V_T) / p.Delta_T)
        membrane = (-p.g_L * (V - p.E_L) + spike - w + isyn + p.Idc) / p.C
        return np.stack([membrane, (p.a * (V - p.E_L) - w) / p.tau_w, -isyn / p.tau_syn])

    def fire(y, i):
        y = added(changed(y, 0, i, p.V_reset), 1, one(mod.size_out, i, 1.0) * p.b)
        return added(y, 2, p.Iscale * p.w_rec[i])

    def arrive(y, channel, weight):
        return added(y, 2, p.Iscale * one(mod.size_out, channel, weight))

    start = states(mod, "vmem", "iadapt" if hasattr(mod, "iadapt") else "isyn", "isyn")
    scale = [1e-2, 1e-10, 1e-10]
    return Layer(slope, lambda y: y[0] - p.V_peak, fire, arrive, scale, p.t_ref), start


def izhikevich(p: Any, mod: Any) -> tuple[Layer, Values]:
    def slope(y):
        v, u, isyn = y
        v = np.minimum(v, p.v_peak + 2.0)  # where a step looks beyond its spike
        dv = 0.04 * v**2 + 5.0 * v + 140.0 - u + p.Idc + isyn
        return np.stack([1000.0 * dv, 1000.0 * p.a * (p.b * v - u), -isyn / p.tau_syn])

    def fire(y, i):
        y = added(changed(y, 0, i, p.c), 1, one(mod.size_out, i, 1.0) * p.d)
        return added(y, 2, p.w_rec[i])

    def arrive(y, channel, weight):
        return added(y, 2, one(mod.size_out, channel, weight))

    start = states(mod, "vmem", "u", "isyn")
    return Layer(slope, lambda y: y[0] - p.v_peak, fire, arrive, [10.0] * 3, p.t_ref), start


def hodgkin_huxley(p: Any, mod: Any) -> tuple[Layer, Values]:
    """With u, the depolarisation in mV, as in the paper of 1952, whose signs are turned round."""

    def gates(v):
        u = v + 65.0
        return {
            "m": (0.1 * (25.0 - u) / np.expm1((25.0 - u) / 10.0), 4.0 * np.exp(-u / 18.0)),
            "h": (0.07 * np.exp(-u / 20.0), 1.0 / (np.exp((30.0 - u) / 10.0) + 1.0)),
            "n": (0.01 * (10.0 - u) / np.expm1((10.0 - u) / 10.0), 0.125 * np.exp(-u / 80.0)),
        }

    def slope(y):
        v, m, h, n, isyn = y
        current = p.Idc + isyn - p.g_L * (v - p.E_L)
        current = current - p.g_Na * m**3 * h * (v - p.E_Na) - p.g_K * n**4 * (v - p.E_K)
        opened = [
            1000.0 * (a * (1.0 - x) - b * x)
            for x, (a, b) in zip((m, h, n), gates(v).values(), strict=True)
        ]
        return np.stack([1000.0 * current / p.C, *opened, -isyn / p.tau_syn])

    def arrive(y, channel, weight):
        return added(y, 4, one(mod.size_out, channel, weight))

    start = states(mod, "vmem", "m", "h", "n", "isyn")
    return Layer(
        slope, lambda y: y[0] - p.V_th, lambda y, i: added(y, 4, p.w_rec[i]), arrive,
        [10.0, 1.0, 1.0, 1.0, 10.0], p.t_ref, resets=False,
    ), start  # fmt: skip


LAYERS = {
    "LIFJax": lif, "ALIF": alif, "QIF": qif, "AdExLIF": adex, "EIF": adex,
    "Izhikevich": izhikevich, "HodgkinHuxley": hodgkin_huxley,
}  # fmt: skip
