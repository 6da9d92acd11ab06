"""Exact spikes against spikes on a grid: which solver, and what a surrogate gradient is worth.

Eight silicon neurons in three moods: quiet (below threshold), tonic (firing one by one) and
bursting (excited by each other, calmed by adaptation). Every solver runs them at several steps or
tolerances; the event-driven one, with a tight tolerance, is the truth. Then: memory of the gradient
by adjoint, and surrogate gradients against exact ones. Prints tables and saves a work-precision
figure.

    python examples/compare_spikes.py            # ten minutes on two cores
    python examples/compare_spikes.py --short    # one network, fewer solvers
"""

import argparse
import os
import pathlib
import platform
import time
from collections.abc import Sequence
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from jaxtyping import Array
from tqdm import tqdm

import eqpool
from eqpool.plot import log_scale
from eqpool.studies import (
    gradient_cosine,
    gradient_error,
    gradient_memory,
    Measurement,
    table,
    work_precision,
)


matplotlib.use("Agg")
import matplotlib.pyplot as plt


jax.config.update("jax_enable_x64", True)

NEURONS, DURATION = 8, 0.25  # s
MOODS = {
    "quiet": dict(Idc=np.linspace(10e-12, 14e-12, NEURONS)),
    "tonic": dict(Idc=np.geomspace(1.5e-10, 6e-10, NEURONS)),
    "bursting": dict(Idc=np.linspace(1e-10, 1.6e-10, NEURONS), Iw_ahp=4e-7),
}


def exact(tolerance: float, max_steps: int = 8192, **kwargs: Any) -> eqpool.EventDriven:
    controller = diffrax.PIDController(rtol=tolerance, atol=tolerance)
    return eqpool.EventDriven(stepsize_controller=controller, max_steps=max_steps, **kwargs)


def adaptive(solver: Any, tolerance: float, **kwargs: Any) -> eqpool.Diffrax:
    controller = diffrax.PIDController(rtol=tolerance, atol=tolerance)
    return eqpool.Diffrax(solver, stepsize_controller=controller, **kwargs)


METER = diffrax.TqdmProgressMeter(refresh_steps=500)
REFERENCE = (exact(1e-12, max_steps=60_000, progress_meter=METER), 1e-3)
STEPS = [1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5]
TOLERANCES = [1e-4, 1e-5, 1e-6, 1e-8, 1e-10]
CURVES: dict[str, list[tuple[Any, float]]] = {
    "RockpoolEuler": [(eqpool.RockpoolEuler(), dt) for dt in STEPS],
    "ForwardEuler": [(eqpool.ForwardEuler(), dt) for dt in STEPS],
    "Heun": [(diffrax.Heun(), dt) for dt in STEPS],
    "Tsit5": [(diffrax.Tsit5(), dt) for dt in STEPS],
    "Kvaerno5": [(adaptive(diffrax.Kvaerno5(), 1e-4), dt) for dt in (1e-3, 2e-4)],
    "EventDriven": [(exact(tolerance), 1e-3) for tolerance in TOLERANCES],
}


def build(mood: str, solver: Any, dt: float, **kwargs: Any) -> eqpool.DynapSim:
    rng = np.random.default_rng(0)
    w_rec = np.zeros((NEURONS, NEURONS, 2))
    if mood == "bursting":
        w_rec[..., 0] = rng.uniform(1.2, 3.6, (NEURONS, NEURONS))
    return eqpool.DynapSim.from_specification(
        NEURONS,
        has_rec=True,
        w_rec=w_rec,
        synapses=("ampa", "gaba"),
        tau_ampa=5e-3,
        tau_ahp=60e-3,
        Itau_mem=eqpool.Parameter(),
        dt=dt,
        solver=solver,
        **MOODS[mood],
        **kwargs,
    )


def spikes_in() -> eqpool.Events:
    """A few weak input spikes, off every grid."""
    times = np.sort(np.random.default_rng(1).uniform(0.0, 0.1, 12))
    return eqpool.Events(times, 2 * (np.arange(12) % NEURONS), 2 * NEURONS, 2e-3)


def final_voltage(spikes: eqpool.Events, state: Any) -> Array:
    return jnp.sum(state["vmem"])


def compare_surrogates(dt: float) -> list[str]:
    """Gradients wrt `Itau_mem` of two losses of the tonic network, by each surrogate."""
    steps = round(DURATION / dt)
    silence = jnp.zeros((steps, 2 * NEURONS))

    def mean_time(raster: Array) -> Array:
        ends = dt * (jnp.arange(steps) + 1.0)
        return jnp.sum(ends[:, None] * raster) / jnp.sum(raster)

    def exact_mean_time(mod: Any) -> Array:
        spikes, _ = mod.evolve_events(eqpool.Events([], [], 2 * NEURONS), DURATION)
        return jnp.sum(jnp.where(spikes.valid, spikes.times, 0.0)) / spikes.count

    losses = {
        "mean spike time": (lambda mod: mean_time(mod(silence)[0]), exact_mean_time),
        "final voltage": (
            lambda mod: jnp.sum(mod(silence)[1]["vmem"]),
            lambda mod: jnp.sum(mod(silence[:: round(1e-3 / dt)])[1]["vmem"]),
        ),
    }
    surrogates: dict[str, Any] = {
        "PiecewiseLinear (Rockpool's)": eqpool.PiecewiseLinear(),
        "FastSigmoid": eqpool.FastSigmoid(),
        "Arctan": eqpool.Arctan(),
        "Gaussian": eqpool.Gaussian(),
    }
    rows = ["| loss | surrogate | cosine with the exact gradient | length / exact | error |"]
    rows.append("| --- | --- | --- | --- | --- |")
    truth = build("tonic", exact(1e-9), 1e-3)
    for name, (loss, exactly) in losses.items():
        reference = eqx.filter_jit(eqpool.filter_grad(exactly))(truth)
        length = float(jnp.linalg.norm(reference.Itau_mem))
        for label, surrogate in surrogates.items():
            mod = build("tonic", diffrax.Heun(), dt, surrogate=surrogate)
            gradient = eqx.filter_jit(eqpool.filter_grad(loss))(mod)
            ratio = float(jnp.linalg.norm(gradient.Itau_mem)) / length
            cosine, error = (
                measure(gradient, reference) for measure in (gradient_cosine, gradient_error)
            )
            rows.append(f"| {name} | {label} | {cosine:.2f} | {ratio:.2g} | {error:.2g} |")
    return rows


def compare_adjoints() -> list[str]:
    """Memory and time of a gradient of the quiet network on a grid, by adjoint."""
    x = jnp.zeros((round(DURATION / 1e-3), 2 * NEURONS))
    loss = lambda mod, x: jnp.sum(mod(x)[1]["vmem"])
    bounded = dict(tolerance=1e-6, max_steps=256)
    candidates: dict[str, Any] = {
        "fixed steps (no adjoint)": diffrax.Tsit5(),
        "RecursiveCheckpointAdjoint": adaptive(diffrax.Tsit5(), **bounded),
        "DirectAdjoint": adaptive(diffrax.Tsit5(), adjoint=diffrax.DirectAdjoint(), **bounded),
        "BacksolveAdjoint": adaptive(
            diffrax.Tsit5(), 1e-6, adjoint=diffrax.BacksolveAdjoint(), max_steps=4096
        ),
        "EventDriven, max_steps=4096": eqpool.EventDriven(),
        "EventDriven, max_steps=1024": eqpool.EventDriven(max_steps=1024),
    }
    rows = ["| gradient by | memory | time | error |", "| --- | --- | --- | --- |"]
    gradients = eqx.filter_jit(eqpool.filter_grad(loss))
    reference = gradients(build("quiet", exact(1e-11), 1e-3), x)
    for name, solver in candidates.items():
        mod = build("quiet", solver, 1e-3)
        memory = gradient_memory(loss, mod, x)
        gradient = jax.block_until_ready(gradients(mod, x))
        start = time.perf_counter()
        jax.block_until_ready(gradients(mod, x))
        elapsed = time.perf_counter() - start
        error = gradient_error(gradient, reference)
        rows.append(f"| {name} | {memory / 1e6:.2g} MB | {1e3 * elapsed:.3g} ms | {error:.1g} |")
    return rows


def draw(found: dict[str, Sequence[Measurement]], path: pathlib.Path) -> None:
    figure, axes = plt.subplots(2, len(found), figsize=(4 * len(found), 6.5), layout="constrained")
    axes = axes.reshape(2, -1)
    for column, (mood, measurements) in enumerate(found.items()):
        errors = [
            ("spike_time_error", "error of spike times (s)", "run_time", "time of a run (ms)"),
            ("gradient_error", "error of the gradient", "gradient_time", "with gradient (ms)"),
        ]
        if mood == "quiet":
            errors[0] = ("trace_error", "error of final vmem (V)", *errors[0][2:])
        for axis, (error, ylabel, cost, xlabel) in zip(axes[:, column], errors, strict=True):
            for name in dict.fromkeys(m.solver for m in measurements):
                own = [m for m in measurements if m.solver == name]
                axis.plot(
                    [1e3 * getattr(m, cost) for m in own],
                    [max(getattr(m, error), 1e-13) for m in own],
                    "s-" if name == "EventDriven" else "o-",
                    color="black" if name == "EventDriven" else None,
                    markersize=4,
                    label=name,
                )
            log_scale(axis).set(xlabel=xlabel, ylabel=ylabel)
            axis.set_title(mood if axis is axes[0, column] else "")
            axis.grid(alpha=0.3)
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=len(CURVES))
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="one network, fewer solvers")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("outputs/spikes"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print(f"{jax.devices()}, {os.cpu_count()} cores, {platform.machine()}; jax {jax.__version__}")
    curves, moods = CURVES, list(MOODS)
    if args.short:
        curves = {name: CURVES[name][:2] for name in ("ForwardEuler", "Heun", "EventDriven")}
        moods = ["tonic"]
    found = {}
    for mood in moods:
        with tqdm(total=sum(map(len, curves.values())), desc=mood) as progress:
            found[mood] = work_precision(
                lambda solver, dt, mood=mood: build(mood, solver, dt),
                spikes_in(),
                DURATION,
                curves,
                reference=REFERENCE,
                loss=final_voltage,
                repeats=1 if args.short else 5,
                on_measurement=lambda measurement: progress.update(),
            )
        print(f"\n{mood}\n\n{table(found[mood])}", flush=True)
        jax.clear_caches()  # a hundred compiled functions need as many thousand memory maps
    if not args.short:
        print("\nMemory of a gradient\n", *compare_adjoints(), sep="\n")
        print("\nSurrogate gradients\n", *compare_surrogates(1e-4), sep="\n")
    figure = args.out / "spike_precision.png"
    draw(found, figure)
    print(f"\nFigure: {figure}")


if __name__ == "__main__":
    main()
