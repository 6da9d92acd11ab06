"""eqpool beside Rockpool 3.1, on freshly drawn configurations. Needs the extra `parity`.

Rounding may decide a spike whose membrane comes within `MARGIN` nats of the threshold, and from
there both runs are right and differ. A run is compared up to the first such step.
"""

import logging
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import tiers


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)  # it warns of chips that are not connected
    rockpool = pytest.importorskip("rockpool")
    from rockpool.devices.dynapse import DynapSim as RockpoolDynapSim
    from rockpool.nn.modules import RateJax as RockpoolRateJax

    logging.disable(logging.NOTSET)

pytestmark = [
    # Rockpool promotes dtypes and ranks, and warns of what it imports.
    pytest.mark.usefixtures("promotion", "rank_promotion"),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.untyped,
]

MARGIN = 3e-4


@pytest.fixture
def rank_promotion():
    with jax.numpy_rank_promotion("allow"):
        yield


def draw(seed):
    """A configuration, half of them recurrent, every current, capacitance and constant drawn."""
    rng = np.random.default_rng(seed)
    n, steps, batch = rng.integers(1, 41), rng.integers(20, 501), rng.integers(1, 4)
    shape = () if rng.random() < 0.3 else (n,)

    def log_uniform(low, high):
        return np.exp(rng.uniform(np.log(low), np.log(high), shape)).astype(np.float32)

    Itau_mem = log_uniform(2e-12, 2e-11)
    Itau_syn = log_uniform(3e-11, 3e-10)
    Itau_ahp = log_uniform(1e-11, 1e-10)
    arguments = dict(
        Idc=log_uniform(5e-13, 2e-10),
        Igain_ahp=Itau_ahp * log_uniform(1, 4),
        Igain_mem=Itau_mem * log_uniform(2, 8),
        Igain_syn=Itau_syn * log_uniform(50, 150),
        Ipulse_ahp=log_uniform(1e-8, 1e-7),
        Ipulse=log_uniform(1e-8, 1e-7),
        Iref=log_uniform(2e-10, 2e-9),
        Ispkthr=log_uniform(3e-8, 3e-7),
        Itau_ahp=Itau_ahp,
        Itau_mem=Itau_mem,
        Itau_syn=Itau_syn,
        Iw_ahp=log_uniform(1e-9, 2e-8),
        C_ahp=log_uniform(3e-11, 5e-11),
        C_syn=log_uniform(2e-11, 3e-11),
        C_pulse_ahp=log_uniform(4e-13, 6e-13),
        C_pulse=log_uniform(4e-13, 6e-13),
        C_ref=log_uniform(1e-12, 2e-12),
        C_mem=log_uniform(2e-12, 4e-12),
        kappa_n=log_uniform(0.7, 0.8),
        kappa_p=log_uniform(0.6, 0.7),
        Ut=log_uniform(0.024, 0.027),
        Vth=log_uniform(0.6, 0.8),
    )
    dt = float(rng.choice([1e-3, 5e-4]))
    x = rng.poisson(0.15, (batch, steps, n)) * rng.uniform(5, 60)
    w_rec = rng.normal(size=(n, n)) * 10 / np.sqrt(n) if seed % 2 else None
    return int(n), arguments, dt, x.astype(np.float32), w_rec


def both(seed):
    n, arguments, dt, x, w_rec = draw(seed)
    recurrent = {} if w_rec is None else dict(has_rec=True, w_rec=w_rec.astype(np.float32))
    shape = n if w_rec is None else (n, n)
    theirs = RockpoolDynapSim(shape, dt=dt, **arguments, **recurrent)
    ours = eqpool.DynapSim(shape, dt=dt, synapses=("ampa",), **arguments, **recurrent)
    return ours, theirs, x


def comparable_steps(ours, record):
    """Steps before rounding may decide a spike of any neuron, for each batch element."""
    Ut, kappa = np.asarray(ours.Ut), (np.asarray(ours.kappa_n) + np.asarray(ours.kappa_p)) / 2
    above = np.asarray(record["vmem"]) * kappa / Ut - np.log(
        np.asarray(ours.Ispkthr) / np.asarray(ours.Io)
    )
    close = (np.abs(above - np.round(above)) < MARGIN) & (np.round(above) >= 0)
    close = close.any(axis=-1)
    return np.where(close.any(axis=-1), close.argmax(axis=-1), close.shape[-1])


def assert_same_membrane(ours, theirs):
    """Where a step of Euler takes nearly all of the current away, its rounding is what is left.

    There both libraries are several percent away from double precision.
    """
    imem = theirs["imem"]
    before = np.concatenate([np.zeros_like(imem[:1]), imem[:-1]])
    relative = 2e-3 + 2e-5 * before / imem
    assert (np.abs(ours["imem"] / imem - 1) <= relative).all()
    assert (np.abs(ours["vmem"] - theirs["vmem"]) <= 0.04 * relative).all()


CHECKED = {"steps": 0, "all": 0, "spikes": 0, "networks": 0}


@pytest.mark.parametrize("seed", tiers(range(60), 8, slow=8))
def test_random_networks(seed):
    ours, theirs, x = both(seed)
    output, state, record = ours(x, record=True)
    their_output, their_state, their_record = theirs(x, record=True)
    last = comparable_steps(ours, record)
    both_records = (record, their_record)
    for b, steps in enumerate(last):
        np.testing.assert_array_equal(output[b, :steps], their_output[b, :steps])
        for name, other in {"iampa": "isyn", "iahp": "iahp"}.items():
            np.testing.assert_allclose(
                record[name][b, :steps], their_record[other][b, :steps], rtol=1e-4, err_msg=name
            )
        assert_same_membrane(
            *({k: np.asarray(r[k][b, :steps]) for k in ("imem", "vmem")} for r in both_records)
        )
        if steps == x.shape[1]:
            for name in ("iahp", "imem", "vmem", "spikes", "timer_ref"):
                np.testing.assert_allclose(
                    state[name][b], their_state[name][b], rtol=2e-3, atol=1e-6, err_msg=name
                )
        CHECKED["steps"] += int(steps)
        CHECKED["spikes"] += int(output[b, :steps].sum())
    CHECKED["all"] += x.shape[0] * x.shape[1]
    CHECKED["networks"] += 1


def test_most_steps_were_comparable():
    """Runs after the tests above, in the same process."""
    if CHECKED["all"] == 0:
        pytest.skip("needs the whole file")
    assert CHECKED["steps"] > 0.5 * CHECKED["all"], CHECKED
    assert CHECKED["spikes"] > 150 * CHECKED["networks"], CHECKED


@pytest.mark.parametrize("seed", tiers([1, 5, 9, 13, 21, 33], 1, slow=1))
def test_gradients_of_random_networks(seed):
    """Wrt weights, before rounding may decide a spike; the loss is smooth, a mean of vmem."""
    ours, theirs, x = both(seed)
    x = jnp.asarray(x[:1])
    _, _, record = ours(x, record=True)
    steps = max(int(comparable_steps(ours, record)[0]), 10)
    x = x[:, :steps]

    def of_ours(w):
        return jnp.mean(ours.set_attributes({"w_rec": w})(x, record=True)[2]["vmem"])

    def of_theirs(w):
        return jnp.mean(theirs.set_attributes({"w_rec": w})(x, record=True)[2]["vmem"])

    expected = np.asarray(jax.grad(of_theirs)(ours.w_rec))
    actual = np.asarray(jax.grad(of_ours)(ours.w_rec))
    assert np.abs(expected).max() > 0
    assert np.abs(actual - expected).max() < 5e-3 * np.abs(expected).max()


@pytest.mark.parametrize("seed", tiers(range(10), 3, slow=2))
def test_random_rate_layers(seed):
    rng = np.random.default_rng(seed)
    n, steps = int(rng.integers(1, 41)), int(rng.integers(1, 501))
    arguments = dict(
        tau=rng.uniform(5e-3, 0.1, n).astype(np.float32),
        bias=rng.normal(size=n).astype(np.float32),
        threshold=rng.normal(size=n).astype(np.float32),
        activation_func=["relu", "tanh", "sigmoid"][seed % 3],
    )
    if seed % 2:
        w_rec = (rng.normal(size=(n, n)) / np.sqrt(n)).astype(np.float32)
        arguments |= dict(has_rec=True, w_rec=w_rec)
    shape = (n, n) if seed % 2 else n
    x = rng.normal(size=(2, steps, n)).astype(np.float32)
    output, state, _ = eqpool.RateJax(shape, **arguments)(x)
    theirs, their_state, _ = RockpoolRateJax(shape, **arguments)(x)
    np.testing.assert_allclose(output, theirs, rtol=1e-4, atol=2e-5)
    np.testing.assert_allclose(state["x"][0], their_state["x"], rtol=1e-4, atol=2e-5)
