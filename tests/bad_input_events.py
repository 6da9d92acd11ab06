"""Wrong uses of events and of `EventDriven`, with what the message must say."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from equinox import EquinoxRuntimeError

import eqpool
from eqpool import DynapSim, EventDriven, Events


def mod(**kwargs):
    kwargs = dict(Idc=1e-10, synapses=("ampa",), solver=EventDriven()) | kwargs
    return DynapSim(2, **kwargs)


def events(*times):
    return Events(times, [0] * len(times), 2)


@eqx.filter_jit
def run_traced(times, duration):
    return mod().evolve_events(Events(times, jnp.zeros(2, jnp.int32), 2), duration)


def traced(times, duration=0.03):
    """The same inside `jit`, where values cannot be looked at: compiled once for two events."""
    return run_traced(jnp.array(times), jnp.array(duration))


def second_derivative():
    def first(scale):
        changed = eqx.tree_at(lambda m: m.C_mem, mod(), 3e-12 * scale)
        return changed.evolve_events(Events([], [], 2), 0.1)[0].first_times(0.1)[0]

    return jax.eval_shape(jax.hessian(first), 1.0)


EVENT_CASES = {
    "events out of order": (
        lambda: events(2e-3, 1e-3),
        ValueError,
        r"times are out of order; sort them first\. Event 1 has time 0\.001",
    ),
    "event at NaN": (lambda: events(float("nan")), ValueError, r"a time is NaN or infinite"),
    "event before the start": (lambda: events(-1e-3), ValueError, r"negative; runs start at 0"),
    "event behind the end": (
        lambda: mod().evolve_events(events(0.0, 0.5), 0.3),
        ValueError,
        r"comes after the end of the run; make `duration` longer.* Event 1 has time 0\.5",
    ),
    "event behind the last step": (
        lambda: mod().evolve_events(events(0.0, 0.5), num_steps=300),
        EquinoxRuntimeError,
        r"DynapSim: Events: an event comes after the end of the run",
    ),
    "event without channel": (
        lambda: Events([0.1], [2], 2),
        ValueError,
        r"a channel is not between 0 and 1\. Event 0 has .* channel 2",
    ),
    "channel that is no integer": (
        lambda: Events([0.1], [0.5], 2),
        TypeError,
        r"channels must be integers; got float32\[1\]",
    ),
    "channels of another length": (
        lambda: Events([0.1, 0.2], [0], 2),
        ValueError,
        r"times and channels must both be of shape \(M,\); got float32\[2\] and int32\[1\]",
    ),
    "weights of another length": (
        lambda: Events([0.1, 0.2], [0, 0], 2, [1.0]),
        ValueError,
        r"weights must be a scalar or of shape \(2,\), as times; got float32\[1\]",
    ),
    "weight that is NaN": (
        lambda: Events([0.1], [0], 2, float("nan")),
        ValueError,
        r"a weight is NaN or infinite",
    ),
    "traced events out of order": (
        lambda: traced([2e-3, 1e-3]),
        EquinoxRuntimeError,
        r"DynapSim: Events: times are out of order",
    ),
    "traced event at NaN": (
        lambda: traced([0.0, float("nan")]),
        EquinoxRuntimeError,
        r"DynapSim: Events: a time is NaN",
    ),
    "traced event behind the end": (
        lambda: traced([0.0, 0.05]),
        EquinoxRuntimeError,
        r"DynapSim: Events: an event comes after the end of the run",
    ),
    "traced duration below zero": (
        lambda: traced([0.0, 0.0], -0.03),
        EquinoxRuntimeError,
        r"comes after the end of the run|duration must be positive",
    ),
    "duration of zero": (
        lambda: mod().evolve_events(events(), 0.0),
        ValueError,
        r"duration must be positive and finite; got 0\.0 s",
    ),
    "duration that is NaN": (
        lambda: mod().evolve_events(events(), float("nan")),
        ValueError,
        r"duration must be positive and finite; got nan s",
    ),
    "duration of several numbers": (
        lambda: mod().evolve_events(events(), [0.1, 0.2]),
        TypeError,
        r"duration must be a number, in s; got list",
    ),
    "no duration": (
        lambda: mod().evolve_events(events()),
        ValueError,
        r"give either duration, in s, or num_steps",
    ),
    "no steps": (
        lambda: mod().evolve_events(events(), num_steps=0),
        ValueError,
        r"num_steps must be at least 1; got 0",
    ),
    "duration between grid points": (
        lambda: mod(solver=eqpool.ForwardEuler()).evolve_events(events(), 10.5e-3),
        ValueError,
        r"with ForwardEuler runs on a time grid: duration must be a whole number of its dt",
    ),
    "events of other channels": (
        lambda: mod().evolve_events(Events([], [], 3), 0.1),
        ValueError,
        r"events have 3 channels; expected 2, the inputs of the module",
    ),
    "raster instead of events": (
        lambda: mod().evolve_events(jnp.zeros((10, 2)), 0.1),
        TypeError,
        r"events must be an eqpool.Events.*got float32\[10,2\]\. A raster goes into `evolve`",
    ),
    "batch of events": (
        lambda: mod().evolve_events(eqx.filter_vmap(lambda t: events(t, t))(jnp.ones(3)), 2.0),
        ValueError,
        r"have a batch axis \(times of shape \(3, 2\)\); map over it, as `eqx.filter_vmap",
    ),
    "events into a rate layer": (
        lambda: eqpool.RateJax(2).evolve_events(events(), 0.1),
        TypeError,
        r"RateJax does not deal in events.*Give it a raster",
    ),
    "events into a bias": (
        lambda: eqpool.Linear((2, 2), has_bias=True).evolve_events(events(), 0.1),
        ValueError,
        r"events have no place for a bias",
    ),
    "first times behind weights": (
        lambda: events(0.1).through(jnp.ones((2, 3))).first_times(),
        ValueError,
        r"Events.first_times: these events have passed a linear layer",
    ),
    "too many spikes": (
        lambda: mod(solver=EventDriven(max_spikes=1)).evolve_events(events(), 0.2),
        EquinoxRuntimeError,
        r"done its max_spikes = 1 spikes at t = 0\.06\d+ s, before the end.*Raise max_spikes",
    ),
    "too many steps": (
        lambda: mod(solver=EventDriven(max_steps=20))(jnp.zeros((200, 2))),
        EquinoxRuntimeError,
        r"done its max_steps = 20 steps of the solver at t = 0\.0\d+ s.*Raise max_steps",
    ),
    "too many spikes in one of a batch": (
        lambda: eqx.filter_vmap(
            lambda t: eqpool.LIF(2, solver=EventDriven(max_spikes=1)).evolve_events(
                Events(t, jnp.zeros(3, jnp.int32), 2, 50.0), 0.3
            )
        )(jnp.array([[0.1, 0.1, 0.1], [0.0, 0.1, 0.2]])),
        EquinoxRuntimeError,
        r"done its max_spikes = 1 spikes at t = 0\.\d+ s",
    ),
    "a word for a progress meter": (
        lambda: EventDriven(progress_meter="tqdm"),
        TypeError,
        r"progress_meter must be one of diffrax's, as .*Meter\(\); got str 'tqdm'",
    ),
    "solver without error estimate": (
        lambda: EventDriven(diffrax.Euler()),
        TypeError,
        r"with an error estimate, as diffrax.Heun\(\).*got Euler Euler\(\)",
    ),
    "controller of fixed steps": (
        lambda: EventDriven(stepsize_controller=diffrax.ConstantStepSize()),
        TypeError,
        r"must be a diffrax.PIDController\(rtol=..., atol=...\); got ConstantStepSize",
    ),
    "room for no spikes": (
        lambda: EventDriven(max_spikes=0),
        ValueError,
        r"max_spikes must be at least 1; got 0",
    ),
    "adjoint of an event-driven run": (
        lambda: EventDriven(adjoint=diffrax.BacksolveAdjoint()),  # pyright: ignore
        ValueError,
        r"there is no adjoint to choose; got BacksolveAdjoint.*could not go back over a spike",
    ),
    "event-driven rates": (
        lambda: eqpool.RateJax(2, solver=EventDriven()),
        TypeError,
        r"EventDriven\(\) is for models that spike",
    ),
    "second derivative of a spike time": (
        second_derivative,
        RuntimeError,
        r"spike times have first derivatives only",
    ),
}
