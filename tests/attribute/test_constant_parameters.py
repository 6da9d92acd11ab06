"""`Parameter(Constant(x))` is a simulation parameter, as in Rockpool."""

import numpy as np
import pytest
from jaxtyping import Array

import eqpool
from eqpool import Constant, field, Parameter, SimulationParameter


class Scaled(eqpool.AbstractModule):
    blueprint: eqpool.Blueprint
    gain: Array = field(Parameter(Constant(3.0), family="gains", unit="V"))

    def __init__(self, shape, gain=None):
        eqpool.initialise(self, shape, {"gain": gain})

    def run(self, input_data, record):
        return self.gain * input_data, {}, {}


@pytest.mark.parametrize(
    "given",
    [
        Parameter(Constant(0.05)),
        Constant(Parameter(0.05)),
        Constant(Constant(0.05)),
        SimulationParameter(Constant(0.05)),
        Parameter(Constant(Constant(0.05)), family="slow"),
    ],
)
def test_as_an_argument(given):
    mod = eqpool.RateJax(2, tau=given, rng_key=0)
    assert list(mod.parameters()) == ["bias", "threshold"]
    assert list(mod.simulation_parameters()) == ["tau", "noise_std", "dt"]
    assert float(mod.tau) == np.float32(0.05)
    assert eqpool.fields(mod)["tau"].family == (getattr(given, "family", None) or "taus")


def test_as_a_declaration():
    for listed in (eqpool.fields(Scaled), eqpool.fields(Scaled(2))):
        assert listed["gain"].role == "simulation parameter" and listed["gain"].unit == "V"
    mod = Scaled(2)
    assert mod.parameters() == {} and float(mod.simulation_parameters("gains")["gain"]) == 3.0
    assert float(Scaled(2, Parameter(2.0)).parameters()["gain"]) == 2.0


def test_of_a_silicon_neuron():
    mod = eqpool.DynapSim.from_specification(2, tau_mem=Parameter(Constant(0.02)))
    assert "Itau_mem" in mod.simulation_parameters() and mod.parameters() == {}
