"""Draws the figures of the documentation: `python docs/_figures.py`."""

import pathlib

import diffrax
import jax.numpy as jnp
import matplotlib
import numpy as np

import eqpool


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


if __name__ == "__main__":
    IMG.mkdir(exist_ok=True)
    rate()
    dynapsim()
