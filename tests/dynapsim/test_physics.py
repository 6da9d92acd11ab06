"""What each part of the neuron does, against expectations derived by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool import physics


EULER = eqpool.ForwardEuler()
IO = 5e-13


def one(**kwargs):
    """One neuron with four synapses and the consistent solver."""
    return eqpool.DynapSim(1, **({"solver": EULER} | kwargs))


def drive(steps, at=0, **channels):
    """Input `(steps, 1, 4)`: a number of spikes at one step, by synapse type."""
    x = np.zeros((steps, 1, 4), np.float64)
    for name, value in channels.items():
        x[at, 0, ("ampa", "gaba", "nmda", "shunt").index(name)] = value
    return jnp.asarray(x)


# Conversions


def test_conversions_are_inverse(x64):
    C, kappa, Ut, Vth, t = 3e-12, 0.705, 25e-3, 0.7, jnp.array([1e-6, 20e-3, 0.3])
    args = [jnp.asarray(x) for x in (C, kappa, Ut)]
    I = physics.leak_current(t, *args)
    np.testing.assert_allclose(I, C * Ut / (kappa * np.asarray(t)), rtol=1e-12)
    np.testing.assert_allclose(physics.time_constant(I, *args), t, rtol=1e-12)
    I = physics.pulse_current(t, jnp.asarray(C), jnp.asarray(Vth))
    np.testing.assert_allclose(I, Vth * C / np.asarray(t), rtol=1e-12)
    np.testing.assert_allclose(physics.pulse_width(I, args[0], jnp.asarray(Vth)), t, rtol=1e-12)
    np.testing.assert_allclose(physics.slope_factor(jnp.asarray(0.75), jnp.asarray(0.66)), kappa)
    v = physics.membrane_potential(jnp.asarray(1e-9), jnp.asarray(IO), args[1], args[2])
    np.testing.assert_allclose(v, 25e-3 / 0.705 * np.log(1e-9 / IO), rtol=1e-12)


def test_charge_keeps_its_digits_for_short_pulses():
    charge = physics.dpi_charge(jnp.asarray(1e-6), jnp.asarray(50e-3))
    np.testing.assert_allclose(charge, -np.expm1(-2e-5), rtol=1e-6)
    # The plain formula does not, in float32.
    assert abs((1 - jnp.exp(-jnp.asarray(2e-5))) / charge - 1) > 1e-3


def test_membrane_derivative_is_the_published_equation(x64):
    """Written out as in the papers, before anything cancels."""
    Imem, Iin, Ileak, Iahp, Ia, Itau, Igain, C, kappa, Ut = (
        np.random.default_rng(0)
        .uniform(
            [1e-12, 1e-12, 5e-12, 5e-13, 1e-12, 3e-12, 1e-11, 1e-12, 0.6, 0.02],
            [1e-7, 1e-9, 2e-11, 1e-11, 1e-10, 9e-12, 1e-10, 5e-12, 0.8, 0.03],
            (100, 10),
        )
        .T
    )
    tau = C * Ut / (kappa * Ileak)
    steady, feedback = Igain / Itau * (Iin - Ileak), Ia / Ileak * (Imem + Igain)
    expected = Imem / (tau * (Imem + Igain)) * (steady + feedback - Imem * (1 + Iahp / Itau))
    ours = physics.membrane_derivative(
        *map(jnp.asarray, (Imem, Iin, Ileak, Iahp, Ia, Itau, Igain, C, kappa, Ut))
    )
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


# Synapses


@pytest.mark.parametrize("name", ["ampa", "gaba", "nmda", "shunt"])
def test_a_spike_charges_its_own_synapse_which_decays(name, x64):
    mod = one()
    _, _, record = mod(drive(20, at=5, **{name: 3.0}), record=True)
    tau, t_pulse = getattr(mod, f"tau_{name}")[0], mod.t_pulse[0]
    Igain, Itau = (getattr(mod, f"{kind}_{name}")[0] for kind in ("Igain", "Itau"))
    steps = np.arange(20)
    # From Io, decaying; after the spike of step 5 that much more.
    expected = IO * np.exp(-1e-3 * (steps + 1) / tau)
    jump = (1 - np.exp(-t_pulse / tau)) * Igain / Itau * mod.Iscale * 3.0
    expected += np.where(steps >= 5, jump * np.exp(-1e-3 * (steps - 4) / tau), 0.0)
    np.testing.assert_allclose(record[f"i{name}"][:, 0], expected, rtol=1e-9)
    for other in {"ampa", "gaba", "nmda", "shunt"} - {name}:
        tau = getattr(mod, f"tau_{other}")[0]
        silent = IO * np.exp(-1e-3 * (steps + 1) / tau)
        np.testing.assert_allclose(record[f"i{other}"][:, 0], silent, rtol=1e-9)


def slope_at(imem, **currents):
    """dImem/dt in the first step, from chosen currents, and the module."""
    mod = one(Idc=1e-10)
    currents = dict.fromkeys(("iampa", "igaba", "inmda", "ishunt"), 0.0) | currents
    mod = mod.set_attributes({k: jnp.full(1, v) for k, v in (currents | {"imem": imem}).items()})
    _, state, _ = mod(drive(1))
    return float(state["imem"][0] - imem) / 1e-3, mod


def expected_slope(mod, imem, Iin, Ileak):
    kappa, Ut = 0.705, 25e-3
    Itau, Igain = float(mod.Itau_mem[0]), float(mod.Igain_mem[0])
    tau = 3e-12 * Ut / (kappa * Ileak)
    Ia = IO * (imem / IO) ** (kappa / (kappa + 1))
    pull = Igain / Itau * (Iin - Ileak) + Ia / Ileak * (imem + Igain) - imem * (1 + IO / Itau)
    return imem / (tau * (imem + Igain)) * pull


def test_excitation_adds_to_the_input(x64):
    slope, mod = slope_at(5e-11, iampa=3e-11)
    leak = float(mod.Itau_mem[0]) + IO
    np.testing.assert_allclose(
        slope, expected_slope(mod, 5e-11, 3e-11 + 1e-10 - leak, leak), rtol=1e-7
    )


def test_gaba_adds_to_the_leak(x64):
    """It shortens the time constant and takes from the input as well."""
    slope, mod = slope_at(5e-11, igaba=2e-11)
    leak = float(mod.Itau_mem[0]) + IO + 2e-11
    np.testing.assert_allclose(slope, expected_slope(mod, 5e-11, 1e-10 - leak, leak), rtol=1e-7)


def test_shunt_subtracts_from_the_input_only(x64):
    slope, mod = slope_at(5e-11, ishunt=2e-11)
    leak = float(mod.Itau_mem[0]) + IO
    np.testing.assert_allclose(
        slope, expected_slope(mod, 5e-11, 1e-10 - 2e-11 - leak, leak), rtol=1e-7
    )
    # It cannot take more than there is.
    slope, mod = slope_at(5e-11, ishunt=1e-8)
    np.testing.assert_allclose(slope, expected_slope(mod, 5e-11, IO, leak), rtol=1e-7)


@pytest.mark.parametrize("imem, passing", [(IO, 0.5), (9 * IO, 0.9)])
def test_nmda_passes_when_the_membrane_is_up(imem, passing, x64):
    slope, mod = slope_at(imem, inmda=4e-11)
    leak = float(mod.Itau_mem[0]) + IO
    expected = expected_slope(mod, imem, passing * 4e-11 + 1e-10 - leak, leak)
    np.testing.assert_allclose(slope, expected, rtol=1e-7)


# Adaptation, refractory period, spikes


def test_adaptation_grows_with_each_spike_and_slows_down(x64):
    mod = one(Idc=3e-10, Iw_ahp=2e-7)
    spikes, _, record = mod(drive(600), record=True)
    fired = np.flatnonzero(spikes[:, 0])
    assert len(fired) > 3
    intervals = np.diff(fired)
    assert (np.diff(intervals[:3]) > 0).all()  # each longer than the one before
    plain = np.flatnonzero(one(Idc=3e-10, Iw_ahp=0.0)(drive(600))[0][:, 0])
    assert len(fired) < len(plain) and fired[0] == plain[0]
    jump = (1 - np.exp(-1e-6 / 50e-3)) * 1.0 * 2e-7
    after, decay = record["iahp"][fired[0] + 1, 0], np.exp(-1e-3 / 50e-3)
    np.testing.assert_allclose(after, (IO + jump) * decay, rtol=1e-6)


@pytest.mark.parametrize("steps", [1, 5])
def test_no_input_enters_in_the_refractory_period(steps, x64):
    mod = one(Idc=5e-9, Iref=0.7 * 1.5e-12 / (steps * 1e-3))
    spikes, _, record = mod(drive(100), record=True)
    imem, fired = record["imem"][:, 0], np.flatnonzero(spikes[:, 0])
    assert len(fired) > 3
    for k in fired[:3]:
        np.testing.assert_allclose(imem[k : k + steps + 1], IO, rtol=1e-12)
        assert imem[k + steps + 1] > 2 * IO
    # Any period takes a whole number of steps, at least one: half a microsecond is one.
    free = np.flatnonzero(one(Idc=5e-9, Iref=2e-6)(drive(100))[0][:, 0])
    assert (np.diff(fired)[:3] == np.diff(free)[:3] + steps - 1).all()


def test_several_spikes_in_a_step():
    """One for each factor of e above threshold."""
    assert [float(physics.spike_count(jnp.asarray(u))) for u in (-1.0, 0.0, 0.1, 1.0, 2.5)] == [
        0, 0, 1, 1, 3,
    ]  # fmt: skip
    high = {"imem": jnp.array([9.9e-8]), "iampa": jnp.array([4e-6])}
    mod = one().set_attributes(high)
    spikes, state, _ = mod(drive(1))
    slope = physics.membrane_derivative(
        *map(
            jnp.asarray,
            (9.9e-8, 4e-6 - 2 * float(mod.Itau_mem[0]), float(mod.Itau_mem[0]) + 2 * IO),
        ),
        *map(jnp.asarray, (IO, IO * (9.9e-8 / IO) ** (0.705 / 1.705))),
        *map(jnp.asarray, (mod.Itau_mem[0], mod.Igain_mem[0], 3e-12, 0.705, 25e-3)),
    )
    expected = np.ceil(np.log((9.9e-8 + 1e-3 * float(slope)) / 1e-7))
    assert expected > 1.0 and float(spikes[0, 0]) == expected
    assert float(state["imem"][0]) == np.float32(IO)
    capped = one(surrogate=eqpool.PiecewiseLinear(max_spikes_per_dt=1)).set_attributes(high)
    assert float(capped(drive(1))[0][0, 0]) == 1.0


# Feedback


def test_feedback_objects(x64):
    v, Io, kappa, Ut = jnp.array([0.0, 0.2, 0.4]), *map(jnp.asarray, (IO, 0.705, 25e-3))
    imem = Io * jnp.exp(kappa * v / Ut)
    exponential = eqpool.ExponentialFeedback()(imem, v, Io, kappa, Ut)
    np.testing.assert_allclose(exponential, IO * (imem / IO) ** (0.705 / 1.705), rtol=1e-10)
    sigmoid = eqpool.SigmoidFeedback(Ia_gain=5e-11, Ia_th=-2e-9, Ia_norm=1e-9)
    at = jnp.array([0.0, 2e-9, 1e-6])
    expected = 5e-11 / (1 + np.exp(-(np.asarray(at) - 2e-9) / 1e-9))
    np.testing.assert_allclose(sigmoid(at, v, Io, kappa, Ut), expected, rtol=1e-10)


def test_without_feedback_the_membrane_settles_below_threshold():
    none = eqpool.SigmoidFeedback(Ia_gain=0.0, Ia_th=0.0, Ia_norm=1e-9)
    x = drive(400)
    assert one(Idc=1e-9)(x)[0].sum() > 0
    quiet = one(Idc=1e-9, feedback=none)
    spikes, state, _ = quiet(x)
    # Steady state of the linear equation: Igain/Itau*(Idc - 2*Ileak) over 1 + Iahp/Itau.
    Itau = float(quiet.Itau_mem[0])
    steady = 4 * (1e-9 - 2 * (Itau + IO)) / (1 + IO / Itau)
    assert spikes.sum() == 0
    np.testing.assert_allclose(state["imem"], steady, rtol=1e-4)


def test_one_synapse_is_four_with_three_silent(x64):
    """Absent synapses contribute exactly nothing."""
    x = jnp.asarray(np.random.default_rng(0).poisson(0.5, (200, 3)) * 30.0)
    w = jax.random.normal(jax.random.key(0), (3, 3)) * 10
    one_type = eqpool.DynapSim((3, 3), has_rec=True, w_rec=w, synapses=("ampa",), solver=EULER)
    spikes, _, record = one_type(x, record=True)
    four = eqpool.DynapSim(
        3,
        has_rec=True,
        w_rec=jnp.zeros((3, 3, 4)).at[..., 0].set(w),
        solver=EULER,
    ).set_attributes({name: jnp.zeros(3) for name in ("igaba", "inmda", "ishunt")})
    again, _, full = four(jnp.zeros((200, 3, 4)).at[..., 0].set(x), record=True)
    assert spikes.sum() > 10
    np.testing.assert_array_equal(spikes, again)
    np.testing.assert_allclose(record["imem"], full["imem"], rtol=1e-9)


def test_recurrent_weights_are_indexed_pre_post_synapse(x64):
    w = jnp.zeros((2, 2, 4)).at[0, 1, 2].set(5.0)  # from neuron 0 to neuron 1, NMDA
    mod = eqpool.DynapSim((2, 2), has_rec=True, w_rec=w, solver=EULER)
    mod = mod.set_attributes({"spikes": jnp.array([1.0, 0.0])})
    _, state, _ = mod(jnp.zeros((1, 8)))
    _, silent, _ = mod.reset_state()(jnp.zeros((1, 8)))
    changed = {name: np.asarray(state[name] != silent[name]) for name in state}
    assert changed["inmda"].tolist() == [False, True]
    for name in ("iampa", "igaba", "ishunt"):
        assert not changed[name].any()
