"""`DynapSim` as a module: shapes, states that carry over, roles, transforms, derivatives."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, HealthCheck, settings, strategies as st

import eqpool
from eqpool import Constant, Parameter
from tests.helpers import assert_same_bits, tiers


FIXTURE = HealthCheck.function_scoped_fixture  # `code_of_users` is the same for each example
FOUR, ONE = ("ampa", "gaba", "nmda", "shunt"), ("ampa",)
SOLVERS = {
    "rockpool": eqpool.RockpoolEuler(),
    "euler": eqpool.ForwardEuler(),
    "heun": diffrax.Heun(),
    "adaptive": eqpool.Diffrax(
        diffrax.Tsit5(), stepsize_controller=diffrax.PIDController(rtol=1e-5, atol=1e-5)
    ),
}


def build(solver="rockpool", synapses=ONE, n=3, seed=0, **kwargs):
    return eqpool.DynapSim(
        (n, n),
        has_rec=True,
        weight_init_func=lambda shape, key: 5.0 * jax.random.normal(key, shape),
        synapses=synapses,
        solver=SOLVERS[solver],
        rng_key=seed,
        **kwargs,
    )


def spiking_input(steps, n, batch=None, seed=0, synapses=ONE):
    """Counts that make the neurons spike now and then: `(..., T, N)` or `(..., T, N, K)`."""
    shape = (steps, n, len(synapses)) if batch is None else (batch, steps, n, len(synapses))
    counts = np.random.default_rng(seed).poisson(0.5, shape)
    strength = {"ampa": 80.0, "gaba": 0.5, "nmda": 20.0, "shunt": 2.0}
    x = jnp.asarray(counts * [strength[name] for name in synapses], jnp.result_type(float))
    return x[..., 0] if len(synapses) == 1 else x


def same(actual, expected):
    jax.tree.map(assert_same_bits, actual, expected)


def close(actual, expected, rtol=1e-4):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-30), actual, expected
    )


@pytest.mark.parametrize(
    ("synapses", "batch"),
    tiers(
        [(ONE, None), (FOUR, 2), (("ampa", "gaba"), None)]
        + [(ONE, 2), (FOUR, None), (("ampa", "gaba"), 2)],
        default=3,
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


@pytest.mark.parametrize("solver", tiers(["rockpool", "heun", "euler"], 2))
def test_two_halves_are_one_run(solver, code_of_users):
    check_two_halves(5, 24, 0.5, 3, solver, FOUR)


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
        "weights", "currents", "capacitances", "transistor", "scales", "dt", "states", "rng_keys",
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


# Transforms and derivatives


@pytest.mark.parametrize(
    ("solver", "synapses"),
    tiers(
        [("rockpool", FOUR), ("heun", ONE)]
        + [
            ("adaptive", FOUR),
            ("rockpool", ONE),
            ("heun", FOUR),
            ("adaptive", ONE),
            ("euler", FOUR),
            ("euler", ONE),
        ],
        default=0,
        slow=2,
    ),
)
def test_transforms(solver, synapses, x64):
    mod = build(solver, synapses, surrogate=eqpool.FastSigmoid())
    x = spiking_input(20, 3, 2, synapses=synapses)

    def loss(mod, x):
        spikes, _, record = mod(x, record=True)
        return jnp.mean(record["vmem"]) + jnp.mean(spikes)

    value, gradient = eqpool.filter_value_and_grad(loss)(mod, x)
    assert np.isfinite(gradient.w_rec).all() and np.any(gradient.w_rec != 0.0)
    jitted = eqx.filter_jit(eqpool.filter_value_and_grad(loss))(mod, x)
    close((jitted[0], jitted[1].w_rec), (value, gradient.w_rec), rtol=1e-3)
    each = jax.vmap(lambda x: loss(mod, x))(x)
    close(jnp.mean(each), value)
    shape = jax.eval_shape(loss, mod, x)
    assert shape.shape == ()
    again = eqpool.filter_grad(eqx.filter_checkpoint(loss))(mod, x)
    close(again.w_rec, gradient.w_rec, rtol=1e-3)
    if solver != "adaptive":  # diffrax's adaptive loops have reverse mode only by default
        tangent = jnp.ones_like(mod.w_rec)
        of_weights = lambda w: loss(eqx.tree_at(lambda m: m.w_rec, mod, w), x)
        _, forward = jax.jvp(of_weights, (mod.w_rec,), (tangent,))
        close(forward, jnp.sum(gradient.w_rec), rtol=1e-3)
    keys = jax.random.split(jax.random.key(0), 3)
    ensemble = eqx.filter_vmap(
        lambda key: eqpool.DynapSim(
            (3, 3), has_rec=True, synapses=synapses, solver=SOLVERS[solver], rng_key=key
        )
    )(keys)
    outputs, states, _ = eqx.filter_vmap(lambda m: m(x))(ensemble)
    assert outputs.shape == (3, 2, 20, 3) and states["imem"].shape == (3, 2, 3)


def test_scan_and_donation(code_of_users):
    mod, x = build(), spiking_input(40, 3)
    step = lambda mod, chunk: (lambda y, s, _: (mod.set_attributes(s), y))(*mod(chunk))
    _, chunks = jax.lax.scan(step, mod, x.reshape(4, 10, 3))
    same(chunks.reshape(40, 3), mod(x)[0])
    donating = eqx.filter_jit(lambda m: m.set_attributes(m(x)[1]), donate="all")
    jax.block_until_ready(jax.tree.leaves(donating(build())))


def test_one_configuration_is_compiled_once():
    count = 0

    @jax.jit
    def run(mod, x):
        nonlocal count
        count += 1
        return mod(x)[1]

    x = spiking_input(5, 3)
    mod = build()
    for seed, scale in enumerate((1.0, 2.0)):
        run(build(seed=seed, Itau_mem=jnp.full(3, scale * 5e-12)), x)
    state = run(mod.set_attributes(run(mod, x)), x)
    run(mod.set_attributes(state).reset_state(), x)
    assert count == 1
    assert jax.tree.structure(mod) == jax.tree.structure(build(seed=3))


CHECKED = ["Itau_mem", "Igain_mem", "Itau_ampa", "Igain_gaba", "Idc", "If_nmda", "Iw_ahp", "Ipulse"]
CHECKED += ["C_mem", "C_nmda", "C_ahp", "kappa_n", "Ut", "Vth", "Iscale", "Itau_ahp"]


@pytest.mark.parametrize("solver", tiers(["rockpool", "adaptive", "euler", "heun"], 1, slow=1))
def test_gradients_against_finite_differences(solver, x64):
    """Subthreshold, where everything is smooth; derivatives wrt logarithms of the currents."""
    x = jnp.asarray(np.random.default_rng(1).uniform(0.5, 3.0, (12, 3, 4)))
    start = {"imem": jnp.full(3, 2e-11), "iahp": jnp.full(3, 4e-12)}
    if solver == "adaptive":
        tight = diffrax.PIDController(rtol=1e-11, atol=1e-11)
        stepper = eqpool.Diffrax(diffrax.Tsit5(), stepsize_controller=tight)
    else:
        stepper = SOLVERS[solver]
    mod = eqpool.DynapSim(
        (3, 3), has_rec=True, rng_key=0, solver=stepper, Idc=2e-10, If_nmda=3e-11, Iw_ahp=1e-8,
        **{name: getattr(eqpool.DynapSim(3), name) for name in CHECKED[:1]},
    ).set_attributes(start)  # fmt: skip

    @jax.jit
    def loss(logs, x):
        changed = mod.set_attributes({k: jnp.exp(v) * getattr(mod, k) for k, v in logs.items()})
        spikes, _, record = changed(x, record=True)
        return jnp.mean(record["vmem"]), spikes

    zero = {name: jnp.zeros_like(getattr(mod, name)) for name in CHECKED}
    gradient = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))
    (_, spikes), (slopes, by_input) = gradient(zero, x)
    assert spikes.sum() == 0
    for name in CHECKED:
        plus, minus = ({**zero, name: zero[name] + step} for step in (1e-5, -1e-5))
        numeric = float(loss(plus, x)[0] - loss(minus, x)[0]) / 2e-5
        analytic = float(jnp.sum(slopes[name]))
        assert abs(analytic - numeric) < 1e-6 * abs(numeric) + 1e-10, (name, analytic, numeric)
    for k in range(3):
        step = jnp.zeros_like(x).at[3, 1, k].set(1e-4)
        numeric = float(loss(zero, x + step)[0] - loss(zero, x - step)[0]) / 2e-4
        np.testing.assert_allclose(by_input[3, 1, k], numeric, rtol=1e-5, atol=1e-12)


def test_weights_gradient_is_that_of_the_plain_scan(x64):
    """The one matrix product in place of a sum over steps changes nothing, four types deep."""
    mod = build(synapses=FOUR, surrogate=eqpool.Gaussian())
    x = spiking_input(25, 3, synapses=FOUR)

    def plain(w):
        """Step by step, through `evolve` with one step at a time."""

        def step(now, row):
            spikes, state, record = now(row[None], record=True)
            return now.set_attributes(state), jnp.sum(record["vmem"]) + jnp.sum(spikes)

        return jnp.sum(jax.lax.scan(step, eqx.tree_at(lambda m: m.w_rec, mod, w), x)[1])

    def whole(w):
        spikes, _, record = eqx.tree_at(lambda m: m.w_rec, mod, w)(x, record=True)
        return jnp.sum(record["vmem"]) + jnp.sum(spikes)

    assert mod(x)[0].sum() > 3
    by_steps, ours = (jax.jit(jax.grad(f))(mod.w_rec) for f in (plain, whole))
    np.testing.assert_allclose(ours, by_steps, rtol=1e-8, atol=1e-12 * float(jnp.abs(ours).max()))
    # Second derivatives exist as well: forward over reverse.
    direction = jnp.ones_like(mod.w_rec)
    curve = jax.jit(lambda w: jax.jvp(jax.grad(whole), (w,), (direction,))[1])
    curvature = curve(mod.w_rec)
    assert np.isfinite(curvature).all()
