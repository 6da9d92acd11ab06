"""What cannot be read from NIR, and what cannot be written."""

import h5py
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import eqpool
from tests.helpers import DATA
from tests.io.nir_graphs import graph_of, leaky, li, lif, linear


RECURRENT = (("input", "n"), ("n", "w"), ("w", "n"), ("n", "output"))
NOT_READ = {
    "another node": (
        lambda: graph_of(
            n=nir.Conv1d(2, np.ones((1, 1, 3)), stride=1, padding=0, dilation=1, groups=1,
                         bias=np.zeros(1)),
        ),
        ValueError,
        "no module for the node 'n', nir.Conv1d",
    ),
    "a delay": (
        lambda: graph_of(n=nir.Delay(np.array([0.0, 2e-3]))),
        ValueError,
        "'n' is a nir.Delay of 0.002 s; eqpool has no module that delays",
    ),
    "a Flatten to two axes": (
        lambda: graph_of(n=nir.Flatten({"input": np.array([2, 1, 3])}, 1, -1)),
        ValueError,
        "no module for the node 'n', nir.Flatten",
    ),
    "recurrent current-based integrators": (
        lambda: eqpool.from_nir(
            graph_of(
                RECURRENT, w=nir.Linear(np.eye(2)),
                n=nir.CubaLI(*np.full((4, 2), 1e-2)),
            ),
            dt=1e-3,
        ),
        ValueError,
        "'n.synapse'.* form a cycle",
    ),
    "two graphs in one": (
        lambda: graph_of(n=graph_of((), other=nir.Input({"input": np.array([2])}))),
        ValueError,
        "the graph 'n' must have one Input",
    ),
    "weights with three axes": (
        lambda: graph_of(n=nir.Linear(np.ones((1, 2, 2)))),
        ValueError,
        r"weights of 'n' have shape \(1, 2, 2\); expected \(N_out, N_in\)",
    ),
    "a dt that is negative": (
        lambda: eqpool.from_nir(graph_of(n=li()), dt=-1e-3),
        ValueError,
        "dt must be positive and finite; got -0.001 s for 'n'",
    ),
    "a dt that is no number": (
        lambda: eqpool.from_nir(graph_of(n=li()), dt="1ms"),
        TypeError,
        "dt must be a number, in s; got str '1ms'",
    ),
    "no dt": (lambda: graph_of(n=leaky()), ValueError, "'n' does not say its time step.*give dt"),
    "a reset": (
        lambda: eqpool.from_nir(graph_of(n=leaky(v_reset=-0.1)), dt=1e-3),
        ValueError,
        "'n' resets to v_reset = -0.1",
    ),
    "a step too long": (
        lambda: eqpool.from_nir(graph_of(n=li(5e-4)), dt=1e-3, discretisation="euler"),
        ValueError,
        "'n' has a time constant of 0.0005 s, too short for euler steps of dt = 0.001 s",
    ),
    "values that are too many": (
        lambda: eqpool.from_nir(graph_of(size=3, n=nir.Scale(scale=np.ones(2))), dt=1e-3),
        ValueError,
        "'input' has 3 outputs, but 'n', to which it leads, takes 2 inputs",
    ),
    "channels with several axes": (
        lambda: graph_of((("input", "output"),), size=[2, 3]),
        ValueError,
        r"'input' has channels of shape \(2, 3\).* Lead an input with several into a nir.Flatten",
    ),
    "a cycle": (
        lambda: eqpool.from_nir(
            graph_of(
                (("input", "n"), ("n", "m"), ("m", "w"), ("w", "n"), ("m", "output")),
                n=li(), m=li(), w=nir.Linear(np.eye(2)),
            ),
            dt=1e-3,
        ),
        ValueError,
        "form a cycle",
    ),
    "a method that does not exist": (
        lambda: eqpool.from_nir(graph_of(n=li()), dt=1e-3, discretisation="heun"),
        ValueError,
        "discretisation must be 'exponential' or 'euler'; got 'heun'",
    ),
    "no graph": (lambda: eqpool.from_nir(li()), TypeError, "a path or a nir.NIRGraph; got LI"),
}  # fmt: skip


@pytest.mark.untyped
@pytest.mark.parametrize("name", NOT_READ)
def test_what_cannot_be_read(name):
    build, kind, message = NOT_READ[name]
    with pytest.raises(kind, match=message):
        graph = build()
        eqpool.from_nir(graph)


def test_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "net.nir"
    with pytest.raises(FileNotFoundError, match="net.nir"):
        eqpool.from_nir(path)
    whole = (DATA / "snntorch_leaky.nir").read_bytes()
    for content in (b"a page of text", b"", whole[:3000], whole[:-5000], whole[:1]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="net.nir' cannot be read as a file of NIR: "):
            eqpool.from_nir(path, dt=1e-4)
    with h5py.File(path, "w") as file:
        file["weights"] = np.ones(3)
    with pytest.raises(ValueError, match="net.nir' cannot be read as a file of NIR: .*node"):
        eqpool.from_nir(str(path), dt=1e-4)


NOT_WRITTEN = {
    "rate neurons": (lambda: eqpool.RateJax(2), r"no node for 'RateJax', RateNeurons\(2 -> 2\)"),
    "DYNAP-SE neurons": (
        lambda: eqpool.Sequential(linear(3, 8), eqpool.DynapSim(2)),
        "no node for '1_DynapSim', DynapseNeurons",
    ),
    "a function": (
        lambda: eqpool.Sequential(linear(3, 2), eqpool.Instant(2, jnp.tanh)),
        "no node for the function of '1_InstantJax'; it has one for `eqpool.Threshold`",
    ),
    "a filter with a function": (
        lambda: eqpool.ExpSmooth(2, activation_fun=jnp.tanh), "function of 'ExpSmoothJax'",
    ),
    "softmax": (lambda: eqpool.Softmax((3, 2)), "no node for the function of 'activation_fn'"),
    "noise": (lambda: lif(2, noise_std=0.1), "no noise, and 'LIFJax', LIFNeurons.*has some"),
    "noisy synapses": (lambda: eqpool.ExpSyn(2, noise_std=0.1), "no noise, and 'ExpSynJax'"),
    "several synapses": (lambda: eqpool.LIF((4, 2)), "one synapse each, these 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_WRITTEN)
def test_what_cannot_be_written(name):
    build, message = NOT_WRITTEN[name]
    with pytest.raises(ValueError, match=message):
        eqpool.to_nir(build())
