"""Batches and neurons over eight virtual devices, against one."""

import json
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType, PartitionSpec as P

import eqpool


ROOT = pathlib.Path(__file__).parents[2]

CHECKS = ["silicon_neurons_over_devices"]
LONG_CHECKS = [
    "a_batch_that_xla_divides",
    "a_batch_of_the_zoo_over_devices",
    "a_batch_of_silicon_neurons_over_devices",
    "state_and_record_over_devices",
    "silicon_neurons_of_four_synapses_over_devices",
    "rate_neurons_over_devices",
    "lif_neurons_over_devices",
    "a_layer_of_a_network_over_devices",
    "batch_and_neurons_over_devices",
    "settings_over_devices",
]


def outcomes_of(names):
    """One process for all, since the number of devices is fixed when JAX starts."""
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    result = subprocess.run(
        [sys.executable, "-m", "tests.parallel.eight_devices", *names],
        cwd=ROOT, capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def outcomes():
    return outcomes_of(CHECKS)


@pytest.fixture(scope="module")
def long_outcomes():
    return outcomes_of(LONG_CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_eight_devices(outcomes, name):
    assert outcomes[name] == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG_CHECKS)
def test_eight_devices_at_length(long_outcomes, name):
    assert long_outcomes[name] == ""


def test_every_check_is_run():
    source = (ROOT / "tests" / "parallel" / "eight_devices.py").read_text()
    assert source.count("@check\n") == len(CHECKS) + len(LONG_CHECKS)


def mesh(axis):
    return jax.make_mesh((1,), (axis,), (AxisType.Auto,))


def test_shardings_have_the_structure_of_the_tree():
    nets = {"a": eqpool.LIF((4, 2), has_rec=True, tau_mem=0.1, rng_key=0), "b": jnp.ones(3)}
    found = eqpool.neuron_shardings(nets, mesh("neurons"))
    assert jax.tree.structure(found) == jax.tree.structure(nets)
    by_neuron, by_target = P("neurons"), P(None, "neurons")
    lif = found["a"]
    assert lif.w_rec.spec == by_target
    assert lif.isyn.spec == lif.tau_syn.spec == lif.vmem.spec == by_neuron
    assert lif.tau_mem.spec == lif.rng_key.spec == lif.dt.spec == found["b"].spec == P()
    # Halves, batched states and weights between layers, too.
    trainable, frozen = eqpool.partition(nets["a"], "weights")
    assert eqpool.neuron_shardings(trainable, mesh("neurons")).w_rec.spec == by_target
    assert eqpool.neuron_shardings(frozen, mesh("neurons")).tau_syn.spec == by_neuron
    batched = nets["a"].set_attributes({"vmem": jnp.ones((5, 2))})
    assert eqpool.neuron_shardings(batched, mesh("neurons")).vmem.spec == by_target
    stack = eqpool.FFwdStack(eqpool.RateJax(4), eqpool.RateJax(2), rng_key=0)
    shardings = eqpool.neuron_shardings(stack, mesh("neurons"))
    assert shardings.weights["0_1_weight"].spec == by_target
