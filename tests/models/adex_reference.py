"""Adaptive exponential neurons by SciPy alone, in float64, and the firing patterns of a paper."""

import numpy as np
from scipy.integrate import solve_ivp


def pattern(C, g_L, E_L, a, tau_w, b, V_reset, Idc):
    """Arguments of an `AdExLIF` from pF, nS, mV, ms and pA."""
    return dict(
        C=1e-12 * C, g_L=1e-9 * g_L, E_L=1e-3 * E_L, a=1e-9 * a, tau_w=1e-3 * tau_w,
        b=1e-12 * b, V_reset=1e-3 * V_reset, Idc=1e-12 * Idc, V_T=-50e-3, Delta_T=2e-3, V_peak=0.0,
    )  # fmt: skip


PATTERNS = {
    "tonic": pattern(200, 10, -70, 2, 30, 0, -58, 500),
    "adapting": pattern(200, 12, -70, 2, 300, 60, -58, 500),
    "initial burst": pattern(130, 18, -58, 4, 150, 120, -50, 400),
    "bursting": pattern(200, 10, -58, 2, 120, 100, -46, 210),
    "accelerating": pattern(200, 12, -70, -10, 300, 0, -58, 300),
    "delayed bursting": pattern(100, 10, -65, -10, 90, 30, -47, 110),
    "transient": pattern(100, 10, -65, 10, 90, 100, -47, 180),
}
"""Naud, Marcille, Clopath and Gerstner 2008, table 1."""


class ScipyAdEx:
    """From the numbers of an `AdExLIF`, whose equations are written out anew in V and A."""

    def __init__(self, mod):
        self.n, ones = mod.size_out, np.ones(mod.size_out)
        values = mod.simulation_parameters() | mod.parameters()
        for name, value in values.items():
            value = np.asarray(value, np.float64)
            setattr(self, name, value * ones if value.ndim < 2 else value)
        self.start = [np.asarray(getattr(mod, name)) for name in ("vmem", "iadapt", "isyn")]
        self.w_rec = getattr(self, "w_rec", None)
        # The rest of a spike takes e^-20 of a time constant, below the resolution of time.
        self.top = np.minimum(self.V_peak, self.V_T + 20 * self.Delta_T)

    def rate(self, V, w, isyn, active):
        V = np.minimum(V, self.top + 0.5 * self.Delta_T)  # where a step looks beyond its spike
        spike = self.g_L * self.Delta_T * np.exp((V - self.V_T) / self.Delta_T)
        membrane = (-self.g_L * (V - self.E_L) + spike - w + isyn + self.Idc) / self.C
        return np.where(active, membrane, 0.0), (self.a * (V - self.E_L) - w) / self.tau_w

    def run(self, duration, times=(), neurons=(), weights=(), tolerance=1e-10):
        """Spike times, their neurons, and (V, w, isyn) at the end; for input in order of time."""
        now, (V, w, isyn) = 0.0, self.start
        ready, fired = np.zeros(self.n), []
        scale = np.repeat([1.0, 1e-9], self.n)  # both of order 1
        arrivals = [*zip(times, neurons, weights, strict=True), (duration, 0, 0.0)]
        while arrivals:
            stop = min([arrivals[0][0], *ready[ready > now]])
            active = ready <= now

            def slope(t, y, now=now, isyn=isyn, active=active):
                V, w = np.split(y * scale, 2)
                current = isyn * np.exp(-(t - now) / self.tau_syn)
                return np.concatenate(self.rate(V, w, current, active)) / scale

            def crossing(t, y):
                return np.max(y[: self.n] - self.top)

            crossing.terminal, crossing.direction = True, 1
            end, started = stop, now
            if stop > now:
                y = np.concatenate([V, w]) / scale
                path = solve_ivp(
                    slope, (now, stop), y, method="DOP853", rtol=tolerance, atol=tolerance / 10,
                    events=crossing,
                )  # fmt: skip
                assert path.success
                end = path.t[-1]
                V, w = np.split(path.y[:, -1] * scale, 2)
                isyn = isyn * np.exp(-(end - started) / self.tau_syn)
                if path.status == 1:
                    i = int(np.argmax(V - self.top))
                    fired.append((end, i))
                    V[i], ready[i] = self.V_reset[i], end + self.t_ref[i]
                    w[i] += self.b[i]
                    if self.w_rec is not None:
                        isyn = isyn + self.Iscale * self.w_rec[i]
            if end == stop == arrivals[0][0]:
                _, neuron, weight = arrivals.pop(0)
                isyn = isyn + self.Iscale * weight * (np.arange(self.n) == neuron)
            now = end
        spikes = np.array([t for t, _ in fired]), np.array([i for _, i in fired], int)
        return *spikes, (V, w, isyn)
