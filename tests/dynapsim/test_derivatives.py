"""Transforms and derivatives of `DynapSim`."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.dynapsim.layers import build, close, FOUR, ONE, same, SOLVERS, spiking_input
from tests.helpers import tiers


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
