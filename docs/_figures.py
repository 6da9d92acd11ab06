"""Draws the figures of the documentation: `python docs/_figures.py`."""

import pathlib

import diffrax
import jax.numpy as jnp
import matplotlib
import numpy as np

import eqpool
import eqpool.plot
import eqpool.studies


matplotlib.use("Agg")
import matplotlib.pyplot as plt


IMG = pathlib.Path(__file__).parent / "img"
# Okabe and Ito's colours, told apart in grey by their line styles.
STYLES = [("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", "-."), ("#CC79A7", ":")]


def rate() -> None:
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.3), layout="constrained")

    taus = [5e-3, 20e-3, 80e-3]
    output, _, _ = eqpool.RateJax(3, tau=taus)(jnp.ones((150, 3)))
    for i, (tau, (color, style)) in enumerate(zip(taus, STYLES, strict=False)):
        time = np.arange(1, 151)
        left.plot(time, output[:, i], style, color=color, label=rf"$\tau$ = {1e3 * tau:g} ms")
    left.set(xlabel="time (ms)", ylabel="output $r$", title="Response to a step of 1")
    left.legend(frameon=False)

    x = jnp.linspace(-2, 2, 400)
    names = ["relu", "leaky_relu", "tanh", "sigmoid"]
    for name, (color, style) in zip(names, STYLES, strict=True):
        function = getattr(eqpool.physics, name)
        middle.plot(x, function(x, jnp.zeros(())), style, color=color, label=name)
    middle.set(xlabel=r"$x - \theta$", ylabel="$H$", title="Activation functions")
    middle.legend(frameon=False)

    def sine(dt: float, solver: object) -> tuple[np.ndarray, np.ndarray]:
        time = np.arange(0, 0.08, dt)
        u = jnp.asarray(np.sin(2 * np.pi * 25 * time)[:, None], jnp.float32)
        mod = eqpool.RateJax(1, tau=10e-3, dt=dt, activation_func="tanh", solver=solver)  # pyright: ignore
        return 1e3 * (time + dt), np.asarray(mod(u)[0])

    time, truth = sine(1e-4, diffrax.Tsit5())
    right.plot(time, truth, color="0.6", linewidth=3, label="dt = 0.1 ms")
    for (label, solver), (color, style) in zip(
        [("Euler, dt = 5 ms", None), ("Tsit5, dt = 5 ms", diffrax.Tsit5())],
        STYLES[1:],
        strict=False,
    ):
        right.plot(*sine(5e-3, solver), style, color=color, marker="o", markersize=3, label=label)
    right.set(xlabel="time (ms)", ylabel="output $r$", title=r"A sine, $\tau$ = 10 ms")
    right.set_ylim(-0.7, 1.2)
    right.legend(frameon=False, loc="upper right")
    figure.savefig(IMG / "rate.png", dpi=150)
    plt.close(figure)


def dynapsim() -> None:
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.3), layout="constrained")
    mod = eqpool.DynapSim(1, Iw_ahp=2e-7, solver=eqpool.ForwardEuler())
    x = jnp.zeros((560, 1, 4)).at[20:300:5, :, 0].set(6.0)
    spikes, _, record = mod(x, record=True)
    for name, (color, style) in zip(["iampa", "iahp", "imem"], STYLES, strict=False):
        left.semilogy(record[name][:, 0], style, color=color, label=name)
    left.set(xlabel="time (ms)", ylabel="A", title="AMPA spikes from 20 to 300 ms")
    left.set_ylim(1e-13, 3e-7)
    left.legend(frameon=False, loc="upper right")
    middle.plot(record["vmem"][:, 0], color=STYLES[0][0])
    when = np.flatnonzero(spikes[:, 0])
    middle.plot(when, np.full(len(when), 0.45), "|", color="black", markersize=10, label="spikes")
    middle.set(xlabel="time (ms)", ylabel="vmem (V)", title="Adaptation slows the spikes")
    middle.legend(frameon=False, loc="center right")
    Idc = np.geomspace(1e-11, 1e-9, 25)
    settings = {"Rockpool's, 1 ms": (eqpool.RockpoolEuler(), 1e-3)}
    settings["ForwardEuler, 1 ms"] = (eqpool.ForwardEuler(), 1e-3)
    settings["Tsit5, 0.1 ms"] = (diffrax.Tsit5(), 1e-4)
    for (label, (solver, dt)), (color, style) in zip(settings.items(), STYLES, strict=False):
        layer = eqpool.DynapSim(25, Idc=Idc, dt=dt, solver=solver)
        output, _, _ = layer(jnp.zeros((round(1 / dt), 25, 4)))
        right.semilogx(Idc, output.sum(axis=0), style, color=color, label=label)
    right.set(xlabel="Idc (A)", ylabel="spikes in 1 s", title="F-I curve")
    right.legend(frameon=False)
    figure.savefig(IMG / "dynapsim.png", dpi=150)
    plt.close(figure)


def lif() -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.3), layout="constrained")

    x = jnp.zeros((120, 1)).at[jnp.asarray([5, 25, 30, 35, 60, 63, 66, 69, 90])].set(0.4)
    _, _, record = eqpool.LIF(1, tau_mem=15e-3, tau_syn=5e-3)(x, record=True)
    time = np.arange(1, 121)
    for name, label, (color, style) in zip(
        ["vmem", "isyn"], ["$V$", "$I_{syn}$"], STYLES, strict=False
    ):
        left.plot(time, np.ravel(record[name]), style, color=color, label=label)
    for t in time[np.ravel(record["spikes"]) > 0]:
        left.axvline(t, color="0.6", linewidth=1)
    left.axhline(1.0, color="0.8", linewidth=1)
    left.set(xlabel="time (ms)", title="A neuron; spikes are grey")
    left.legend(frameon=False)

    drive = jnp.where(jnp.arange(300)[:, None] // 100 == jnp.arange(3), 0.3, 0.05)
    mod = eqpool.Softmax(weight=jnp.eye(3), bias=jnp.zeros(3), tau=20e-3)
    output, _, _ = mod(drive)
    for i, (color, style) in enumerate(STYLES[:3]):
        right.plot(np.arange(1, 301), output[:, i], style, color=color, label=f"channel {i}")
    right.set(xlabel="time (ms)", title=r"Softmax, $\tau$ = 20 ms, of a drive that moves on")
    right.legend(frameon=False)
    figure.savefig(IMG / "lif.png", dpi=150)
    plt.close(figure)


def adex() -> None:
    """Patterns by parameters of Naud et al. 2008 in steps of current, and F-I curves by solver."""
    units = dict(C=1e-12, g_L=1e-9, a=1e-9, b=1e-12, Idc=1e-12)
    names = ("C", "g_L", "E_L", "V_T", "Delta_T", "a", "tau_w", "b", "V_reset", "Idc")
    patterns = {
        "tonic": (200, 10, -70, -50, 2, 2, 30, 0, -58, 500),
        "adapting": (200, 12, -70, -50, 2, 2, 300, 60, -58, 500),
        "initial burst": (130, 18, -58, -50, 2, 4, 150, 120, -50, 400),
        "regular bursting": (200, 10, -58, -50, 2, 2, 120, 100, -46, 210),
    }
    values = np.array(list(patterns.values()), float).T
    given = {n: v * units.get(n, 1e-3) for n, v in zip(names, values, strict=True)}
    mod = eqpool.AdExLIF(4, **given, V_peak=0.0, dt=1e-4, solver=diffrax.Heun())
    spikes, _, record = mod(jnp.zeros((4000, 4)), record=True)
    time = 0.1 * np.arange(1, 4001)
    figure = plt.figure(figsize=(11, 5.6), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.6, 1))
    for i, (axes, name) in enumerate(zip(left.subplots(4, 1, sharex=True), patterns, strict=True)):
        vmem = 1e3 * np.where(spikes[:, i] > 0, 0.0, record["vmem"][:, i])
        axes.plot(time, vmem, color=STYLES[0][0], linewidth=1)
        axes.set(ylabel="V (mV)", ylim=(-75, 5), title=name)
    axes.set_xlabel("time (ms)")
    axes = right.subplots()
    Idc = np.linspace(0.4e-9, 1.5e-9, 23)
    settings = {
        "EventDriven": (eqpool.EventDriven(max_spikes=4000, max_steps=50_000), 1e-3),
        "ForwardEuler, 1 ms": (eqpool.ForwardEuler(), 1e-3),
        "ForwardEuler, 0.1 ms": (eqpool.ForwardEuler(), 1e-4),
    }
    for (label, (solver, dt)), (color, style) in zip(settings.items(), STYLES, strict=False):
        layer = eqpool.AdExLIF(len(Idc), Idc=Idc, dt=dt, solver=solver)
        output, _, _ = layer(jnp.zeros((round(1 / dt), len(Idc))))
        axes.plot(1e9 * Idc, output.sum(axis=0), style, color=color, label=label)
    axes.set(xlabel="Idc (nA)", ylabel="spikes in 1 s", title="F-I curve of the default neuron")
    axes.legend(frameon=False)
    figure.savefig(IMG / "adex.png", dpi=150)
    plt.close(figure)


def plots() -> None:
    figure, axes = plt.subplots(2, 2, figsize=(11, 7), layout="constrained")
    mod = eqpool.DynapSim(30, Idc=np.linspace(5e-11, 8e-10, 30), Iw_ahp=1e-9, rng_key=0)
    spikes, _, record = mod(jnp.zeros((300, 120)), record=True)
    eqpool.plot.raster(spikes, float(mod.dt), ax=axes[0, 0])
    eqpool.plot.traces(mod, record, "imem", neurons=[2, 15, 29], ax=axes[0, 1])
    one = eqpool.DynapSim(1, synapses=("ampa",))
    currents = np.geomspace(5e-12, 1e-9, 30)
    found = eqpool.studies.sweep(
        one,
        {"Idc": jnp.asarray(currents, jnp.float32), "Itau_mem": jnp.array([2e-12, 8e-12])},
        lambda mod, x: jnp.mean(mod(x)[0]) / mod.dt,
        jnp.zeros((500, 1)),
    )
    labels = ["Itau_mem = 2 pA", "8 pA"]
    eqpool.plot.fi_curve(currents, found.values, labels=labels, ax=axes[1, 0])
    eqpool.plot.weights(eqpool.RateJax(30, has_rec=True, rng_key=0).w_rec, ax=axes[1, 1])
    figure.savefig(IMG / "plots.png", dpi=150)
    plt.close(figure)


def graph() -> None:
    net = eqpool.Sequential(
        eqpool.Linear((3, 8), rng_key=0),
        eqpool.Residual(eqpool.LIF(8, has_rec=True, rng_key=1)),
        eqpool.Linear((8, 2), rng_key=2),
    )
    figure = eqpool.plot.network(net).figure
    figure.savefig(IMG / "graph.png", dpi=150)
    plt.close("all")


if __name__ == "__main__":
    IMG.mkdir(exist_ok=True)
    rate()
    dynapsim()
    lif()
    adex()
    graph()
    plots()
