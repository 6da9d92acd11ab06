"""A network of silicon neurons by SciPy alone: its equations written out anew, in float64."""

import numpy as np
from scipy.integrate import solve_ivp


class ScipyNetwork:
    """From the numbers of a `DynapSim` with four synapse types; `run` gives its spikes."""

    def __init__(self, mod):
        values = mod.simulation_parameters() | mod.parameters()
        p = {name: np.asarray(x, np.float64) for name, x in values.items()}
        self.n = mod.size_out
        ones = np.ones(self.n)
        for name in ("Io", "Ut", "Idc", "If_nmda", "Itau_mem", "Igain_mem", "C_mem", "Ispkthr"):
            setattr(self, name, p[name] * ones)
        self.kappa = (p["kappa_n"] + p["kappa_p"]) / 2 * ones
        ut_kappa = self.Ut / self.kappa
        types = ("ampa", "gaba", "nmda", "shunt")
        self.tau_syn = np.stack([ut_kappa * p[f"C_{k}"] / p[f"Itau_{k}"] for k in types])
        self.tau_ahp = ut_kappa * p["C_ahp"] / p["Itau_ahp"]
        pulse = p["Vth"] * p["C_pulse"] / p["Ipulse"]
        pulse_ahp = p["Vth"] * p["C_pulse_ahp"] / p["Ipulse_ahp"]
        gain = np.stack([p[f"Igain_{k}"] / p[f"Itau_{k}"] * ones for k in types])
        self.charge = (1 - np.exp(-pulse / self.tau_syn)) * gain * p["Iscale"]
        self.ahp_jump = (
            -np.expm1(-pulse_ahp / self.tau_ahp) * p["Igain_ahp"] / p["Itau_ahp"] * p["Iw_ahp"]
        )
        self.t_ref = p["Vth"] * p["C_ref"] / p["Iref"] * ones
        self.w_rec = p.get("w_rec")
        self.top = np.log(self.Ispkthr / self.Io)

    def rate(self, y, isyn, iahp, active):
        y = np.minimum(y, self.top + 2.0)  # where a step looks beyond its spike
        imem = self.Io * np.exp(y)
        ampa, gaba, nmda, shunt = isyn
        leak = self.Itau_mem + iahp + gaba
        into = ampa + nmda / (1 + self.If_nmda / imem) - shunt + self.Idc - leak
        into = np.maximum(into * active, self.Io)
        steady = self.Igain_mem / self.Itau_mem * (into - leak)
        feedback = self.Io * np.exp(y * self.kappa / (self.kappa + 1)) / leak
        tau = self.Ut / self.kappa * self.C_mem / leak
        change = steady - imem * (1 + iahp / self.Itau_mem)
        return (change / (imem + self.Igain_mem) + feedback) / tau

    def run(self, times, neurons, synapses, weights, duration):
        """Spike times and neurons, for input spikes in order of time."""
        now, y = 0.0, np.zeros(self.n)
        isyn, iahp = np.tile(self.Io, (4, 1)), self.Io.copy()
        ready, fired = np.zeros(self.n), []
        upcoming = [*zip(times, neurons, synapses, weights, strict=True), (duration, 0, 0, 0.0)]
        while upcoming:
            waiting = ready[ready > now]
            stop = min([upcoming[0][0], *waiting])
            active = ready <= now

            def decayed(t, now=now, isyn=isyn, iahp=iahp):
                current = iahp * np.exp(-(t - now) / self.tau_ahp)
                return isyn * np.exp(-(t - now) / self.tau_syn), np.maximum(current, self.Io)

            def slope(t, y, decayed=decayed, active=active):
                rate = self.rate(np.maximum(y, 0.0), *decayed(t), active)
                return np.where((y <= 0.0) & (rate < 0.0), 0.0, rate)

            def crossing(t, y):
                return np.max(y - self.top)

            crossing.terminal, crossing.direction = True, 1
            end = stop
            if stop > now:
                path = solve_ivp(
                    slope, (now, stop), y, method="DOP853", rtol=1e-9, atol=1e-10,
                    events=crossing, dense_output=True,
                )  # fmt: skip
                end, y = path.t[-1], np.maximum(path.y[:, -1], 0.0)
                isyn, iahp = decayed(end)
                if path.status == 1:
                    i = int(np.argmax(y - self.top))
                    fired.append((end, i))
                    y[i], ready[i] = 0.0, end + self.t_ref[i]
                    iahp[i] += self.ahp_jump[i]
                    if self.w_rec is not None:
                        isyn = isyn + self.charge * np.maximum(self.w_rec[i].T, 0.0)
            if end == stop == upcoming[0][0]:
                _, neuron, synapse, weight = upcoming.pop(0)
                isyn[synapse, neuron] += self.charge[synapse, neuron] * max(weight, 0.0)
            now = end
        return np.array([t for t, _ in fired]), np.array([i for _, i in fired], int)
