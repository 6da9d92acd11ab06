"""From time constants and gain ratios to currents, and back."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import eqpool
from eqpool import DynapSim, Parameter


SPEC = {
    "tau_mem": 50e-3,
    "tau_ahp": 0.1,
    "r_gain_mem": 2.0,
    "r_gain_ahp": 8.0,
    "t_ref": 2e-3,
    "t_pulse": 1e-4,
    "t_pulse_ahp": 5e-5,
}
TYPES = {"ampa": (5e-3, 50.0), "gaba": (8e-3, 20.0), "nmda": (0.1, 30.0), "shunt": (12e-3, 60.0)}


def test_round_trip_of_four_synapses():
    spec = dict(SPEC)
    for name, (tau, gain) in TYPES.items():
        spec |= {f"tau_{name}": tau, f"r_gain_{name}": gain}
    mod = DynapSim.from_specification(3, **spec)
    for name, value in spec.items():
        np.testing.assert_allclose(getattr(mod, name), np.full(3, value), rtol=1e-5, err_msg=name)
    # In float32 by hand: I = C*Ut/(kappa*tau).
    np.testing.assert_allclose(mod.Itau_mem, 3e-12 * 25e-3 / (0.705 * 50e-3), rtol=1e-6)
    np.testing.assert_allclose(mod.Igain_nmda, 30 * 25e-12 * 25e-3 / (0.705 * 0.1), rtol=1e-6)
    np.testing.assert_allclose(mod.Iref, 0.7 * 1.5e-12 / 2e-3, rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(
    tau_mem=st.floats(1e-3, 0.14),
    tau_syn=st.floats(1e-4, 0.3),
    r_gain_mem=st.floats(3.0, 100.0),
    t_ref=st.floats(2e-4, 0.5),
    C_mem=st.floats(2e-12, 1e-11),
)
def test_round_trip_of_one_synapse(tau_mem, tau_syn, r_gain_mem, t_ref, C_mem):
    spec = dict(tau_mem=tau_mem, tau_syn=tau_syn, r_gain_mem=r_gain_mem, t_ref=t_ref)
    mod = DynapSim.from_specification(2, synapses=("ampa",), C_mem=C_mem, **spec)
    for name, value in spec.items():
        np.testing.assert_allclose(getattr(mod, name), value, rtol=1e-5)


def test_defaults_are_the_constructors():
    plain, specified = DynapSim(2), DynapSim.from_specification(2)
    for name, value in plain.simulation_parameters().items():
        np.testing.assert_allclose(getattr(specified, name), value, rtol=1e-6, err_msg=name)
    # A quantity keeps its default though others change.
    mod = DynapSim.from_specification(2, tau_mem=0.1, C_ampa=1e-11)
    np.testing.assert_allclose(mod.r_gain_mem, 4.0, rtol=1e-6)
    np.testing.assert_allclose(mod.tau_ampa, 10e-3, rtol=1e-6)
    mod = DynapSim.from_specification(2, Itau_syn=1e-10)
    np.testing.assert_allclose(mod.Itau_gaba, 1e-10, rtol=1e-6)
    np.testing.assert_allclose(mod.r_gain_gaba, 100.0, rtol=1e-6)


def test_one_value_for_every_synapse_type_unless_named():
    mod = DynapSim.from_specification(2, tau_syn=4e-3, tau_nmda=80e-3)
    for name in ("ampa", "gaba", "shunt"):
        np.testing.assert_allclose(getattr(mod, f"tau_{name}"), 4e-3, rtol=1e-5)
    np.testing.assert_allclose(mod.tau_nmda, 80e-3, rtol=1e-5)


def test_per_neuron_trainable_and_traced():
    taus = jnp.array([10e-3, 20e-3, 30e-3])
    mod = DynapSim.from_specification(3, tau_mem=Parameter(taus), synapses=("ampa",))
    assert set(mod.parameters()) == {"Itau_mem"}
    np.testing.assert_allclose(mod.tau_mem, taus, rtol=1e-5)
    traced = jax.jit(lambda tau: DynapSim.from_specification(3, tau_mem=tau).tau_mem)(taus)
    np.testing.assert_allclose(traced, taus, rtol=1e-5)
    slope = jax.grad(lambda t: jnp.sum(DynapSim.from_specification(3, tau_mem=t).Itau_mem))(taus)
    np.testing.assert_allclose(slope, -mod.Itau_mem / taus, rtol=1e-5)


def test_the_simulation_has_the_time_constants_it_was_given(x64):
    """A small deviation from the steady state decays with tau_mem*(1 + Imem/Igain)-like speed."""
    quiet = eqpool.SigmoidFeedback(Ia_gain=0.0, Ia_th=0.0, Ia_norm=1.0)
    mod = DynapSim.from_specification(
        1, tau_mem=30e-3, tau_syn=7e-3, tau_ahp=40e-3, dt=1e-5, synapses=("ampa",),
        solver=eqpool.ForwardEuler(), feedback=quiet,
    ).set_attributes({"iampa": jnp.array([1e-10]), "iahp": jnp.array([1e-11])})  # fmt: skip
    _, _, record = mod(jnp.zeros((1000, 1)), record=True)
    for name, tau, start in (("iampa", 7e-3, 1e-10), ("iahp", 40e-3, 1e-11)):
        np.testing.assert_allclose(record[name][-1, 0], start * np.exp(-10e-3 / tau), rtol=1e-6)
    # With Imem far above Igain and no input the membrane falls with tau_mem.
    mod = mod.set_attributes({"iampa": jnp.zeros(1), "iahp": 5e-13 * jnp.ones(1)})
    high = mod.set_attributes({"imem": jnp.array([5e-8])})
    Itau, Io = float(mod.Itau_mem[0]), 5e-13
    _, _, record = high(jnp.zeros((100, 1)), record=True)
    speed = -np.log(record["imem"][-1, 0] / 5e-8) / 1e-3
    leak_times_faster = (Itau + Io) / Itau * (1 + Io / Itau)
    np.testing.assert_allclose(speed, leak_times_faster / 30e-3, rtol=0.01)


@pytest.mark.parametrize(
    "spec, words",
    [
        (dict(tau_mem=1e-9), r"tau_mem = 1e-09 s \(element 0\) needs Itau_mem = .* A, above what "
         r"the chip can do, 2.25e-06 A; tau_mem must be at least 4\.7\d*e-08 s here"),
        (dict(t_pulse=1e-9), r"t_pulse = 1e-09 s .* needs Ipulse = .* above what the chip can do"),
        (dict(r_gain_mem=1e6), r"r_gain_mem = 1e\+06 .* needs Igain_mem .*must be at most"),
    ],
)  # fmt: skip
def test_beyond_the_chip_there_is_a_warning(spec, words):
    with pytest.warns(UserWarning) as caught:
        DynapSim.from_specification(2, **spec)
    assert any(re.search(words, str(w.message)) for w in caught)


def test_plain_currents_beyond_the_chip_warn_too():
    with pytest.warns(UserWarning, match=r"DynapSim.Itau_mem = 1e-14 A .* \[5e-13, 2.25e-06\] A"):
        mod = DynapSim(1, Itau_mem=1e-14)
    np.testing.assert_allclose(mod.tau_mem, DynapSim(1, Itau_mem=5e-13).tau_mem)  # as if at Io
    with pytest.warns(UserWarning, match=r"DynapSim.Idc = 1e-05 A .* \[0, 2.25e-06\] A"):
        DynapSim(1, Idc=1e-5)


def test_warnings_point_at_the_line_that_caused_them():
    with pytest.warns(UserWarning) as caught:
        DynapSim(1, Idc=1e-5)
        DynapSim(1).set_attributes({"Idc": 1e-5})
        DynapSim.from_specification(1, t_pulse=1e-9)
    assert len(caught) >= 3
    assert {w.filename for w in caught} == {__file__}
