"""What networks are: weights, and how modules are connected."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import ArrayLike, Float
from matplotlib.axes import Axes

from .._errors import describe, extra
from .._module import AbstractModule
from .._sparse import SparseWeights
from ._style import COLORS, given, whole_numbers


def weights(
    matrix: Float[ArrayLike, "N_in N"] | SparseWeights,
    *,
    symmetric: bool = True,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """A matrix of weights as an image, with a scale beside it.

    Positive weights are red and negative ones blue, as dark as they are large, so that sign is lost
    in grey but size is not; weights that do not exist in a sparse matrix are 0, white.

    **Arguments:**

    - `matrix`: `(N_in, N)`, a row for each source; or sparse.
    - `symmetric`: whether the scale reaches as far below zero as above. Default `True`.
    - `ax`: axes to draw into. Default: new ones.
    - `kwargs`: of `Axes.imshow`, as `cmap` or `vmax`.

    **Returns:** the axes.

    **Raises:** `ValueError` for what is no matrix, as weights of several synapse types, of which
    one is to be chosen: `w_rec[:, :, 0]`. `TypeError` for what is no axes.
    """
    ax = given(ax, "weights")
    values = np.asarray(matrix.todense() if isinstance(matrix, SparseWeights) else matrix)
    if values.ndim != 2:
        raise ValueError(
            f"plot.weights: matrix must be (N_in, N); got shape {values.shape}."
            + (" Choose one synapse type: `w_rec[:, :, 0]`." if values.ndim == 3 else "")
        )
    style: dict[str, Any] = {"cmap": "RdBu_r", "aspect": "auto", "interpolation": "nearest"}
    largest = float(np.max(np.abs(values), initial=0.0)) or 1.0
    if symmetric:
        style |= {"vmin": -largest, "vmax": largest}
    image = ax.imshow(values, **(style | kwargs))
    ax.figure.colorbar(image, ax=ax, label="Weight")
    ax.set_xlabel("To neuron")
    ax.set_ylabel("From neuron")
    whole_numbers(ax.xaxis)
    whole_numbers(ax.yaxis)
    return ax


def network(
    graph: Any, *, names: Sequence[str] | None = None, ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """The computational graph from left to right: weights, neurons and functions as boxes.

    **Arguments:**

    - `graph`: a module, or a graph as of `module.as_graph()` (extra `graph`).
    - `names`: of the vertices that are drawn. Default: all.
    - `ax`: axes to draw into. Default: new ones, as wide as the graph is long.
    - `kwargs`: of `Axes.text`, for every box, as `fontsize`.

    **Returns:** the axes, without ticks.

    **Raises:** `TypeError` for what is neither module nor graph; `ValueError` for an unknown
    name, and for a graph without vertices.
    """
    networkx = extra("networkx", "graph")
    drawn = graph.as_graph() if isinstance(graph, AbstractModule) else graph
    if not isinstance(drawn, networkx.DiGraph):
        raise TypeError(f"plot.network takes a module or the graph of one; got {describe(graph)}.")
    if names is not None:
        unknown = [name for name in names if name not in drawn]
        if unknown:
            raise ValueError(f"plot.network: the graph has no vertex {unknown[0]!r}.")
        drawn = drawn.subgraph(names)
    if not drawn:
        raise ValueError("plot.network: the graph has no vertices.")
    columns = _columns(networkx, drawn)
    rows = max(list(columns.values()).count(c) for c in set(columns.values()))
    ax = given(ax, "network", size=(2.6 * (max(columns.values()) + 1), 1.0 + rows))
    places = _places(columns)
    box = dict(facecolor="white", edgecolor="0.5", boxstyle="round,pad=0.4")
    style: dict[str, Any] = dict(ha="center", va="center", fontsize=8, zorder=3, bbox=box)
    boxes = {
        name: ax.text(*places[name], _label(name, data.get("node")), **(style | kwargs))
        for name, data in drawn.nodes(data=True)
    }
    for source, target in drawn.edges:
        arrow = dict(
            arrowstyle="-|>", color=COLORS[0], connectionstyle="arc3,rad=0.12", shrinkA=2,
            shrinkB=2, patchA=boxes[source].get_bbox_patch(),
            patchB=boxes[target].get_bbox_patch(),
        )  # fmt: skip
        ax.annotate("", places[target], places[source], arrowprops=arrow)
    across, along = zip(*places.values(), strict=True)
    ax.set_xlim(min(across) - 0.5, max(across) + 0.5)
    ax.set_ylim(min(along) - 0.5, max(along) + 0.5)
    ax.axis("off")
    return ax


def _columns(networkx: Any, graph: Any) -> dict[str, int]:
    """How far each vertex is from the input, by the longest way; cycles stand in one column."""
    parts = networkx.condensation(graph)
    depth: dict[int, int] = {}
    for part in networkx.topological_sort(parts):
        depth[part] = 1 + max((depth[p] for p in parts.predecessors(part)), default=-1)
    return {name: depth[part] for name, part in parts.graph["mapping"].items()}


def _places(columns: dict[str, int]) -> dict[str, tuple[float, float]]:
    by_column: dict[int, list[str]] = {}
    for name, column in columns.items():
        by_column.setdefault(column, []).append(name)
    return {
        name: (float(column), (len(names) - 1) / 2 - i)
        for column, names in by_column.items()
        for i, name in enumerate(sorted(names))
    }


def _label(name: str, node: Any) -> str:
    return name if node is None else f"{name}\n{node}"
