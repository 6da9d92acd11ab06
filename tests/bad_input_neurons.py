"""Wrong declarations and uses of neurons; as in `bad_input_cases.py`."""

import jax.numpy as jnp
from equinox import EquinoxRuntimeError

import eqpool
from tests.neuron.adapting import AbstractAdapting, Adapting
from tests.neuron.leaky import AbstractLeaky


def spoiled(base=AbstractLeaky, **changes):
    """Builds and runs a neuron with other class attributes or methods."""
    return type("Spoiled", (base,), {"__module__": __name__, **changes})(3)(jnp.ones((4, 3)))


def spoiled_rates(**changes):
    """The same of a neuron that emits rates."""
    return spoiled(AbstractAdapting, **changes)


# name -> (what is done, the error, a pattern for its message)
NEURON_CASES = {
    "a parameter that a neuron lacks": (
        lambda: eqpool.Izhikevich(3, v_paek=30.0),
        TypeError,
        r"Izhikevich has no parameter 'v_paek'. Did you mean 'v_peak'\?",
    ),
    "a state as an argument": (
        lambda: eqpool.QIF(3, vmem=0.0),
        TypeError,
        r"QIF has no parameter 'vmem'",
    ),
    "integrated as a string": (
        lambda: spoiled(integrated="vmem"),
        TypeError,
        r"Spoiled.integrated must be a tuple of names of states, as \('vmem',\); got str 'vmem'",
    ),
    "an integrated state that is not declared": (
        lambda: spoiled(integrated=("vmem", "wmem")),
        TypeError,
        r"Spoiled.integrated: 'wmem' is no state of this class; it has 'isyn', 'vmem'",
    ),
    "a state that decays and is integrated": (
        lambda: spoiled(decaying={"isyn": "tau_syn", "vmem": "tau_mem"}),
        TypeError,
        r"Spoiled.decaying: the state 'vmem' is in `integrated` too",
    ),
    "a time constant that is not declared": (
        lambda: spoiled(decaying={"isyn": "tau_sin"}),
        TypeError,
        r"Spoiled.decaying\['isyn'\]: 'tau_sin' is no parameter .* Did you mean 'tau_syn'\?",
    ),
    "a threshold that is a state": (
        lambda: spoiled(spiking=("vmem", "isyn")),
        TypeError,
        r"Spoiled.spiking: 'isyn' is a state; a threshold is a parameter.*`distance`",
    ),
    "no threshold": (
        lambda: spoiled(spiking=("vmem",)),
        TypeError,
        r"Spoiled.spiking must name a state and its threshold, as \('vmem', 'threshold'\)",
    ),
    "a derivative of what is not declared": (
        lambda: spoiled(derivative=lambda self, y, at: {"vmem": y["vmem"], "w": y["vmem"]}),
        TypeError,
        r"Spoiled.derivative returns 'w', which is not declared; expected 'vmem'",
    ),
    "a derivative that forgets a state": (
        lambda: spoiled(derivative=lambda self, y, at: {}),
        TypeError,
        r"Spoiled.derivative does not return 'vmem'",
    ),
    "a derivative that is no dictionary": (
        lambda: spoiled(derivative=lambda self, y, at: -y["vmem"]),
        TypeError,
        r"Spoiled.derivative must return a dictionary by name of state",
    ),
    "a derivative of another shape": (
        lambda: spoiled(derivative=lambda self, y, at: {"vmem": y["vmem"].sum()}),
        ValueError,
        r"Spoiled.derivative returns 'vmem' as float32\[\]; expected shape \(3,\)",
    ),
    "a derivative that is not a number": (
        lambda: spoiled(derivative=lambda self, y, at: {"vmem": y["vmem"] / y["vmem"]}),
        ValueError,
        r"Spoiled.derivative returns nan for 'vmem' \(element 0\) at the state that the module",
    ),
    "rates with a derivative that is not a number": (
        lambda: spoiled_rates(
            derivative=lambda self, y, at: {"x": at["drive"], "a": y["a"] / (self.gain * y["a"])}
        ),
        ValueError,
        r"Spoiled.derivative returns nan for 'a' \(element 0\) at the state that the module",
    ),
    "a spike that returns what is not declared": (
        lambda: spoiled(fire=lambda self, s, spikes: s | {"wmem": spikes}),
        TypeError,
        r"Spoiled.fire returns 'wmem', which is not declared; .* Did you mean 'vmem'\?",
    ),
    "a spike that forgets a state": (
        lambda: spoiled(fire=lambda self, s, spikes: {"vmem": s["vmem"]}),
        TypeError,
        r"Spoiled.fire does not return 'isyn'.*Begin with what came in, as `return s \| ",
    ),
    "arriving spikes that change a shape": (
        lambda: spoiled(arrive=lambda self, s, x: s | {"isyn": s["isyn"][None]}),
        ValueError,
        r"Spoiled.arrive returns 'isyn' as float32\[1,3\]; expected shape \(3,\)",
    ),
    "a state of another dtype": (
        lambda: spoiled(fire=lambda self, s, spikes: s | {"vmem": spikes > 0}),
        TypeError,
        r"Spoiled.fire returns 'vmem' as bool\[3\]; expected float32, the dtype of the run",
    ),
    "noise between events": (
        lambda: eqpool.EIF(2, noise_std=1e-3, solver=eqpool.EventDriven())(jnp.ones((3, 2))),
        EquinoxRuntimeError,
        r"EIF: EventDriven integrates equations without noise; set noise_std = 0",
    ),
    "a slope per ampere": (
        lambda: eqpool.Izhikevich(2, surrogate=eqpool.PiecewiseLinear()),
        ValueError,
        r"Izhikevich: PiecewiseLinear has a slope per ampere .* only DynapSim has",
    ),
    "rates of an integrated state that is not declared": (
        lambda: spoiled_rates(integrated=("x", "b")),
        TypeError,
        r"Spoiled.integrated: 'b' is no state of this class; it has 'a', 'isyn', 'x'",
    ),
    "rates with a derivative that forgets a state": (
        lambda: spoiled_rates(derivative=lambda self, y, at: {"x": at["drive"]}),
        TypeError,
        r"Spoiled.derivative does not return 'a'; expected 'x', 'a'",
    ),
    "rates whose input changes a shape": (
        lambda: spoiled_rates(arrive=lambda self, s, drive: s | {"isyn": drive.sum()}),
        ValueError,
        r"Spoiled.arrive returns 'isyn' as float32\[\]; expected shape \(3,\)",
    ),
    "rates of another shape": (
        lambda: spoiled_rates(activation=lambda self, s: s["x"].sum()),
        ValueError,
        r"Spoiled.activation returns 'the rates' as float32\[\]; expected shape \(3,\)",
    ),
    "rates that are not numbers": (
        lambda: spoiled_rates(activation=lambda self, s: s["x"] > 0.0),
        TypeError,
        r"Spoiled.activation returns 'the rates' as bool\[3\]; expected float32",
    ),
    "a parameter that a rate neuron lacks": (
        lambda: Adapting(3, gian=1.0),
        TypeError,
        r"Adapting has no parameter 'gian'. Did you mean 'gain'\?",
    ),
    "events of a rate neuron": (
        lambda: Adapting(3, solver=eqpool.EventDriven()),
        TypeError,
        r"EventDriven\(\) is for models that spike, as DynapSim; this one has no events",
    ),
    "a solver by its name": (
        lambda: eqpool.HodgkinHuxley(2, solver="euler"),
        TypeError,
        r"solver must be an object: eqpool.ForwardEuler\(\)",
    ),
}
