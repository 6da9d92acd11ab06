"""Rockpool's numbers, in float32: traces, states, gradients, F-I curves, surrogate, defaults."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import arguments, assert_same_bits, DATA, golden, relative_error


@pytest.fixture(autouse=True)
def _on_a_cpu():
    """As the reference was: the last bit of `exp`, in which devices differ, decides charges."""
    with jax.default_device(jax.devices("cpu")[0]):
        yield


CURRENTS = {"iahp": "iahp", "iampa": "isyn", "imem": "imem"}


def build(data, **kwargs):
    n = data["input"].shape[-1]
    recurrent = "arg_w_rec" in data
    return eqpool.DynapSim(
        (n, n) if recurrent else n,
        has_rec=recurrent,
        synapses=("ampa",),
        **(arguments(data) | kwargs),
    )


def assert_traces(ours, theirs, prefix):
    for name, reference in CURRENTS.items():
        np.testing.assert_allclose(
            ours[name], theirs[f"{prefix}_{reference}"], rtol=1e-4, atol=0, err_msg=name
        )
    np.testing.assert_allclose(ours["vmem"], theirs[f"{prefix}_vmem"], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(ours["spikes"], theirs[f"{prefix}_spikes"])


@pytest.mark.parametrize("name", ["dynapsim_ff", "dynapsim_rec"])
def test_traces_and_states(name, code_of_users):
    data = golden(name)
    output, state, record = build(data)(data["input"], record=True)
    assert_same_bits(output, record["spikes"])
    assert_traces(record, data, "rec")
    assert_traces(state, data, "state")
    np.testing.assert_allclose(state["timer_ref"], data["state_timer_ref"], rtol=0, atol=5e-9)
    assert set(record) == {"iahp", "iampa", "imem", "spikes", "vmem"}
    assert output.sum() > 50


LOSSES = {
    "mean_spikes": lambda spikes, record: jnp.mean(spikes),
    "mean_vmem": lambda spikes, record: jnp.mean(record["vmem"]),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients(loss):
    data = golden("dynapsim_rec")
    names = [k.removeprefix(f"grad_{loss}__") for k in data if k.startswith(f"grad_{loss}")]
    trained = {
        name: eqpool.Parameter(data[f"arg_{name}"]) for name in names if name not in ("input",)
    }
    mod = build(data, **trained)
    assert set(mod.parameters()) == set(trained)

    def value(mod, x):
        spikes, _, record = mod(x, record=True)
        return LOSSES[loss](spikes, record)

    x = jnp.asarray(data["input"])
    result, gradient = eqpool.filter_value_and_grad(value)(mod, x)
    np.testing.assert_allclose(result, data[f"loss_{loss}"], rtol=1e-5)
    for name in trained:
        expected = data[f"grad_{loss}__{name}"]
        assert relative_error(getattr(gradient, name), expected) < 1e-4, name
    by_input = jax.grad(lambda x: value(mod, x))(x)
    assert relative_error(by_input, data[f"grad_{loss}__input"]) < 1e-4


def test_two_halves():
    data = golden("dynapsim_state")
    mod, x = build(data), data["input"][0]
    cut = data["second_spikes"].shape[1]
    whole, _, record = mod(x, record=True)
    np.testing.assert_array_equal(whole, data["full_spikes"][0])
    np.testing.assert_allclose(record["vmem"], data["full_vmem"][0], rtol=0, atol=1e-5)
    _, state, _ = mod(x[:-cut])
    for name in ("iahp", "imem", "spikes", "timer_ref", "vmem"):
        np.testing.assert_allclose(state[name], data[f"state_{name}"], rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(state["iampa"], data["state_isyn"], rtol=1e-4, atol=0)
    second, _, record = mod.set_attributes(state)(x[-cut:], record=True)
    np.testing.assert_array_equal(second, data["second_spikes"][0])
    np.testing.assert_allclose(record["vmem"], data["second_vmem"][0], rtol=0, atol=1e-5)
    # What Rockpool does with the state that it returns: the synapse starts again at Io.
    del state["iampa"]
    second, _, record = mod.set_attributes(state)(x[-cut:], record=True)
    np.testing.assert_array_equal(second, data["noisyn_spikes"][0])
    np.testing.assert_allclose(record["vmem"], data["noisyn_vmem"][0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("case", ["dtA", "dtB"])
def test_f_i_curve(case):
    data = golden("dynapsim_idc")
    spikes = data[f"{case}_spikes"]
    steps, n = spikes.shape
    mod = eqpool.DynapSim(
        n,
        Iref=data["arg_Iref"],
        Idc=data["arg_Idc"],
        dt=data[f"{case}_dt_f64"],
        synapses=("ampa",),
    )
    output, _, record = mod(jnp.zeros((steps, n)), record=True)
    np.testing.assert_array_equal(output, spikes)
    rate = output.sum(axis=0) / (steps * data[f"{case}_dt_f64"])
    np.testing.assert_allclose(rate, data[f"{case}_rate"], rtol=1e-5)
    if case == "dtA":
        np.testing.assert_allclose(record["vmem"], data["dtA_vmem"], rtol=0, atol=1e-5)


def test_refractory_steps_at_the_defaults(code_of_users):
    """Rounding decides; these are Rockpool's numbers."""
    for dt, steps in {1e-3: 1, 5e-4: 2, 1e-4: 10, 5e-5: 21, 1e-5: 100}.items():
        mod = eqpool.DynapSim(1, dt=dt, synapses=("ampa",))
        mod = mod.set_attributes({"timer_ref": mod.t_ref})  # as a spike leaves it
        _, before, _ = mod(jnp.zeros((steps - 1, 1)))
        _, after, _ = mod.set_attributes(before)(jnp.zeros((1, 1)))
        assert before["timer_ref"] > 0.0 and after["timer_ref"] == 0.0, dt


def test_defaults():
    with open(DATA / "defaults.json") as file:
        defaults = json.load(file)
    one = eqpool.DynapSim(1, synapses=("ampa",))
    assert set(defaults["dynapsim_defaults"]) == set(one.simulation_parameters())
    for name, value in defaults["dynapsim_defaults"].items():
        np.testing.assert_allclose(getattr(one, name), value, rtol=1e-7, err_msg=name)
    for name, value in defaults["dynapsim_initial_state"].items():
        np.testing.assert_allclose(getattr(one, name), value, rtol=0, atol=0, err_msg=name)
    four = eqpool.DynapSim(1)
    for table in ("currents", "layout"):
        for name, value in defaults[table].items():
            if name != "C_syn":  # of the device's own one-synapse table; DynapSim has C_ampa
                np.testing.assert_allclose(getattr(four, name), value, rtol=2e-7, err_msg=name)
    for name, value in (defaults["time_constants"] | defaults["gain_ratios"]).items():
        np.testing.assert_allclose(getattr(four, name), value, rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(four.Iscale, defaults["weights"]["Iscale"], rtol=2e-7)


@pytest.mark.parametrize("limit", ["", "_max1", "_max2"])
def test_surrogate(limit):
    data = golden("surrogate")
    maximum = float(limit[-1]) if limit else float("inf")
    surrogate = eqpool.PiecewiseLinear(max_spikes_per_dt=maximum)
    primals = [jnp.asarray(data[name]) for name in ("imem", "Ispkthr", "Ireset")]
    assert_same_bits(surrogate(*primals), data[f"spikes{limit}"])
    for i, name in enumerate(["imem", "Ispkthr", "Ireset"]):
        if f"jvp_{name}{limit}" not in data:
            continue
        tangents = [jnp.full_like(p, float(i == j)) for j, p in enumerate(primals)]
        value, tangent = jax.jvp(surrogate, primals, tangents)
        assert_same_bits(value, data[f"spikes{limit}"])
        assert_same_bits(tangent, data[f"jvp_{name}{limit}"])
        reverse = jax.grad(lambda *p: jnp.sum(surrogate(*p)), argnums=i)(*primals)
        assert_same_bits(jnp.sum(tangent) if i else tangent, reverse)
