"""One argument changes, nothing else: rasters, events, states, transforms."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.event_driven.networks import random_network, sum_of
from tests.helpers import assert_same_bits, tiers


SOLVERS = [None, eqpool.ForwardEuler(), diffrax.Heun(), eqpool.EventDriven()]
NAMES = ["rockpool", "euler", "heun", "events"]


def build(solver=SOLVERS[-1], n=3, synapses=("ampa", "gaba"), **kwargs):
    rng = np.random.default_rng(0)
    w_rec = rng.uniform(0.0, 0.03, (n, n, *(() if len(synapses) == 1 else (len(synapses),))))
    kwargs = dict(Idc=[2e-10, 4e-10, 8e-10], Iw_ahp=1e-8) | kwargs
    return eqpool.DynapSim(
        n, has_rec=True, w_rec=w_rec, synapses=synapses, solver=solver, rng_key=0, **kwargs
    )


def raster(steps=60, n=3, k=2, batch=None):
    rng = np.random.default_rng(1)
    shape = (steps, n * k) if batch is None else (batch, steps, n * k)
    weight = np.resize([0.6, 0.02][:k], n * k)  # little inhibition
    return jnp.asarray((rng.random(shape) < 0.1) * weight)


def test_the_record_is_without_what_arrives_in_the_next_step():
    """As on a grid: a synapse after each step, before the next sample is added to it."""
    mod = eqpool.LIF(2, tau_syn=5e-3, threshold=1e9, solver=eqpool.EventDriven())
    x = raster(k=1)[:, :2]
    _, state, record = mod(x, record=True)
    current, expected = np.zeros(2), []
    for row in np.asarray(x):
        current = (current + row) * np.exp(-1e-3 / 5e-3)
        expected.append(current)
    assert np.count_nonzero(x) > 5
    np.testing.assert_allclose(record["isyn"][:, :, 0], np.stack(expected), rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(record["isyn"][-1], state["isyn"])


@pytest.mark.parametrize(
    "synapses", [("ampa",), pytest.param(("ampa", "gaba"), marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    "solver", tiers(SOLVERS[1::2] + SOLVERS[::2], 2), ids=NAMES[1::2] + NAMES[::2]
)
def test_every_solver_has_the_same_interface(solver, synapses):
    mod, x = build(solver, synapses=synapses), raster(k=len(synapses))
    spikes, state, record = mod(x, record=True)
    assert spikes.shape == (60, 3) and spikes.sum() > 0
    grid = build(None, synapses=synapses)
    _, expected, recorded = grid(x, record=True)
    assert jax.tree.structure(state) == jax.tree.structure(expected)
    assert jax.tree.structure(record) == jax.tree.structure(recorded)
    for a, b in zip(jax.tree.leaves((state, record)), jax.tree.leaves((expected, recorded)),
                    strict=True):  # fmt: skip
        assert a.shape == b.shape and a.dtype == b.dtype
    twice = mod.set_attributes(jax.tree.map(lambda x: jnp.stack([x, x]), state))
    spikes, state, _ = twice(raster(k=len(synapses), batch=2))
    assert spikes.shape == (2, 60, 3) and state["imem"].shape == (2, 3)

    events = eqpool.Events([1e-3, 5e-3], [0, 1], 3 * len(synapses))
    out, state = mod.evolve_events(events, 0.06)
    assert out.num_channels == 3 and int(out.count) > 0
    assert jax.tree.structure(state) == jax.tree.structure(expected)
    same, _ = mod.evolve_events(
        eqpool.Events([1e-3, 5e-3], [0, 1], 3 * len(synapses)), num_steps=60
    )
    np.testing.assert_array_equal(same.times[:3], out.times[:3])


@pytest.mark.slow
def test_raster_and_events_are_the_same_run(x64):
    """Input on the grid as a raster and as events; output times lie in the steps of the raster."""
    mod, x = build(), raster()
    spikes, state, record = mod(x, record=True)
    without, again, empty = mod(x)
    assert empty == {}
    np.testing.assert_array_equal(spikes, without)
    steps, channels = np.nonzero(np.asarray(x))
    events = eqpool.Events(1e-3 * steps, channels, 6, np.asarray(x)[steps, channels])
    out, end = mod.evolve_events(events, 0.06)
    assert int(out.count) == spikes.sum() >= 2
    found = np.zeros((60, 3))
    for n, train in enumerate(out.trains()):
        np.add.at(found[:, n], np.ceil(train / 1e-3).astype(int) - 1, 1.0)
    np.testing.assert_array_equal(found, spikes)
    for name in end:
        if name != "rng_key":
            np.testing.assert_allclose(end[name], state[name], rtol=1e-6, atol=1e-15)
            np.testing.assert_allclose(again[name], state[name], rtol=1e-6, atol=1e-15)
    np.testing.assert_allclose(record["vmem"][-1], state["vmem"])
    np.testing.assert_allclose(record["imem"], 5e-13 * np.exp(record["vmem"] * 0.705 / 25e-3))


def test_no_time_at_all():
    spikes, state, record = build(synapses=("ampa",))(jnp.zeros((0, 3)), record=True)
    assert spikes.shape == (0, 3) and record["imem"].shape == (0, 3)
    np.testing.assert_allclose(state["imem"], 5e-13)


@pytest.mark.slow
def test_states_carry_over(x64):
    """Two parts of a run, cut anywhere, are one run up to the tolerance of the solver."""
    mod, events = random_network(2, n=20, num_events=100, duration=0.2)
    whole, end = mod.evolve_events(events, 0.2)
    count, times = int(whole.count), np.asarray(events.times)
    assert count > 5
    # Cuts within a refractory period, and at an input.
    for cut in (float(whole.times[2]) + 3e-4, float(times[17])):
        now = times < cut
        first, second = (
            eqpool.Events(
                times[part] - start, events.channels[part], 80, np.asarray(events.weights)[part]
            )
            for part, start in ((now, 0.0), (~now, cut))
        )
        out1, state = mod.evolve_events(first, cut)
        out2, last = mod.set_attributes(state).evolve_events(second, 0.2 - cut)
        joined = [*out1.times[: int(out1.count)], *(out2.times[: int(out2.count)] + cut)]
        np.testing.assert_allclose(joined, whole.times[:count], rtol=0, atol=1e-8)
        np.testing.assert_allclose(last["vmem"], end["vmem"], atol=1e-7)
        np.testing.assert_allclose(last["iampa"], end["iampa"], rtol=1e-6)


def test_spikes_on_their_way_arrive_when_the_solver_changes(x64):
    """A solver on the grid delivers a spike in the next step; so does this one after it."""
    grid = build(eqpool.ForwardEuler(), dt=1e-4, Idc=[4e-10, 1e-12, 1e-12], synapses=("ampa",))
    grid = grid.set_attributes({"imem": jnp.array([1.5e-7, 5e-13, 5e-13])})  # above threshold
    _, state, _ = grid(jnp.zeros((1, 3)))
    assert state["spikes"][0] == 1.0
    exact = eqx.tree_at(lambda m: m.solver, grid, eqpool.EventDriven()).set_attributes(state)
    _, ours, _ = exact(jnp.zeros((1, 3)))
    _, theirs, _ = grid.set_attributes(state)(jnp.zeros((1, 3)))
    np.testing.assert_allclose(ours["iampa"], theirs["iampa"], rtol=1e-9)
    np.testing.assert_allclose(ours["iahp"], theirs["iahp"], rtol=1e-9)
    assert ours["spikes"].sum() == 0.0 and ours["iampa"][1] > 1e-12


@pytest.mark.slow
def test_transforms(x64):
    mod, events = random_network(1, n=4, num_events=15, duration=0.08)
    mod = eqx.tree_at(lambda m: m.solver, mod, eqpool.EventDriven(max_spikes=64, max_steps=4096))

    def loss(mod, events):
        spikes, state = mod.evolve_events(events, 0.08)
        return sum_of(spikes) + jnp.sum(state["vmem"])

    value, gradient = eqx.filter_jit(eqpool.filter_value_and_grad(loss))(mod, events)
    np.testing.assert_allclose(value, loss(mod, events))
    assert np.isfinite(gradient.w_rec).all() and np.any(gradient.w_rec != 0.0)

    shifts = jnp.array([0.0, 1e-3, 2.2e-3])

    @jax.value_and_grad
    def shifted(shift):
        moved = eqx.tree_at(lambda e: e.times, events, events.times * (1 - 10 * shift))
        return loss(mod, moved)

    each = jax.jit(jax.vmap(shifted))(shifts)
    alone = jax.jit(shifted)
    for i, shift in enumerate(shifts):
        for together, one in zip(each, alone(shift), strict=True):
            np.testing.assert_allclose(together[i], one, rtol=1e-6)


@pytest.mark.long
def test_checkpointing_changes_nothing(x64):
    mod, events = random_network(1, n=4, num_events=15, duration=0.08)
    loss = lambda mod: sum_of(mod.evolve_events(events, 0.08)[0])
    plain, again = (eqpool.filter_grad(f)(mod).w_rec for f in (loss, eqx.filter_checkpoint(loss)))
    np.testing.assert_allclose(again, plain, rtol=1e-8, atol=1e-12)


@pytest.mark.long
def test_an_ensemble_of_chips(x64):
    mod, events = random_network(1, n=4, num_events=15, duration=0.08)
    run = lambda mod: mod.evolve_events(events, 0.08)[0]
    keys = jax.random.split(jax.random.key(0), 3)
    chips = eqx.filter_vmap(lambda key: eqpool.mismatch(mod, key, 0.1))(keys)
    together, alone = eqx.filter_vmap(run)(chips), run(eqpool.mismatch(mod, keys[1], 0.1))
    assert int(alone.count) > 2
    np.testing.assert_allclose(together.times[1], alone.times, rtol=1e-8)
    assert len(np.unique(together.times[:, 0])) == 3


def test_the_grid_inside_jit_takes_a_number_of_steps():
    events = eqpool.Events([1e-3], [0], 6, 0.5)
    mod = build(eqpool.ForwardEuler())
    run = eqx.filter_jit(lambda mod, events: mod.evolve_events(events, num_steps=60)[0].times)
    assert_same_bits(run(mod, events), mod.evolve_events(events, 0.06)[0].times)
    exact = eqx.filter_eval_shape(
        lambda mod, events: mod.evolve_events(events, 0.06), build(), events
    )
    assert exact[0].num_channels == 3  # which needs none
    with pytest.raises(ValueError, match="inside `jit`, where dt is not known, give num_steps"):
        eqx.filter_jit(lambda mod, events: mod.evolve_events(events, 0.06))(mod, events)


def test_one_configuration_is_compiled_once():
    count = 0

    @eqx.filter_jit
    def run(mod, events, duration):
        nonlocal count
        count += 1
        return mod.evolve_events(events, duration)

    for i, duration in enumerate((0.01, 0.02)):
        solver = eqpool.EventDriven(max_spikes=32)
        events = eqpool.Events([1e-3 * (i + 1)], [i], 6)
        run(build(solver, Idc=(1.0 + i) * 1e-10), events, jnp.asarray(duration))
    assert count == 1


@pytest.mark.long
def test_negative_weights_do_nothing(x64):
    """A weight current cannot be negative: inhibition has synapses of its own."""
    mod = build(synapses=("ampa",))
    mod = eqx.tree_at(lambda m: m.w_rec, mod, -jnp.ones((3, 3)))
    plain = eqx.tree_at(lambda m: m.w_rec, mod, jnp.zeros((3, 3)))
    events = eqpool.Events([1e-3, 2e-3], [0, 1], 3, [-1.0, 0.0])
    nothing = eqpool.Events([], [], 3)
    np.testing.assert_allclose(
        mod.evolve_events(events, 0.1)[0].times[:4], plain.evolve_events(nothing, 0.1)[0].times[:4]
    )


@pytest.mark.slow
def test_a_progress_meter_shows_the_run_and_changes_nothing(capfd):
    meter = diffrax.TextProgressMeter(minimum_increase=0.3)
    found = []
    for shown, progress_meter in ((set(), None), ({"0.00%", "100.00%"}, meter)):
        solver = eqpool.EventDriven(progress_meter=progress_meter, max_steps=128)
        mod = eqpool.DynapSim(1, Idc=4e-10, synapses=("ampa",), solver=solver, rng_key=0)
        found.append(mod(jnp.zeros((2, 30, 1)))[0])
        jax.effects_barrier()
        out = set(capfd.readouterr().out.split())
        assert out >= shown and bool(out) == bool(shown)
    assert_same_bits(*found)
    gradient = jax.grad(lambda Idc: jnp.sum(mod.set_attributes({"Idc": Idc})(x)[1]["vmem"]))
    x = jnp.zeros((30, 1))
    assert jnp.isfinite(gradient(mod.Idc)).all()
    jax.effects_barrier()
    assert "0.00%" in capfd.readouterr().out
