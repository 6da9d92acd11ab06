"""`DynapSim` as a module: shapes, states that carry over, roles."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, HealthCheck, settings, strategies as st

import eqpool
from eqpool import Constant, Parameter
from tests.dynapsim.layers import build, close, FOUR, ONE, same, spiking_input
from tests.helpers import tiers


FIXTURE = HealthCheck.function_scoped_fixture  # `code_of_users` is the same for each example


@pytest.mark.parametrize(
    ("synapses", "batch"),
    tiers(
        [(ONE, None), (FOUR, 2), (("ampa", "gaba"), None)]
        + [(ONE, 2), (FOUR, None), (("ampa", "gaba"), 2)],
        default=2,
        slow=1,
    ),
)
def test_shapes(synapses, batch):
    k, lead = len(synapses), () if batch is None else (batch,)
    mod = build(synapses=synapses)
    assert mod.size_in == 3 * k and mod.size_out == 3
    assert mod.w_rec.shape == ((3, 3, k) if k > 1 else (3, 3))
    output, state, record = mod(spiking_input(7, 3, batch, synapses=synapses), record=True)
    currents = {f"i{name}" for name in (*synapses, "ahp", "mem")}
    assert output.shape == (*lead, 7, 3)
    assert set(record) == currents | {"spikes", "vmem"}
    assert set(state) == set(mod.state()) == set(record) | {"timer_ref", "rng_key"}
    assert all(x.shape == (*lead, 7, 3) for x in record.values())
    assert state["imem"].shape == (*lead, 3)
    assert mod.spiking_output and not mod.spiking_input
    _, _, nothing = mod(spiking_input(7, 3, batch, synapses=synapses))
    assert nothing == {}


def test_four_channels_in_either_layout():
    mod = build(synapses=FOUR)
    x = spiking_input(9, 3, 2, synapses=FOUR)
    same(mod(x.reshape(2, 9, 12)), mod(x))
    same(mod(x[0].reshape(9, 12)), mod(x[0]))
    alone = eqpool.DynapSim(1)
    same(alone(x[..., 0, :]), alone(x[..., :1, :]))
    assert eqpool.DynapSim((12, 3)).shape == eqpool.DynapSim(3).shape == (12, 3)


@pytest.mark.long
@pytest.mark.usefixtures("code_of_users")
@settings(max_examples=20, deadline=None, suppress_health_check=[FIXTURE])
@given(
    n=st.integers(1, 12),
    steps=st.integers(2, 40),
    cut=st.floats(0, 1),
    batch=st.sampled_from([None, 1, 3]),
    solver=st.sampled_from(["rockpool", "euler", "heun"]),
    synapses=st.sampled_from([ONE, FOUR]),
)
def test_two_halves_are_one_run_for_any_layer(n, steps, cut, batch, solver, synapses):
    check_two_halves(n, steps, cut, batch, solver, synapses)


@pytest.mark.parametrize(
    ("solver", "batch"),
    tiers([("rockpool", None), ("heun", 3), ("rockpool", 3), ("euler", 3)], 1, slow=2),
)
def test_two_halves_are_one_run(solver, batch, code_of_users):
    check_two_halves(5, 24, 0.5, batch, solver, FOUR)


def check_two_halves(n, steps, cut, batch, solver, synapses):
    mod = build(solver, synapses, n)
    x = spiking_input(steps, n, batch, n, synapses)
    k, time = int(cut * steps), 0 if batch is None else 1
    begin, rest = jnp.split(x, [k], axis=time)
    output, end, record = mod(x, record=True)
    first, state, before = mod(begin, record=True)
    second, last, after = mod.set_attributes(state)(rest, record=True)
    same(np.concatenate([first, second], axis=-2), output)
    same(last, end)
    same(jax.tree.map(lambda a, b: np.concatenate([a, b], axis=-2), before, after), record)


def test_batch_elements_are_independent():
    mod, x = build("euler", FOUR), spiking_input(60, 3, 3, synapses=FOUR)
    output, state, _ = mod(x)
    assert output.sum() > 5
    for i in range(3):
        alone, own, _ = mod(x[i])
        np.testing.assert_array_equal(alone, output[i])
        close({k: own[k] for k in ("imem", "iahp")}, {k: state[k][i] for k in ("imem", "iahp")})


def test_reset():
    mod = build()
    later = mod.set_attributes(mod(spiking_input(30, 3))[1])
    same(later.reset_state(), mod)
    assert float(eqpool.DynapSim(2, Io=1e-12).imem[0]) == np.float32(1e-12)


# Roles and families


def test_only_weights_are_trainable_until_a_role_is_switched():
    assert list(build().parameters()) == ["w_rec"] and eqpool.DynapSim(3).parameters() == {}
    mod = build(Itau_mem=Parameter(), Igain_syn=Parameter(2e-9), C_mem=Parameter())
    assert set(mod.parameters("currents")) == {"Itau_mem", "Igain_syn"}
    assert set(mod.parameters("capacitances")) == {"C_mem"}
    assert set(mod.parameters("weights")) == {"w_rec"}
    assert mod.Itau_mem.shape == (3,) and mod.Igain_syn.shape == ()
    frozen = build(w_rec=Constant(jnp.zeros((3, 3))))
    assert frozen.parameters() == {} and "w_rec" in frozen.simulation_parameters("weights")
    families = {field.family for field in eqpool.fields(eqpool.DynapSim).values()}
    assert families == {
        "weights", "currents", "capacitances", "transistor", "scales", "noise", "dt", "states",
        "rng_keys",
    }  # fmt: skip


def test_every_parameter_takes_a_scalar_or_one_value_per_neuron_traced_too():
    names = [
        name
        for name, field in eqpool.fields(eqpool.DynapSim(3)).items()
        if field.family in ("currents", "capacitances", "transistor", "scales")
    ]
    assert len(names) == 34
    x = spiking_input(30, 3, synapses=FOUR)
    default = eqpool.DynapSim(3)
    expected = default(x)[1]["imem"]
    vectors = {name: jnp.broadcast_to(getattr(default, name), (3,)) for name in names}
    scalars = {name: float(value[0]) for name, value in vectors.items()}

    def imem(values):
        return eqpool.DynapSim(3, **values)(x)[1]["imem"]

    for values in (vectors, scalars):
        close(imem(values), expected, rtol=1e-3)
        close(jax.jit(imem)({k: jnp.asarray(v) for k, v in values.items()}), expected, rtol=1e-3)
    assert all(getattr(eqpool.DynapSim(3, **scalars), name).shape == () for name in names)


@pytest.mark.parametrize("synapses", tiers([(ONE,), (FOUR,)], 1))
def test_bias_currents_train_in_log_space_from_a_picoampere(synapses, promotion):
    """Itau_mem alone makes the membrane follow one of another time constant."""
    import optax

    x = jnp.full((40, 3 * len(synapses)), 2.0)
    x = x if len(synapses) == 1 else x.reshape(40, 3, 4).at[..., 1:].set(0.0)

    def make(value):
        return eqpool.DynapSim(
            3, Itau_mem=Parameter(value), synapses=synapses, solver=eqpool.ForwardEuler()
        )

    target = make(4e-12)(x, record=True)[2]["vmem"]
    mod = make(1e-12)
    optimiser = eqpool.log_space(optax.adam(5e-2))
    state = optimiser.init(eqpool.partition(mod)[0])

    @eqpool.filter_value_and_grad
    def loss(mod):
        return jnp.mean((mod(x, record=True)[2]["vmem"] - target) ** 2)

    @eqx.filter_jit
    def step(mod, state):
        value, gradient = loss(mod)
        trainable, frozen = eqpool.partition(mod)
        updates, state = optimiser.update(gradient, state, trainable)
        return eqpool.combine(eqx.apply_updates(trainable, updates), frozen), state, value

    for _ in range(400):
        mod, state, value = step(mod, state)
    np.testing.assert_allclose(mod.Itau_mem, 4e-12, rtol=0.02)
