"""Pictures of what `timed` modules return: events and samples at their own times."""

import matplotlib
import numpy as np
import pynapple as nap
import pytest

import eqpool


matplotlib.use("Agg")
import matplotlib.pyplot as plt

import eqpool.plot as plot


pytestmark = pytest.mark.filterwarnings("ignore:.*pyparsing:DeprecationWarning")
SUPPORT = nap.IntervalSet(0.0, 0.01)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def marked(ax):
    """The times of the marks at each height."""
    return {c.get_lineoffset(): list(np.round(c.get_positions(), 9)) for c in ax.collections}


def group(trains):
    trains = {key: nap.Ts(np.array(t), time_support=SUPPORT) for key, t in trains.items()}
    return nap.TsGroup(trains, time_support=SUPPORT)


def test_the_output_of_a_timed_module():
    chip = eqpool.DynapSim(3, synapses=("ampa",), Idc=[5e-13, 5e-10, 5e-9], rng_key=0)
    timed = chip.timed()
    output, _, record = timed(duration=0.03, record=True)
    ax = plot.raster(output)
    assert marked(ax) == {n: list(output[n].t) for n in range(3)}
    assert len(output[2]) > len(output[0]) == 0 and ax.get_ylim() == (-0.6, 2.6)
    for module in (timed, chip):
        ax = plot.traces(module, record, "vmem")
        np.testing.assert_array_equal(ax.lines[1].get_xdata(), record["vmem"].t)
        np.testing.assert_array_equal(ax.lines[1].get_ydata(), record["vmem"].values[:, 1])
        ax.figure.canvas.draw()
        assert ax.yaxis.get_ticklabels()[0].get_text().endswith("V")


def test_neurons_stand_at_their_keys():
    ax = plot.raster(group({2: [0.001, 0.0025], 7: []}))
    assert marked(ax) == {2: [0.001, 0.0025], 7: []} and ax.get_ylim() == (1.4, 7.6)
    assert marked(plot.raster(nap.Ts(np.array([0.004]), time_support=SUPPORT))) == {0: [0.004]}


def test_samples_are_marked_at_their_times():
    times, values = np.array([0.0015, 0.003, 0.0071]), np.array([[0, 2], [1, 0], [1, 0]])
    frame = nap.TsdFrame(t=times, d=values)
    assert marked(plot.raster(frame)) == {0: [0.003, 0.0071], 1: [0.0015]}
    assert marked(plot.raster(nap.Tsd(t=times, d=values[:, 1]))) == {0: [0.0015]}


def test_one_neuron_and_every_dtype():
    train = np.array([0, 1, 0, 1])
    for spikes in (train, train.astype(bool), train.astype(float), [0, 1, 0, 1], train[:, None]):
        assert marked(plot.raster(spikes, 1e-3)) == {0: [0.002, 0.004]}
    ax = plot.traces(eqpool.RateJax(1), {"x": np.arange(3.0)}, "x")
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [0, 1, 2])


@pytest.mark.untyped
def test_what_is_no_raster():
    tensor = nap.TsdTensor(t=np.arange(2.0), d=np.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match=r"spikes must be \(T, N\); got shape \(2, 3, 4\)"):
        plot.raster(tensor)
    with pytest.raises(TypeError, match="spikes must hold numbers; got object"):
        plot.raster(np.array([None, 1]), 1e-3)
    with pytest.raises(ValueError, match=r"spikes must be \(T, N\); got shape \(\)"):
        plot.raster(3.0, 1e-3)
