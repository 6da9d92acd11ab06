"""Names of Rockpool's that say nothing here, without Rockpool; beside it: tests/parity."""

import jax
import jax.numpy as jnp
import numpy as np

import eqpool
from tests.helpers import assert_same_bits


def test_settings_that_agree_are_passed_over():
    lif = eqpool.LIF(3, rng_key=0)
    settings = dict(
        _has_rec=False, w_rec=np.zeros((3, 3)), learning_window=0.5, spike_generation_fn=jnp.tanh,
        leak_mode="taus", dt=2e-3, max_spikes_per_dt=4.0,
    )  # fmt: skip
    moved = lif.set_attributes(settings)
    assert jax.tree.structure(moved) == jax.tree.structure(lif)
    assert (float(moved.dt), float(moved.max_spikes_per_dt)) == (np.float32(2e-3), 4.0)
    assert_same_bits(moved.tau_mem, lif.tau_mem)
    rate = eqpool.RateJax(1)  # one neuron: still compared at 31 points
    jax.tree.map(assert_same_bits, rate.set_attributes({"act_fn": eqpool.physics.relu}), rate)


def test_recurrent_weights_of_zero_are_taken():
    lif = eqpool.LIF(3, has_rec=True, rng_key=0)
    moved = lif.set_attributes({"_has_rec": False, "w_rec": np.zeros((3, 3))})
    assert np.any(lif.w_rec) and not np.any(moved.w_rec)


def test_synapses_that_are_absent_rest():
    chip = eqpool.DynapSim(2, synapses=("gaba",), Io=1e-12, rng_key=0)
    resting = {name: np.full(2, 1e-12) for name in ("iampa", "inmda", "ishunt")}
    moved = chip.set_attributes(resting | {"isyn": np.full(2, 3e-10)})
    np.testing.assert_array_equal(moved.igaba, np.float32([3e-10, 3e-10]))
    assert eqpool.DynapSim(2, rng_key=0).set_attributes({"igaba": np.full(2, 1e-9)}).igaba[0] > 0


def test_several_names():
    net = eqpool.Sequential(eqpool.Linear((2, 3), rng_key=0), eqpool.RateJax(3, rng_key=0))
    found = net.attributes_named(["tau", "weight"])
    assert {name: list(inner) for name, inner in found.items()} == {
        "0_LinearJax": ["weight"], "1_RateJax": ["tau"],
    }  # fmt: skip
    assert net.attributes_named(("tau",)).keys() == net.attributes_named("tau").keys()
    half, _ = eqpool.partition(net, "weights")
    assert half.attributes_named(["weight"])["0_LinearJax"]["weight"] is net[0].weight
    timed = net.timed()
    assert list(timed.attributes_named(["tau", "num_timesteps"])) == ["num_timesteps", "module"]
