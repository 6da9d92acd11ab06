"""Device mismatch: its statistics, and that a redraw is a pure function."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import golden, small_net


def chips(percent, n_chips=400, family=None, **kwargs):
    mod = eqpool.DynapSim((50, 50), has_rec=True, synapses=("ampa",), rng_key=0, **kwargs)
    keys = jax.random.split(jax.random.key(1), n_chips)
    options = {} if family is None else {"family": family}
    return mod, eqx.filter_vmap(lambda key: eqpool.mismatch(mod, key, percent, **options))(keys)


def test_statistics_are_rockpools():
    data = golden("mismatch")
    mod, drawn = chips(float(data["percent_mismatch"]))
    ratios = []
    for i, name in enumerate(data["names"]):
        ratio = (np.asarray(getattr(drawn, name)) / np.asarray(getattr(mod, name))).ravel()
        assert ratio.size == 20_000
        # Four standard errors of 20 000 draws.
        np.testing.assert_allclose(ratio.mean(), 1.0, atol=4 * 0.1 / np.sqrt(2e4))
        np.testing.assert_allclose(ratio.std(), data["ratio_std"][i], rtol=0.03)
        levels = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
        np.testing.assert_allclose(
            np.quantile(ratio, levels), data["ratio_quantiles"][i], atol=0.012
        )
        ratios.append(ratio)
    correlation = np.corrcoef(ratios) - np.eye(len(ratios))
    assert np.abs(correlation).max() < 0.035
    assert np.abs(data["correlation"] - np.eye(24)).max() < 0.035
    touched = set(data["names"])
    for name, value in (mod.simulation_parameters() | mod.state() | mod.parameters()).items():
        changed = not np.array_equal(getattr(drawn, name)[0], value)
        assert changed == (name in touched), name


def test_weights_as_in_rockpools_generator():
    for sigma_rule, mean, std in golden("mismatch")["dynamic_w_rec"]:
        mod, drawn = chips(0.3, 20, family="weights")
        if sigma_rule != 3.0:
            mod = eqpool.DynapSim((50, 50), has_rec=True, synapses=("ampa",), rng_key=0)
            drawn = eqpool.mismatch(mod, 3, 0.3, sigma_rule=float(sigma_rule), family="weights")
        ratio = np.asarray(drawn.w_rec) / np.asarray(mod.w_rec)
        np.testing.assert_allclose([ratio.mean(), ratio.std()], [mean, std], rtol=0.06, atol=0.01)
        np.testing.assert_array_equal(np.asarray(drawn.Itau_mem).ravel()[:50], mod.Itau_mem)


def test_frozen_at_construction():
    make = lambda seed, p=0.3: eqpool.DynapSim(40, percent_mismatch=p, rng_key=seed)
    one, same, other = make(0), make(0), make(1)
    nominal = eqpool.DynapSim(40)
    for name in ("Itau_mem", "C_nmda", "kappa_p", "Io"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
        assert not np.any(getattr(one, name) == getattr(other, name))
        ratio = getattr(one, name) / getattr(nominal, name)
        assert 0.05 < np.std(ratio) < 0.16
    np.testing.assert_array_equal(one.imem, nominal.imem)  # states start as they would
    assert float(one.Iscale) == float(nominal.Iscale) and float(one.dt) == float(nominal.dt)
    # A reset restores this chip, not the nominal one.
    changed = one.set_attributes({"Itau_mem": nominal.Itau_mem, "C_mem": nominal.C_mem})
    trained = eqpool.DynapSim(40, Itau_mem=eqpool.Parameter(), percent_mismatch=0.3, rng_key=0)
    moved = trained.set_attributes({"Itau_mem": nominal.Itau_mem})
    np.testing.assert_array_equal(moved.reset_parameters().Itau_mem, trained.Itau_mem)
    assert jax.tree.structure(changed) == jax.tree.structure(nominal)
    scalar = eqpool.DynapSim(40, Itau_mem=5e-12, percent_mismatch=0.3, rng_key=0)
    assert scalar.Itau_mem.shape == (40,) and np.unique(scalar.Itau_mem).size == 40
    np.testing.assert_array_equal(make(0, 0.0).Itau_mem, nominal.Itau_mem)


@pytest.mark.slow
def test_redraws_under_transforms_and_differentiates():
    mod = eqpool.DynapSim(
        (4, 4), has_rec=True, Itau_mem=eqpool.Parameter(), rng_key=0, solver=eqpool.ForwardEuler()
    )
    x = jnp.zeros((20, 4, 4)).at[..., 0].set(20.0)

    @eqpool.filter_value_and_grad
    def loss(mod, key, percent):
        chip = eqpool.mismatch(mod, key, percent)
        return jnp.mean(chip(x, record=True)[2]["vmem"])

    run = jax.jit(lambda key, percent: loss(mod, key, percent))
    (a, gradient), (b, _) = (run(jax.random.key(i), 0.3) for i in range(2))
    assert abs(float(a) - float(b)) > 1e-3 and np.isfinite(gradient.Itau_mem).all()
    np.testing.assert_allclose(run(jax.random.key(0), 0.3)[0], a, rtol=0)
    none, _ = run(jax.random.key(0), 0.0)
    np.testing.assert_allclose(none, jnp.mean(mod(x, record=True)[2]["vmem"]), rtol=1e-5)
    keys = jax.random.split(jax.random.key(5), 3)
    mapped, _ = jax.vmap(run, in_axes=(0, None))(keys, 0.3)
    np.testing.assert_allclose(mapped, [run(key, 0.3)[0] for key in keys], rtol=1e-4)


def test_any_tree_of_modules():
    net = eqpool.Sequential(eqpool.Linear((3, 16), rng_key=0), eqpool.DynapSim(4), small_net_tail())
    drawn = eqpool.mismatch(net, 0, 0.3)
    assert not np.array_equal(drawn[1].C_mem, net[1].C_mem)
    np.testing.assert_array_equal(drawn[0].weight, net[0].weight)
    assert jax.tree.structure(drawn) == jax.tree.structure(net)
    taus = eqpool.mismatch(small_net(), 0, 0.3, family="taus")
    assert not np.array_equal(taus[1].tau, small_net()[1].tau)


def small_net_tail():
    return eqpool.Linear((4, 2), rng_key=1)


@pytest.mark.parametrize("percent", [0.3, 1.0])
def test_no_device_turns_negative(percent):
    _, drawn = chips(percent)
    assert all(np.all(getattr(drawn, name) > 0) for name in ("Itau_mem", "C_mem", "Ut"))
