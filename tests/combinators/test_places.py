"""Errors inside a network name the layer: while it is traced, and when it runs."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool


class Fussy(eqpool.AbstractModule):
    """Takes no negative input."""

    blueprint: eqpool.Blueprint

    def __init__(self, name=""):
        eqpool.initialise(self, 2, name=name)

    def run(self, input_data, record):
        del record
        message = f"{self.full_name}: negative."
        return eqx.error_if(input_data, jnp.any(input_data < 0.0), message), {}, {}

    def run_events(self, events, duration, num_steps):
        return events, {}


class Wrapped(eqpool.AbstractModule):
    """A user's own module around another, which it may change before it runs it."""

    blueprint: eqpool.Blueprint
    inner: eqpool.AbstractModule
    change: bool = eqx.field(static=True)

    def __init__(self, inner, change=False):
        self.inner, self.change = inner, change
        eqpool.initialise(self, inner.shape)

    def run(self, input_data, record):
        inner = self.inner.reset_state() if self.change else self.inner
        output, state, recorded = inner(input_data, record)
        return output, {"inner": state}, {"inner": recorded}


def raising(error):
    def function(x):
        raise error

    return eqpool.Instant(2, function)


negate = eqpool.Instant(2, jnp.negative)
weights = dict(weight_init_func=jnp.ones)
x = jnp.ones((3, 2))

NETWORKS = {
    "Fussy: ": Fussy(),
    "Sequential.2_Fussy: ": eqpool.Sequential(Fussy(), negate, Fussy()),
    "Sequential 'net'.1_Fussy (Fussy 'b'): ": eqpool.Sequential(negate, Fussy("b"), name="net"),
    "Residual.1_Sequential.1_Fussy: ": eqpool.Residual(Fussy(), eqpool.Sequential(negate, Fussy())),
    "FFwdStack.2_Fussy: ": eqpool.FFwdStack(Fussy(), negate, Fussy(), **weights),
    "Sequential.1_Wrapped.inner (Fussy): ": eqpool.Sequential(negate, Wrapped(Fussy())),
    "Sequential.1_Wrapped.Fussy: ": eqpool.Sequential(negate, Wrapped(Fussy(), change=True)),
}


@pytest.mark.parametrize("message", NETWORKS)
def test_at_run_time(message):
    """Equal layers share no message, though they share all else."""
    alone = message == "Fussy: "
    for data in (-x, -x[None]) if alone else (x, x[None]):
        with pytest.raises(RuntimeError) as error:
            NETWORKS[message](data)
        assert f" {message}negative." in str(error.value)


def test_in_segments_and_inside_jit():
    net = NETWORKS["Sequential.2_Fussy: "]
    with pytest.raises(RuntimeError, match="Sequential.2_Fussy: negative"):
        net(x, checkpoint=1)
    with pytest.raises(RuntimeError, match="Sequential.2_Fussy: negative"):
        eqx.filter_jit(lambda net, x: net(x)[0])(net, x)


@pytest.mark.parametrize(
    "net, error, message",
    [
        (eqpool.Sequential(Fussy(), raising(ValueError("no."))), ValueError,
         r"^Sequential\.1_InstantJax: no\."),
        (eqpool.Sequential(Wrapped(raising(TypeError("no.")))), TypeError,
         r"^Sequential\.0_Wrapped\.inner: no\."),
        (eqpool.Sequential(Fussy(), eqpool.Instant(2, lambda x: x @ jnp.ones((3, 3)))), TypeError,
         r"^Sequential\.1_InstantJax: "),
        (raising(ValueError("no.")), ValueError, r"^no\."),
        (eqpool.Sequential(Fussy(), Wrapped(Fussy()).set_attributes({})), None, ""),
    ],
)  # fmt: skip
def test_whatever_is_raised_while_tracing(net, error, message):
    """By a function of the user's, or by JAX."""
    if error is None:
        net(x)
        return
    with pytest.raises(error, match=message):
        net(x)


def test_errors_of_other_kinds_keep_their_text():
    with pytest.raises(KeyError) as error:
        eqpool.Sequential(Fussy(), raising(KeyError("no")))(x)
    assert str(error.value) == "'no'"
    assert "In Sequential.1_InstantJax." in error.value.__notes__


def test_events():
    """Refusals, and what a layer on a grid asks for, in a network and one inside another."""
    events = eqpool.Events([1e-3], [0], 2)
    biased = eqpool.Linear((2, 2), has_bias=True)
    net = eqpool.Sequential(Fussy(), eqpool.Sequential(Fussy(), biased, name="inner"))
    path = r"^Sequential\.1_Sequential\.1_LinearJax: events have no place"
    with pytest.raises(ValueError, match=path):
        net.evolve_events(events, 0.1)
    with pytest.raises(ValueError, match=r"^Sequential\.1_LIFJax runs on a time grid"):
        eqpool.Sequential(Fussy(), eqpool.LIF(2)).evolve_events(events, 0.12345)
    with pytest.raises(TypeError, match=r"^Sequential\.1_RateJax does not deal in events"):
        eqpool.Sequential(Fussy(), eqpool.RateJax(2)).evolve_events(events, 0.1)


def test_a_timed_network():
    nap = pytest.importorskip("pynapple")
    net = eqpool.Sequential(eqpool.Linear((2, 2), weight=-jnp.eye(2)), Fussy(), eqpool.ExpSyn(2))
    series = nap.TsdFrame(t=np.arange(3) * 1e-3, d=np.ones((3, 2)))
    with pytest.raises(RuntimeError, match=r"Sequential\.1_Fussy: negative"):
        net.timed()(series)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["raster", "events"])
def test_bounds_of_exact_spikes(way):
    """The two layers differ in their values only, so that one compiled function would do."""
    quiet, hot = (
        eqpool.DynapSim(1, Idc=Idc, synapses=("ampa",), solver=eqpool.EventDriven(max_spikes=1))
        for Idc in (1e-13, 1e-9)
    )
    net = eqpool.Sequential(quiet, hot)
    message = r"Sequential\.1_DynapSim: EventDriven has done its max_spikes = 1 spikes"
    with pytest.raises(RuntimeError, match=message):
        if way == "raster":
            net(jnp.zeros((100, 1)))
        else:
            net.evolve_events(eqpool.Events([], [], 1), 0.1)


def test_names_outside_of_a_run_stay_as_they_are():
    net = NETWORKS["Sequential 'net'.1_Fussy (Fussy 'b'): "]
    assert net[1].full_name == "Fussy 'b'" and net.full_name == "Sequential 'net'"
    with pytest.raises(RuntimeError):
        net(x)
    assert net[1].full_name == "Fussy 'b'"


def test_one_place_is_traced_once():
    """A layer that was traced is found again, by whatever network of that structure."""
    traces = []
    net = eqpool.Sequential(Fussy(), eqpool.Instant(2, lambda x: (traces.append(0), x)[1]))
    for scale in (1.0, 2.0):
        net(scale * x)
    assert len(traces) <= 2  # `vmap` over time, and once more for its shape
    count = len(traces)
    jax.jit(lambda x: net(x)[0])(x)
    assert len(traces) == count
