"""`Izhikevich` against DOP853, by hand on a grid, and the patterns of the paper."""

import jax.numpy as jnp
import numpy as np

import eqpool
from tests.neuron.exact import assert_as_by_dop853, layer, N, RING, trains


PATTERNS = dict(a=[0.02, 0.1, 0.02, 0.02], c=[-65.0, -65.0, -55.0, -50.0], d=[8.0, 2.0, 4.0, 2.0])
"""Regular spiking, fast spiking, intrinsically bursting, chattering."""


def izhikevich(w_rec=0.0, **arguments):
    return layer(eqpool.Izhikevich, w_rec, **PATTERNS | arguments)


def test_recurrent_neurons_spike_as_by_dop853(x64):
    mod = izhikevich(5.0, Idc=[10.0, 5.0, 12.0, 8.0])
    assert_as_by_dop853(mod, 0.15, 5.0, at_least=30)


def test_patterns_of_cortical_cells(x64):
    """What each class is named for, under the same current."""
    regular, fast, bursting, chattering = map(np.diff, trains(izhikevich(Idc=10.0), 1.0))
    # Regular spiking adapts after the first interval, to one interval.
    assert regular[0] < 0.6 * regular[-1]
    np.testing.assert_allclose(regular[-3:], regular[-1], rtol=1e-3)
    # Fast spiking does not, and is fast.
    np.testing.assert_allclose(fast[3:], fast[-1], rtol=0.02)
    assert fast[-1] < 0.5 * regular[-1]
    # Intrinsically bursting: a burst, then single spikes.
    assert bursting[0] < 5e-3 and (bursting[1:] > 20e-3).all()
    # Chattering: bursts again and again.
    between = chattering > 20e-3
    assert between.sum() > 5 and (chattering[~between] < 6e-3).all()
    assert np.diff(np.flatnonzero(between)).min() >= 3


def test_steps_of_euler_as_in_a_loop(x64):
    """The equations in mV and ms as printed, step by step, with input and recurrent spikes."""
    dt, steps = 0.1, 1500
    mod = izhikevich(5.0, Idc=[10.0, 5.0, 12.0, 8.0], solver=eqpool.ForwardEuler())
    mod = mod.set_attributes({"dt": jnp.asarray(1e-3 * dt)})
    draw = np.random.default_rng(2)
    inputs = 5.0 * (draw.uniform(size=(steps, N)) < 0.01)
    raster, _, record = mod(jnp.asarray(inputs), record=True)
    v, u, isyn, before = np.full(N, mod.c), mod.b * mod.c, np.zeros(N), np.zeros(N)
    a, b, c, d, current = (np.asarray(getattr(mod, name)) for name in ("a", "b", "c", "d", "Idc"))
    expected = []
    for spikes_in in inputs:
        isyn = isyn + spikes_in + before @ (5.0 * RING)
        v, u = (
            v + dt * (0.04 * v**2 + 5.0 * v + 140.0 - u + current + isyn),
            u + dt * a * (b * v - u),
        )
        isyn = isyn * np.exp(-dt / 5.0)
        before = np.where(v >= 30.0, 1.0, 0.0)
        v, u = np.where(before > 0.0, c, v), u + d * before
        expected.append((before, v, u, isyn))
    expected = [np.stack(x) for x in zip(*expected, strict=True)]
    assert expected[0].sum(0).min() >= 3
    np.testing.assert_array_equal(raster, expected[0])
    for name, x in zip(("vmem", "u", "isyn"), expected[1:], strict=True):
        np.testing.assert_allclose(record[name], x, rtol=1e-10, atol=1e-10)
