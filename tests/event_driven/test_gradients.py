"""Derivatives of spike times against central differences, with no surrogate anywhere."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.event_driven.networks import one_neuron, random_network, sum_of, tight
from tests.helpers import tiers


TOLERANCE = 1e-4


def along(function, values, direction, step):
    """Central difference of a function of arrays along a direction, two orders combined."""

    def at(size):
        return function([v + size * d for v, d in zip(values, direction, strict=True)])

    coarse, fine = (float(at(h) - at(-h)) / (2 * h) for h in (step, step / 2))
    return (4 * fine - coarse) / 3


def check(function, values, names, step=2e-4, seed=0, skip_zero=False):
    """Reverse mode along a random direction in each argument; forward mode along all."""
    function = eqx.filter_jit(function)
    gradient = eqx.filter_jit(jax.grad(function))(values)
    rng = np.random.default_rng(seed)
    everything = 0.0
    for i, name in enumerate(names):
        scale = np.abs(values[i]) if "times" not in name else np.full(values[i].shape, 1e-3)
        direction = [jnp.zeros_like(v) for v in values]
        direction[i] = jnp.asarray(rng.uniform(0.5, 1.0, values[i].shape) * scale)
        exact = float(jnp.sum(gradient[i] * direction[i]))
        everything += exact
        measured = along(function, values, direction, step)
        assert np.isfinite(exact) and (skip_zero or abs(exact) > 0.0), name
        np.testing.assert_allclose(exact, measured, rtol=TOLERANCE, atol=1e-11, err_msg=name)
    ones = [
        jnp.asarray(np.abs(v) if "times" not in n else np.full(v.shape, 1e-3))
        for n, v in zip(names, values, strict=True)
    ]
    _, forward = jax.jvp(function, (values,), (ones,))
    backward = sum(float(jnp.sum(g * d)) for g, d in zip(gradient, ones, strict=True))
    np.testing.assert_allclose(float(forward), backward, rtol=1e-8)


PHYSICS = [
    "Idc", "Igain_ahp", "Igain_mem", "Ipulse_ahp", "Ipulse", "Iref", "Ispkthr", "Itau_ahp",
    "Itau_mem", "Iw_ahp", "C_ahp", "C_pulse_ahp", "C_pulse", "C_ref", "C_mem", "Io", "kappa_n",
    "kappa_p", "Ut", "Vth", "Iscale",
]  # fmt: skip


@pytest.mark.parametrize(
    "drive",
    [
        pytest.param("constant", marks=pytest.mark.slow),
        pytest.param("inhibited", marks=pytest.mark.long),
        pytest.param("excited", marks=pytest.mark.long),
        pytest.param("shunted", marks=pytest.mark.long),
        pytest.param("nmda", marks=pytest.mark.slow),
    ],
)
def test_every_parameter_of_one_neuron(drive, x64):
    """All spike times of a run, wrt every current, capacitance, property, and input event."""
    synapses, Idc, channels = {
        "constant": (("ampa",), 2e-10, []),
        "excited": (("ampa",), 1e-10, [0] * 6),
        "inhibited": (("ampa", "gaba"), 2e-10, [0, 1, 0, 1, 0, 0]),
        "shunted": (("ampa", "shunt"), 2e-10, [0, 1, 0, 1, 0, 0]),
        "nmda": (("ampa", "nmda"), 1e-10, [0, 1, 0, 1, 0, 0]),
    }[drive]
    mod = one_neuron(synapses, tight(), Idc=Idc, Iw_ahp=3e-8, If_nmda=1e-11)
    many = len(synapses) > 1
    types = synapses if many else ("syn",)
    names = PHYSICS + [f"{kind}_{k}" for kind in ("Igain", "Itau", "C") for k in types]
    names += ["If_nmda"] if "nmda" in synapses else []
    if drive == "constant":
        names = [n for n in names if n not in ("Ipulse", "C_pulse", "Iscale")]
        names = [n for n in names if not n.endswith("_syn")]
    times = 1e-3 * np.array([5.0, 11.3, 14.1, 30.7, 36.2, 41.9])[: len(channels)]
    weights = np.array([0.8, 0.1, 0.9, 0.1, 0.8, 0.9])[: len(channels)]
    if not many:
        mod = mod.set_attributes({"iampa": jnp.zeros(1)})

    fields = tuple(names)

    def loss(values):
        changed = eqx.tree_at(lambda m: [getattr(m, n) for n in fields], mod, values[: len(fields)])
        if channels:
            times, weights = values[len(fields) :]
            events = eqpool.Events(times, channels, len(synapses), weights)
        else:
            events = eqpool.Events([], [], len(synapses))
        spikes, _ = changed.evolve_events(events, 0.1)
        return sum_of(spikes)

    values = [getattr(mod, n) for n in names]
    if channels:
        values += [jnp.asarray(times), jnp.asarray(weights)]
        names = [*names, "event times", "event weights"]
    events = eqpool.Events(times, channels, len(synapses), weights)
    assert int(mod.evolve_events(events, 0.1)[0].count) >= 2
    check(loss, values, names)


@pytest.mark.slow
def test_a_recurrent_network_and_its_final_state(x64):
    """Weights, inputs, start values; spike times and the state at the end."""
    mod, events = random_network(0, n=8, num_events=60, duration=0.15, solver=tight())
    spikes, _ = mod.evolve_events(events, 0.15)
    assert int(spikes.count) >= 4
    names = ["w_rec", "Idc", "C_mem", "Itau_gaba", "Igain_ampa", "Iref", "imem", "iahp", "iampa"]

    def loss(values):
        changed = eqx.tree_at(lambda m: [getattr(m, n) for n in names], mod, values[:-2])
        moved = eqpool.Events(values[-2], events.channels, 32, values[-1])
        spikes, state = changed.evolve_events(moved, 0.15)
        return sum_of(spikes) + jnp.sum(state["vmem"]) + jnp.sum(state["igaba"]) * 1e10

    values = [*(getattr(mod, n) for n in names), events.times, events.weights]
    values[names.index("imem")] = 3.0 * mod.imem
    values[names.index("iahp")] = 3.0 * mod.iahp
    check(loss, values, [*names, "event times", "event weights"], skip_zero=True)


def two_layers(solver):
    rng = np.random.default_rng(4)
    layer = dict(synapses=("ampa",), Idc=4e-12, solver=solver)
    return eqpool.Sequential(
        eqpool.Linear((5, 6), weight=rng.uniform(0.02, 0.2, (5, 6))),
        eqpool.DynapSim(6, **layer),
        eqpool.Linear((6, 3), weight=rng.uniform(0.02, 0.2, (6, 3))),
        eqpool.DynapSim(3, has_rec=True, w_rec=rng.uniform(0.0, 0.02, (3, 3)), **layer),
    )


@pytest.mark.slow
def test_a_network_of_two_layers(x64):
    """Both weight matrices, a bias current in each layer, and the times that go in."""
    net = two_layers(tight())
    times = jnp.array([1e-3, 2e-3, 4.5e-3, 5e-3, 11e-3, 12e-3, 20e-3])
    channels = [0, 3, 1, 4, 2, 0, 3]

    def where(net):
        return [net[0].weight, net[2].weight, net[3].w_rec, net[1].Itau_mem, net[3].Igain_mem]

    def spikes(values):
        changed = eqx.tree_at(where, net, values[:-2])
        return changed.evolve_events(eqpool.Events(values[-2], channels, 5, values[-1]), 0.1)[0]

    values = [*where(net), times, jnp.linspace(0.8, 1.2, 7)]
    found = spikes(values)
    assert all(len(train) for train in found.trains())
    names = ["weight 0", "weight 2", "w_rec", "Itau_mem", "Igain_mem", "event times", "weights"]
    check(lambda values: jnp.sum(spikes(values).first_times(0.1) * jnp.arange(1.0, 4.0)), values,
          names)  # fmt: skip


@pytest.mark.long
def test_shifting_the_input_shifts_everything(x64):
    """In a network at rest the derivatives wrt all input times add up to one per spike."""
    net = two_layers(eqpool.EventDriven())

    def last(shift):
        times = jnp.array([3e-3, 4e-3, 6.5e-3, 7e-3]) + shift
        return net.evolve_events(eqpool.Events(times, [0, 3, 1, 4], 5, 2.0), 0.1)[0].first_times()

    # Before the first input nothing moves: membranes at the floor, synapses empty.
    net = net.set_attributes(
        {"1_DynapSim": {"iampa": jnp.zeros(6)}, "3_DynapSim": {"iampa": jnp.zeros(3)}}
    )
    np.testing.assert_allclose(jax.jacrev(last)(0.0), 1.0, rtol=1e-6)


@pytest.mark.slow
def test_no_derivative_through_a_raster():
    mod = eqpool.DynapSim(2, Idc=1e-10, Itau_mem=eqpool.Parameter(), solver=eqpool.EventDriven())
    gradient = eqpool.filter_grad(lambda mod: jnp.sum(mod(jnp.zeros((60, 8)))[0]))(mod)
    np.testing.assert_array_equal(gradient.Itau_mem, 0.0)


@pytest.mark.long
def test_gradients_of_a_record_on_a_grid(x64):
    """With `record=True` the traces have exact derivatives across spikes, too."""
    mod = eqpool.DynapSim(2, Idc=[2e-10, 4e-10], synapses=("ampa",), solver=tight())

    def trace(values):
        changed = eqx.tree_at(lambda m: (m.Idc, m.C_ref), mod, tuple(values))
        return jnp.sum(changed(jnp.zeros((80, 2)), record=True)[2]["vmem"][::7])

    assert mod(jnp.zeros((80, 2)))[0].sum() >= 2
    check(trace, [mod.Idc, mod.C_ref], ["Idc", "C_ref"])


@pytest.mark.parametrize("tolerance", tiers([1e-3, 1e-4, 1e-6], 0, slow=1))
def test_coarse_steps_in_float32_give_finite_gradients(tolerance):
    """Stages that overshoot either end of the range must not leave that of the numbers."""
    mod, events = random_network(3, solver=tight(tolerance))
    loss = lambda mod: jnp.sum(mod.evolve_events(events, 0.2)[1]["vmem"])
    gradient = eqx.filter_jit(eqpool.filter_grad(loss))(mod)
    assert np.isfinite(gradient.w_rec).all() and np.any(gradient.w_rec != 0.0)
