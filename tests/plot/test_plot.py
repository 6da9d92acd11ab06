"""Pictures: what is drawn, into which axes, with which labels."""

import subprocess
import sys

import jax.numpy as jnp
import matplotlib
import numpy as np
import pytest

import eqpool


matplotlib.use("Agg")
import matplotlib.pyplot as plt

import eqpool.plot as plot


pytestmark = pytest.mark.filterwarnings("ignore:.*pyparsing:DeprecationWarning")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def ticks(axis):
    axis.axes.figure.canvas.draw()
    return [text.get_text() for text in axis.get_ticklabels()]


def spikes():
    return np.array([[0, 1, 0], [2, 0, 0], [0, 0, 0], [0, 1, 0]], float)


def test_raster_marks_the_ends_of_steps():
    ax = plot.raster(spikes(), 1e-3)
    marked = [c.get_positions() for c in ax.collections]
    np.testing.assert_allclose(marked[0], [2e-3])
    np.testing.assert_allclose(marked[1], [1e-3, 4e-3])
    assert len(marked[2]) == 0
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time", "Neuron")
    assert any(text.endswith("ms") for text in ticks(ax.xaxis))


def test_raster_of_events_is_that_of_their_times():
    events = eqpool.Events([1.5e-3, 4e-3], [1, 0], num_channels=3)
    ax = plot.raster(events, colors="red")
    np.testing.assert_allclose(ax.collections[1].get_positions(), [1.5e-3])
    assert len(ax.collections) == 3


def test_traces_in_their_unit():
    mod = eqpool.DynapSim(8, Idc=2e-10, rng_key=0)
    _, _, record = mod(jnp.zeros((60, 32)), record=True)
    ax = plot.traces(mod, record, "vmem", neurons=[1, 5])
    assert [line.get_label() for line in ax.lines] == ["1", "5"]
    np.testing.assert_allclose(ax.lines[1].get_ydata(), record["vmem"][:, 5])
    np.testing.assert_allclose(ax.lines[0].get_xdata()[:2], [1e-3, 2e-3])
    assert ax.get_ylabel() == "vmem" and any(text.endswith("mV") for text in ticks(ax.yaxis))
    assert ax.get_yscale() == "linear"
    ax = plot.traces(mod, record, "imem")
    assert ax.get_yscale() == "log" and len(ax.lines) == 6
    assert any(text.endswith(("pA", "nA")) for text in ticks(ax.yaxis))
    styles = {(line.get_color(), line.get_linestyle()) for line in ax.lines}
    assert len(styles) == 6


def test_a_record_without_a_unit():
    mod = eqpool.RateJax(2, has_rec=True, rng_key=0)
    _, _, record = mod(jnp.ones((5, 2)), record=True)
    ax = plot.traces(mod, record, "rec_input", linewidth=3)
    assert ax.get_ylabel() == "rec_input" and ax.lines[0].get_linewidth() == 3


def test_fi_curve():
    currents = np.geomspace(1e-12, 1e-9, 7)
    ax = plot.fi_curve(currents, np.arange(14.0).reshape(7, 2), labels=["a", "b"])
    assert ax.get_xscale() == "log" and len(ax.lines) == 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert any(text.endswith("pA") for text in ticks(ax.xaxis))
    ax = plot.fi_curve(np.linspace(0, 1, 5), np.zeros(5), unit=None)
    assert ax.get_xscale() == "linear" and ax.get_legend() is None


def test_weights_dense_and_sparse():
    matrix = np.array([[0.0, 2.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 0.5]])
    ax = plot.weights(matrix)
    assert ax.images[0].get_clim() == (-2.0, 2.0)
    sparse = plot.weights(eqpool.SparseWeights.from_dense(matrix))
    np.testing.assert_allclose(sparse.images[0].get_array(), matrix)
    assert plot.weights(np.zeros((2, 2))).images[0].get_clim() == (-1.0, 1.0)
    assert plot.weights(matrix, symmetric=False).images[0].get_clim() == (-1.0, 2.0)


def test_network_from_left_to_right():
    net = eqpool.Sequential(
        eqpool.Linear((3, 8), rng_key=0),
        eqpool.Residual(eqpool.LIF(8, has_rec=True, rng_key=1)),
        eqpool.Linear((8, 2), rng_key=2),
    )
    ax = plot.network(net)
    boxes = [text for text in ax.texts if text.get_text()]
    places = {text.get_text().partition("\n")[0]: text.get_position() for text in boxes}
    assert len(ax.texts) == len(boxes) + net.as_graph().number_of_edges()
    assert set(places) == set(net.as_graph().nodes)
    order = ["input", "0_LinearJax", "1_Residual.0_LIFJax", "2_LinearJax", "output"]
    assert sorted(order, key=lambda name: places[name][0]) == order
    assert len({place for place in places.values()}) == len(places)
    some = plot.network(net.as_graph(), names=["input", "0_LinearJax"])
    assert len(some.texts) == 2 + 1


def measurement(solver, error, time, gradient=np.nan):
    return eqpool.studies.Measurement(
        solver, 1e-3, "1 ms", error, error, 0, gradient, time, 2 * time, 1.0
    )


def test_work_precision():
    found = [
        measurement("Euler", 1e-2, 1e-4),
        measurement("Euler", 1e-3, 1e-3),
        measurement("exact", 0.0, 1.0),
        measurement("exact", 1e-6, 0.1),
    ]
    ax = plot.work_precision(found)
    assert [line.get_label() for line in ax.lines] == ["Euler", "exact"]
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [1e-3, 1e-2])
    np.testing.assert_allclose(ax.lines[1].get_xydata(), [[1e-6, 0.1]])
    assert ax.get_xscale() == ax.get_yscale() == "log"
    ax = plot.work_precision(found, "spike_time_error", time="gradient_time")
    assert ax.get_ylabel() == "Gradient time"
    assert any(text.endswith("ms") for text in ticks(ax.xaxis))


def shown(axis):
    """Labels inside the axis, and where they are in the picture."""
    axis.axes.figure.canvas.draw()
    low, high = sorted(axis.get_view_interval())
    found = [t for t in [*axis.get_major_ticks(), *axis.get_minor_ticks()] if t.label1.get_text()]
    found = [tick.label1 for tick in found if low <= tick.get_loc() <= high]
    return {label.get_text(): label.get_window_extent() for label in found}


@pytest.mark.parametrize(
    "low, high, expected",
    [
        (0.5, 8.0, {"0.5", "1", "2", "5"}),
        (2.8, 29.0, {"5", "10", "20"}),
        (2e-6, 6e-5, None),
        (3e4, 5e5, None),
        (1e-9, 1.0, None),
    ],
)
def test_labels_of_logarithmic_axes_stand_apart(low, high, expected):
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    axes[0].plot([low, high], [low, high])
    assert plot.log_scale(axes[0]) is axes[0]
    labels = shown(axes[0].xaxis)
    assert len(labels) > 1 and (expected is None or set(labels) == expected)
    boxes = sorted(labels.values(), key=lambda box: box.x0)
    assert all(first.x1 < second.x0 for first, second in zip(boxes, boxes[1:], strict=False))
    assert plot.log_scale(axes[1], "y").get_xscale() == "linear"
    assert axes[1].get_yscale() == "log"


def draw_with(ax):
    mod = eqpool.RateJax(2, rng_key=0)
    record = {"x": np.ones((3, 2))}
    return [
        lambda: plot.raster(spikes(), 1e-3, ax=ax),
        lambda: plot.traces(mod, record, "x", ax=ax),
        lambda: plot.fi_curve(np.ones(2), np.ones(2), ax=ax),
        lambda: plot.weights(np.eye(2), ax=ax),
        lambda: plot.network(mod, ax=ax),
        lambda: plot.work_precision([measurement("Euler", 1e-2, 1e-4)], ax=ax),
        lambda: plot.log_scale(ax),
    ]


def test_everything_draws_into_given_axes():
    for i in range(7):
        ax = plt.subplots()[1]
        assert draw_with(ax)[i]() is ax


def test_without_matplotlib_the_extra_is_named():
    code = "import sys; sys.modules['matplotlib'] = None; import eqpool.plot"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode != 0
    assert "needs matplotlib; install it with `pip install 'eqpool[plot]'`" in done.stderr


@pytest.mark.untyped
def test_axes_of_another_kind():
    for i in range(7):
        with pytest.raises(TypeError, match="ax must be the axes .*; got str 'axes'"):
            draw_with("axes")[i]()


@pytest.mark.parametrize(
    "draw, error, message",
    [
        (lambda: plot.raster(np.zeros((2, 3, 4)), 1e-3), ValueError, r"\(T, N\); got shape \(2, 3"),
        (lambda: plot.raster(spikes()), ValueError, "dt must be a time step in s; got NoneType"),
        (lambda: plot.raster(spikes(), -1.0), ValueError, "dt must be a time step"),
        (
            lambda: plot.traces(eqpool.RateJax(2), {"x": np.ones((3, 2))}, "y"),
            ValueError,
            "no 'y' in the record; it has 'x'",
        ),
        (
            lambda: plot.traces(eqpool.RateJax(2), {"x": np.ones((3, 2))}, "x", neurons=[2]),
            IndexError,
            "no neuron 2 among 2",
        ),
        (lambda: plot.traces({}, {}, "x"), TypeError, "takes a module"),
        (lambda: plot.fi_curve(np.ones(3), np.ones(2)), ValueError, r"got \(3,\) and \(2,\)"),
        (
            lambda: plot.fi_curve(np.ones(3), np.ones(3), labels=["a", "b"]),
            ValueError,
            "2 labels for 1 curves",
        ),
        (lambda: plot.weights(np.ones((2, 2, 4))), ValueError, r"w_rec\[:, :, 0\]"),
        (lambda: plot.network([1]), TypeError, "a module or the graph of one; got list"),
        (
            lambda: plot.network(eqpool.RateJax(2, rng_key=0), names=["x"]),
            ValueError,
            "no vertex 'x'",
        ),
        (
            lambda: plot.network(eqpool.RateJax(2, rng_key=0), names=[]),
            ValueError,
            "the graph has no vertices",
        ),
        (lambda: plot.log_scale(plt.subplots()[1], "z"), ValueError, "axis must be 'x', 'y' or"),
        (lambda: plot.work_precision([], "trace"), ValueError, "error must be one of"),
        (lambda: plot.work_precision([], time="run"), ValueError, "time must be one of"),
    ],
)
@pytest.mark.untyped
def test_wrong_uses(draw, error, message):
    with pytest.raises(error, match=message):
        draw()
