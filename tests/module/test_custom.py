"""Modules that a user writes: parameters, state, submodules, containers of submodules."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

import eqpool
from eqpool import field, kaiming, Parameter, State
from tests.helpers import assert_same_bits, wave


class LeakyAdder(eqpool.AbstractModule):
    blueprint: eqpool.Blueprint
    w: Array = field(Parameter(family="weights", init_func=kaiming, shape=("N_in", "N")))
    decay: Array = field(Parameter(0.9, family="decays", shape=[(), "N"]))
    y: Array = field(State(init_func=jnp.zeros, shape="N"))

    def __init__(self, shape, w=None, decay=None, *, rng_key=None, name=""):
        eqpool.initialise(self, shape, dict(w=w, decay=decay), rng_key=rng_key, name=name)

    def run(self, input_data, record):
        def step(y, x):
            y = self.decay * y + x @ self.w
            return y, y

        y, output = jax.lax.scan(step, self.y, input_data)
        return output, {"y": y}, {"y": output} if record else {}


class Gated(eqpool.AbstractModule):
    """A submodule in a field, two more in a dictionary, and a parameter of its own."""

    blueprint: eqpool.Blueprint
    core: eqpool.AbstractModule
    gates: dict
    gain: Array = field(Parameter(2.0, family="gains"))

    def __init__(self, shape, rng_key):
        keys = jax.random.split(rng_key, 3)
        self.core = LeakyAdder(shape, rng_key=keys[0])
        self.gates = {
            "open": eqpool.RateJax(shape[1], rng_key=keys[1]),
            "shut": eqpool.Linear((shape[1], shape[1]), rng_key=keys[2]),
        }
        eqpool.initialise(self, shape)

    def run(self, input_data, record):
        output, state, recorded = input_data, {}, {}
        for name, module in self.modules().items():
            output, state[name], recorded[name] = module.evolve(output, record)
        return self.gain * output, state, recorded


def test_leaky_adder():
    mod = LeakyAdder((2, 3), w=np.ones((2, 3)), decay=0.5)
    output, state, record = mod(jnp.ones((3, 2)), record=True)
    np.testing.assert_allclose(output[:, 0], [2.0, 3.0, 3.5])
    np.testing.assert_array_equal(state["y"], output[-1])
    assert_same_bits(record["y"], output)
    batched, state, _ = mod(jnp.ones((4, 3, 2)))
    assert batched.shape == (4, 3, 3) and state["y"].shape == (4, 3)


def test_submodules():
    mod = Gated((2, 3), jax.random.key(0))
    assert list(mod.modules()) == ["core", "open", "shut"]
    assert list(mod.parameters()) == ["gain", "core", "open", "shut"]
    assert list(mod.parameters("weights")) == ["core", "shut"]
    x = wave(20, 2, 3)
    full, _, _ = mod(x)
    first, state, _ = mod(x[:, :7])
    assert set(state) == {"core", "open", "shut"} and state["shut"] == {}
    second, _, _ = mod.set_attributes(state)(x[:, 7:])
    np.testing.assert_allclose(jnp.concatenate([first, second], axis=1), full, rtol=1e-6)
    gradient = eqpool.filter_grad(lambda m: jnp.sum(m(x)[0] ** 2), family=("gains", "decays"))(mod)
    assert gradient.gain is not None and gradient.core.decay is not None
    assert gradient.core.w is None and gradient.gates["shut"].weight is None
    changed = mod.set_attributes({"open": {"tau": 1.0}, "gain": 3.0})
    assert float(changed.gain) == 3 and np.all(np.asarray(changed.gates["open"].tau) == 1)


def test_in_a_network_under_jit():
    net = eqpool.Sequential(Gated((2, 3), jax.random.key(0)), LeakyAdder((3, 1), rng_key=1))
    x = wave(10, 2)
    np.testing.assert_allclose(jax.jit(lambda n, x: n(x)[0])(net, x), net(x)[0], rtol=1e-5)
    assert list(net.modules()) == ["0_Gated", "1_LeakyAdder"]


def test_results_of_run_are_checked():
    class Forgetful(LeakyAdder):
        def run(self, input_data, record):
            return input_data @ self.w, {}, {}

    class Short(LeakyAdder):
        def run(self, input_data, record):
            return (input_data @ self.w)[:-1], {"y": self.y}, {}

    with pytest.raises(ValueError, match="Forgetful: the new state must hold 'y'; .* none"):
        Forgetful((2, 3))(jnp.ones((4, 2)))
    with pytest.raises(ValueError, match=r"Short: .*\(T, N_out\) = \(4, 3\); got float32\[3,3\]"):
        Short((2, 3))(jnp.ones((4, 2)))


def test_blueprint_is_required():
    class NoBlueprint(eqpool.AbstractModule):
        def run(self, input_data, record):
            return input_data, {}, {}

    with pytest.raises(TypeError, match="blueprint"):
        NoBlueprint()  # pyright: ignore


def test_final_or_abstract():
    """Every class of the package is abstract or final, as in Equinox's design pattern."""

    def descendants(cls):
        for sub in cls.__subclasses__():
            yield sub
            yield from descendants(sub)

    for base in (eqpool.AbstractModule, eqpool.AbstractStepper):
        own = [cls for cls in descendants(base) if cls.__module__.startswith("eqpool.")]
        assert own
        for cls in own:
            parents = set(cls.__mro__[1:]) - set(eqx.Module.__mro__)
            assert all(parent.__name__.startswith("Abstract") for parent in parents), cls
