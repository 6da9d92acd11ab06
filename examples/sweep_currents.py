"""What the bias currents of a silicon neuron do to its firing rate.

One neuron of the DYNAP-SE2 chip gets a constant input current. Its firing rate is swept over that
current for several leaks `Itau_mem` (F-I curves), and over leak and strength of adaptation
`Iw_ahp` at one input (a map). Each sweep is one compiled function over all devices there are.

    python examples/sweep_currents.py            # 1000 points each, half a minute on two cores
    python examples/sweep_currents.py --short    # fewer points
"""

import argparse
import pathlib
import time
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from jax.sharding import AxisType
from jaxtyping import Array, Float
from tqdm import tqdm

import eqpool
from eqpool.studies import Sweep, sweep


matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import NullLocator


DT, SETTLE, DURATION = 2.5e-4, 0.5, 2.0  # s


def rate(mod: eqpool.DynapSim) -> Float[Array, ""]:
    """Spikes per second, after the neuron has settled."""
    silence = jnp.zeros((round((SETTLE + DURATION) / DT), 1))
    spikes, _, _ = mod(silence)
    return jnp.sum(spikes[round(SETTLE / DT) :]) / DURATION


def draw(curves: Sweep, plane: Sweep, Idc: float, path: pathlib.Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    leaks, inputs = curves.axes[0]["Itau_mem"], curves.axes[1]["Idc"]
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(leaks)))
    for leak, rates, colour in zip(leaks, curves.values, colours, strict=True):
        label = f"{1e12 * float(leak):.1f} pA"
        left.plot(1e12 * np.asarray(inputs), rates, color=colour, label=label)
    left.set(xlabel="input current Idc (pA)", ylabel="firing rate (Hz)", title="F-I curves")
    left.legend(title="leak Itau_mem", loc="upper center", ncols=3)
    left.set_ylim(0.0, 1.35 * float(curves.values.max()))
    left.grid(alpha=0.3)
    x, y = (np.asarray(plane.axes[i][name]) for i, name in ((1, "Iw_ahp"), (0, "Itau_mem")))
    image = right.pcolormesh(1e9 * x, 1e12 * y, plane.values, shading="nearest", cmap="magma")
    right.set(
        xscale="log", yscale="log", title=f"At Idc = {1e12 * Idc:g} pA",
        xlabel="adaptation weight Iw_ahp (nA)", ylabel="leak Itau_mem (pA)",
    )  # fmt: skip
    right.set_yticks([2, 5, 10, 20], ["2", "5", "10", "20"])
    right.yaxis.set_minor_locator(NullLocator())
    figure.colorbar(image, ax=right, label="firing rate (Hz)")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer points")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("outputs/sweep"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    points, Idc = (12 if args.short else 32), 500e-12
    mesh = jax.make_mesh((jax.device_count(),), ("settings",), (AxisType.Auto,))
    neuron = eqpool.DynapSim(
        1, Idc=Idc, Itau_ahp=1e-11, Igain_ahp=1e-9, synapses=("ampa",), dt=DT,
        solver=eqpool.ForwardEuler(),
    )  # fmt: skip
    studies: dict[str, Any] = {
        "F-I curves": {
            "Itau_mem": jnp.geomspace(2e-12, 20e-12, 5),
            "Idc": jnp.linspace(0.0, 1e-9, 6 * points),
        },
        "map": {
            "Itau_mem": jnp.geomspace(2e-12, 20e-12, points),
            "Iw_ahp": jnp.geomspace(1e-10, 1e-7, points),
        },
    }
    found = {}
    progress = tqdm(studies.items())
    for name, settings in progress:
        progress.set_description(name)
        start = time.perf_counter()
        found[name] = jax.block_until_ready(sweep(neuron, settings, rate, mesh=mesh, chunk=256))
        elapsed = time.perf_counter() - start
        rates = found[name].values
        tqdm.write(
            f"{name}: {rates.size} settings in {elapsed:.1f} s with compilation on {mesh.size} "
            f"devices; {rates.min():.0f} to {rates.max():.0f} Hz"
        )
    figure = args.out / "sweep.png"
    draw(found["F-I curves"], found["map"], Idc, figure)
    print(f"Figure: {figure}")


if __name__ == "__main__":
    main()
