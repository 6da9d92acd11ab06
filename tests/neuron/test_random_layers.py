"""Layers with drawn parameters against DOP853, at the tolerances of `EventDriven` by default."""

import numpy as np
import pytest

import eqpool
from tests.helpers import tiers
from tests.neuron.by_hand import by_hand
from tests.neuron.dop853 import spikes
from tests.neuron.exact import drawn, layer, N, run


DEFAULT = eqpool.EventDriven(max_spikes=512, max_steps=50_000)

# Bounds of uniform draws; size of weights; duration.
MODELS = {
    "LIF": (
        dict(bias=(-0.02, 0.08), tau_mem=(5e-3, 30e-3), threshold=(0.5, 1.5), t_ref=(0.0, 3e-3)),
        0.08, 0.12,
    ),
    "ALIF": (
        dict(Idc=(0.0, 3.0), beta=(0.0, 2.0), tau_adapt=(20e-3, 200e-3), t_ref=(0.0, 3e-3)),
        1.5, 0.12,
    ),
    "QIF": (
        dict(Idc=(-0.5, 1.0), V_peak=(5.0, 50.0), V_reset=(-50.0, -1.0), t_ref=(0.0, 3e-3)),
        1.0, 0.12,
    ),
    "EIF": (dict(Idc=(-1e-10, 4e-10), t_ref=(0.0, 3e-3)), 2.0, 0.1),
    "AdExLIF": (
        dict(Idc=(3e-10, 9e-10), a=(-5e-9, 8e-9), b=(0.0, 1e-10), tau_w=(20e-3, 200e-3),
             V_reset=(-70e-3, -48e-3), V_peak=(-25e-3, -20e-3), t_ref=(0.0, 3e-3)),
        2.5, 0.1,
    ),
    "Izhikevich": (
        dict(Idc=(0.0, 12.0), a=(0.02, 0.1), b=(0.18, 0.26), c=(-65.0, -50.0), d=(0.05, 8.0),
             t_ref=(0.0, 2e-3)),
        6.0, 0.12,
    ),
    "HodgkinHuxley": (dict(Idc=(0.0, 20.0), V_th=(-40.0, 10.0), t_ref=(0.0, 16e-3)), 8.0, 0.05),
}  # fmt: skip


@pytest.mark.parametrize("name", tiers(MODELS, 0, slow=0))
def test_layers_spike_as_by_dop853(name, x64):
    """The same neurons in the same order, within 0.1 µs, whatever the parameters."""
    bounds, size, duration = MODELS[name]
    synapses, compared = (2, 0) if name == "LIF" else (1, 0)
    more = dict(tau_syn=[[8e-3, 3e-3]]) if name == "LIF" else {}
    for seed in range(6):
        draw = np.random.default_rng(seed)
        values = {key: draw.uniform(*between, N) for key, between in bounds.items()}
        cls = getattr(eqpool, name)
        mod = layer(cls, size, synapses * N, solver=DEFAULT, **values, **more)
        # Of both signs.
        arrivals = [
            (t, channel, weight if i % 3 else -0.7 * weight)
            for i, (t, channel, weight) in enumerate(drawn(synapses * N, duration, size, seed))
        ]
        found, _ = run(mod, duration, arrivals)
        expected, neurons, _ = spikes(*by_hand(mod), duration, arrivals, tolerance=1e-12)
        count = int(found.count)
        np.testing.assert_array_equal(found.channels[:count], neurons)
        np.testing.assert_allclose(found.times[:count], expected, rtol=0, atol=1e-7)
        compared += count
    assert compared > 25
