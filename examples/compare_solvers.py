"""What a solver and a time step cost: accuracy of traces, spikes and gradients against run time.

Eight silicon neurons of the DYNAP-SE2 chip get spikes on their AMPA and GABA synapses every 4 ms;
four of them stay below threshold, the others fire and adapt. Every solver runs them at every step,
and is compared with a fifth-order method at a hundredth of a millisecond in double precision.
Prints a table and saves a work-precision figure.

    python examples/compare_solvers.py            # two minutes on two cores
    python examples/compare_solvers.py --short    # fewer solvers and steps
"""

import argparse
import os
import pathlib
import platform
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from jaxtyping import Array
from tqdm import tqdm

import eqpool
from eqpool.plot import log_scale
from eqpool.studies import compare_solvers, fastest_within, Measurement, table


matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import NullLocator


jax.config.update("jax_enable_x64", True)

NEURONS, QUIET = 8, 4
DURATION, EVERY = 0.12, 4e-3  # s

SOLVERS = {
    "RockpoolEuler": eqpool.RockpoolEuler(),
    "ForwardEuler": eqpool.ForwardEuler(),
    "Heun": diffrax.Heun(),
    "Tsit5": diffrax.Tsit5(),
    "Kvaerno3, adaptive": eqpool.Diffrax(
        diffrax.Kvaerno3(), stepsize_controller=diffrax.PIDController(rtol=1e-5, atol=1e-5)
    ),
}
STEPS = [2e-3, 1e-3, 5e-4, 2e-4]


def build(solver: Any, dt: float) -> eqpool.DynapSim:
    return eqpool.DynapSim.from_specification(
        NEURONS,
        Idc=np.concatenate([np.linspace(9e-12, 12e-12, QUIET), np.geomspace(1e-10, 8e-10, QUIET)]),
        Itau_mem=eqpool.Parameter(),
        Iw_ahp=5e-8,
        tau_syn=8e-3,
        r_gain_syn=50.0,
        synapses=("ampa", "gaba"),
        dt=dt,
        solver=solver,
    )


def drive(dt: float) -> Array:
    """The same spikes at the same times, whatever the grid."""
    steps = np.arange(round(DURATION / dt))
    arrives = (steps % round(EVERY / dt) == 0).astype(float)
    counts = np.zeros((len(steps), NEURONS, 2))
    counts[:, :, 0] = 0.004 * arrives[:, None]
    counts[:, :, 1] = 0.0005 * arrives[:, None]
    return jnp.asarray(counts)


def observe(output: Array, state: Any, record: Any) -> tuple[Array, Array]:
    return record["vmem"][:, :QUIET], output[:, QUIET:]


def loss(mod: eqpool.DynapSim, x: Array) -> Array:
    return jnp.sum(mod(x)[1]["vmem"][:QUIET])


def draw(found: list[Measurement], path: pathlib.Path) -> None:
    panels = [
        ("trace_error", "error of vmem below threshold (V)", "run_time", "run time (ms)", 1.0),
        ("gradient_error", "error of the gradient", "gradient_time", "with gradient (ms)", 1.0),
        ("spike_time_error", "error of spike times (ms)", "dt", "time step (ms)", 1e3),
    ]
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    for axis, (error, ylabel, cost, xlabel, scale) in zip(axes, panels, strict=True):
        for solver in dict.fromkeys(m.solver for m in found):
            own = [m for m in found if m.solver == solver]
            axis.plot(
                [1e3 * getattr(m, cost) for m in own],
                [scale * getattr(m, error) for m in own],
                linestyle="--" if "adaptive" in solver else "-",
                marker="o",
                markersize=4,
                label=solver,
            )
        log_scale(axis).set(xlabel=xlabel, ylabel=ylabel)
        axis.grid(alpha=0.3)
    steps = sorted({1e3 * m.dt for m in found})
    axes[2].set_xticks(steps, [f"{step:g}" for step in steps], minor=False)
    axes[2].xaxis.set_minor_locator(NullLocator())
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=5)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="three solvers at three steps")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("outputs/solvers"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    names = ["RockpoolEuler", "ForwardEuler", "Heun"] if args.short else list(SOLVERS)
    print(f"{jax.devices()}, {os.cpu_count()} cores, {platform.machine()}; jax {jax.__version__}\n")
    steps = STEPS[1:] if args.short else STEPS
    with tqdm(total=len(names) * len(steps), desc="measuring") as progress:
        found = compare_solvers(
            build,
            drive,
            {name: SOLVERS[name] for name in names},
            steps,
            reference=(diffrax.Tsit5(), 1e-4 if args.short else 1e-5),
            observe=observe,
            loss=loss,
            repeats=3 if args.short else 15,
            on_measurement=lambda measurement: progress.update(),
        )
    print(table(found))
    for tolerance in (1e-3, 1e-6):
        try:
            best = fastest_within(found, tolerance)
        except ValueError as error:
            print(f"\n{error}")
        else:
            print(
                f"\nFastest to {tolerance:g} V: {best.solver} at {1e3 * best.dt:g} ms, "
                f"{1e3 * best.run_time:.2g} ms"
            )
    figure = args.out / "work_precision.png"
    draw(found, figure)
    print(f"\nFigure: {figure}")


if __name__ == "__main__":
    main()
