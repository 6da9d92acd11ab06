"""Wrong uses of what Rockpool's users know, with what the message must say."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import eqpool
from eqpool import Constant, Parameter, SimulationParameter, State


def net():
    return eqpool.Sequential(eqpool.Linear((3, 4), rng_key=0), eqpool.LIF(4, rng_key=0))


class Written(eqpool.AbstractModule):
    """With attributes assigned in the constructor, as Rockpool's are."""

    blueprint: eqpool.Blueprint
    w: Any
    gain: Any = eqpool.field(Parameter(1.0))

    def __init__(self, w, first=False, declared=None):
        if not first:
            eqpool.initialise(self, 3)
        self.w = w
        if declared is not None:
            self.gain = declared
        if first:
            eqpool.initialise(self, 3)

    def run(self, input_data, record):
        return input_data, {}, {}


def written(*args, **kwargs):
    return Written(*args, **kwargs)


def named(*names):
    return {name: eqpool.LIF(3, rng_key=0) for name in names}


ROCKPOOL_CASES = {
    # rasters
    "objects for input": (
        lambda: net()(np.array([[1, 0, None]])),
        TypeError,
        r"Sequential: input_data must be an array; got object\[1,3\]",
    ),
    "integers beyond 64 bits": (
        lambda: net()([[1, 0, 2**70]]),
        TypeError,
        r"Sequential: input_data must be an array; got list \[\[1, 0, 1180591620717411303424\]\]",
    ),
    "words for input": (
        lambda: net()(np.array([["a", "b", "c"]])),
        TypeError,
        r"input_data must be an array; got <U1\[1,3\]",
    ),
    "keys for input": (
        lambda: net()(jax.random.split(jax.random.key(0), 3)[None]),
        TypeError,
        r"input_data must hold numbers, or spikes as booleans; got key<fry>\[1,3\]",
    ),
    "complex input under jit": (
        lambda: jax.jit(lambda net, x: net(x)[0])(net(), 1j * jnp.ones((5, 3))),
        TypeError,
        r"got complex64\[5,3\]: take its real part or its magnitude",
    ),
    "a boolean raster with swapped axes": (
        lambda: net()(np.ones((3, 10), bool)),
        ValueError,
        r"input_data has 10 channels .* look swapped",
    ),
    # modules with names
    "a module called like a method": (
        lambda: eqpool.Sequential({"encode": eqpool.Linear((3, 4)), "run": eqpool.LIF(4)}),
        ValueError,
        "Sequential: a module cannot be called 'run', which is an attribute of every Sequential",
    ),
    "a module called like a field": (
        lambda: eqpool.FFwdStack(named("a", "weights")),
        ValueError,
        "FFwdStack: a module cannot be called 'weights', which is an attribute of every FFwdStack",
    ),
    "a module called like a property": (
        lambda: eqpool.Residual({"name": eqpool.LIF(3)}),
        ValueError,
        "Residual: a module cannot be called 'name'",
    ),
    "a module called like weights": (
        lambda: eqpool.FFwdStack(named("0_1_weight", "a")),
        ValueError,
        "FFwdStack: two attributes or submodules are called '0_1_weight'",
    ),
    "a module called like the output of another": (
        lambda: eqpool.Sequential(named("a", "a_output")),
        ValueError,
        "with a module 'a' none can be called 'a_output', under which the record holds its output",
    ),
    "a module whose name is a number": (
        lambda: eqpool.Sequential({0: eqpool.LIF(3)}),
        TypeError,
        "Sequential: the names of modules must be strings; got int 0",
    ),
    "a module whose name has a dot": (
        lambda: eqpool.Sequential({"a.b": eqpool.LIF(3)}),
        ValueError,
        "Sequential: a module cannot be called 'a.b'; give a name without dots",
    ),
    "one synapse type for several": (
        lambda: eqpool.DynapSim(3).set_attributes({"Itau_syn": 1e-10}),
        ValueError,
        r"DynapSim.Itau_syn: belongs to neurons with one synapse type; .* synapses=\('ampa',\)",
    ),
    "a name for what is no module": (
        lambda: eqpool.Sequential({"hidden": jnp.tanh}),
        TypeError,
        r"Sequential: 'hidden' is not a module; .* as `eqpool.Instant\(N, function\)`",
    ),
    "a dictionary behind a module": (
        lambda: eqpool.Sequential(eqpool.LIF(3), {"hidden": eqpool.LIF(3)}),
        TypeError,
        "Sequential: argument 1 is not a module; got dict .* a dictionary of modules stands first",
    ),
    "a name twice": (
        lambda: eqpool.Sequential({"1_LIFJax": eqpool.LIF(3)}, eqpool.LIF(3)),
        ValueError,
        "Sequential: two modules are called '1_LIFJax'; put all of them into the dictionary",
    ),
    "named modules that do not fit": (
        lambda: eqpool.Sequential({"a": eqpool.Linear((3, 5)), "b": eqpool.LIF(4)}),
        ValueError,
        r"module 0 \(LinearJax, shape \(3, 5\)\) has 5 outputs, but module 1 \(LIFJax",
    ),
    "a part that nobody has": (
        lambda: eqpool.Sequential(named("encode", "hidden"), name="net").hiden,
        AttributeError,
        r"Sequential 'net' has no attribute 'hiden'. Did you mean 'hidden'\? It has 'encode', 'hid",
    ),
    "weights that nobody has": (
        lambda: getattr(eqpool.FFwdStack(named("a", "b")), "1_2_weight"),
        AttributeError,
        r"Did you mean '0_1_weight'\? It has 'a', 'b', '0_1_weight'",
    ),
    "a module put in behind": (
        lambda: eqpool.Sequential().append(eqpool.LIF(3)),
        AttributeError,
        r"no attribute 'append'. Nothing is added in place; build anew, `Sequential\(\*net, module",
    ),
    "an empty network in a stack": (
        lambda: eqpool.FFwdStack(eqpool.LIF(3), eqpool.Sequential(), eqpool.LIF(3)),
        ValueError,
        "FFwdStack: an empty `eqpool.Sequential` has no size .* leave it out",
    ),
    "one unknown name among several": (
        lambda: net().attributes_named(["tau_mem", "tua"]),
        ValueError,
        "Sequential has no attribute named 'tua'. .*It has .*'tau_mem'",
    ),
    "no names": (
        lambda: net().attributes_named([]),
        ValueError,
        "Sequential: name is empty; give one name or several",
    ),
    "a number for a name": (
        lambda: net().attributes_named(3),
        TypeError,
        "Sequential: name must be a name or several names; got int 3",
    ),
    # Rockpool's dictionaries
    "a name that Rockpool has not either": (
        lambda: net().set_attributes({"1_LIFJax": {"has_rec": False}}),
        ValueError,
        "Sequential.1_LIFJax has no attribute 'has_rec'. .*It has 'tau_mem'",
    ),
    "a function for a module without one": (
        lambda: net().set_attributes({"1_LIFJax": {"act_fn": jnp.tanh}}),
        ValueError,
        "Sequential.1_LIFJax has no attribute 'act_fn'",
    ),
    "another function": (
        lambda: eqpool.RateJax(3).set_attributes({"act_fn": lambda x, t: jnp.tanh(x - t)}),
        ValueError,
        r"RateJax.act_fn: is another function than activation_func of this module.*"
        r"`RateJax\(..., activation_func=...\)`; leave it out",
    ),
    "a function that fails": (
        lambda: eqpool.Instant(3, jnp.tanh).set_attributes({"function": lambda x: x[0, 0, 0]}),
        ValueError,
        "InstantJax.function: is another function than function of this module",
    ),
    "a number for a function": (
        lambda: eqpool.RateJax(3).set_attributes({"act_fn": 3.0}),
        ValueError,
        "RateJax has no attribute 'act_fn'",
    ),
    "recurrence for a module without": (
        lambda: net().set_attributes({"1_LIFJax": {"_has_rec": True}}),
        ValueError,
        "Sequential.1_LIFJax._has_rec: has no recurrent weights; build it with has_rec=True",
    ),
    "recurrent weights for a module without": (
        lambda: net().set_attributes({"1_LIFJax": {"w_rec": np.eye(4)}}),
        ValueError,
        r"Sequential.1_LIFJax.w_rec: this module is built without it, which means the same as "
        r"zeros only; build it with has_rec=True, or leave 'w_rec' out",
    ),
    "another discretisation": (
        lambda: net().set_attributes({"1_LIFJax": {"leak_mode": "bitshifts"}}),
        ValueError,
        "Sequential.1_LIFJax has no attribute 'leak_mode'",
    ),
    "a sweep over a name of Rockpool's": (
        lambda: eqpool.studies.sweep(
            eqpool.LIF(3), {"_has_rec": jnp.zeros(2)}, lambda mod, x: 0.0, jnp.ones((2, 3))
        ),
        ValueError,
        "LIFJax has no attribute '_has_rec'",
    ),
    # attributes assigned in a constructor
    "a Parameter assigned to a field": (
        lambda: written(Parameter(shape=(3, 3), init_func=np.zeros)),
        TypeError,
        r"Written.w: a Parameter was assigned to a field, where it says nothing. Declare it where "
        r"the field is annotated, `w: Array = eqpool.field\(eqpool.Parameter\(...\)\)`, and let",
    ),
    "a State assigned to a field": (
        lambda: written(State(shape=(), init_func=jnp.zeros), first=True),
        TypeError,
        r"Written.w: a State was assigned .* `w: Array = eqpool.field\(eqpool.State\(...\)\)`",
    ),
    "a Constant assigned to a field": (
        lambda: written(Constant(3.0)),
        TypeError,
        r"Written.w: a Constant was .* `w: Array = eqpool.field\(eqpool.SimulationParameter\(",
    ),
    "simulation parameters in a dictionary in a field": (
        lambda: written({"a": [SimulationParameter(3.0)]}),
        TypeError,
        "Written.w: a SimulationParameter was assigned to a field",
    ),
    "a Parameter in place of field": (
        lambda: type("M", (Written,), {"__annotations__": {"v": float}, "v": Parameter(2.0)})(0.0),
        TypeError,
        r"M.v: a Parameter was assigned .* `v: Array = eqpool.field\(eqpool.Parameter\(...\)\)`",
    ),
    "a Parameter assigned to a declared field": (
        lambda: written(2.0, declared=Parameter(4.0)),
        TypeError,
        r"Written.gain: a Parameter was .* `eqpool.initialise\(self, shape, {'gain': Parameter\(",
    ),
    "a Parameter assigned to a declared field before": (
        lambda: written(2.0, first=True, declared=Constant(4.0)),
        TypeError,
        r"Written.gain: a Constant was .* `eqpool.initialise\(self, shape, {'gain': Constant\(",
    ),
    "a constant state": (
        lambda: eqpool.RateJax(3, tau=State(Constant(1.0))),
        TypeError,
        "RateJax.tau: Constant takes parameters only; this is a state",
    ),
    "a Residual around nothing": (
        lambda: eqpool.Residual(eqpool.Sequential()),
        ValueError,
        "Residual: give at least one module",
    ),
}
