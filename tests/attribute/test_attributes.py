"""`Parameter`, `State`, `SimulationParameter`, `Constant`: all arguments, all errors."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

import eqpool
from eqpool import Constant, Parameter, SimulationParameter, State
from eqpool._attribute.resolve import resolve


KEY = jnp.zeros(2, jnp.uint32)
ROLES = [Parameter, State, SimulationParameter]


def value_of(declaration, argument=None, **sizes):
    value, _ = resolve(declaration, argument, owner="Mod.field", sizes=sizes, key=KEY)
    return value


@pytest.mark.parametrize("role", ROLES)
def test_six_arguments_by_position(role):
    attribute = role(3.0, "taus", jnp.ones, (2,), False, np.asarray)
    assert attribute.data == 3.0 and attribute.family == "taus"
    assert attribute.init_func is jnp.ones and attribute.shape == (2,)
    assert attribute.permit_reshape is False and attribute.cast_fn is np.asarray
    assert role(shape=3).permit_reshape is True


@pytest.mark.parametrize("role", ROLES)
class TestResolve:
    def test_data(self, role):
        np.testing.assert_array_equal(value_of(role([1, 2, 3])), np.float32([1, 2, 3]))
        assert value_of(role(2)).dtype == jnp.result_type(float)
        assert value_of(role(np.arange(3.0), shape=3)).shape == (3,)
        assert value_of(role(np.arange(6.0), shape=[(3,), (6,)])).shape == (6,)
        assert value_of(role(1.0, shape=[("N",), ()]), N=4).shape == ()

    def test_init_func(self, role):
        np.testing.assert_array_equal(value_of(role(init_func=jnp.ones, shape=2)), [1, 1])
        first = value_of(role(init_func=jnp.ones, shape=[("N", 2), ()]), N=3)
        assert first.shape == (3, 2)
        drawn = value_of(role(init_func=eqpool.unit_eigs, shape=(16, 16)))
        np.testing.assert_allclose(drawn, jax.random.normal(KEY, (16, 16)) / 4, rtol=1e-6)
        small = value_of(role(init_func=eqpool.unit_eigs, shape=(4, 4)))  # scaled to a norm
        np.testing.assert_allclose(np.linalg.norm(small, 2), 0.9, rtol=1e-6)
        jax_style = value_of(role(init_func=jax.nn.initializers.normal(1.0), shape=(4, 4)))
        np.testing.assert_allclose(jax_style, jax.random.normal(KEY, (4, 4)), rtol=1e-6)

    def test_reshape(self, role):
        flat = np.arange(6.0)
        reshaped = value_of(role(flat, shape=(2, 3)))
        np.testing.assert_array_equal(reshaped, flat.reshape(2, 3))
        with pytest.raises(ValueError, match=r"Mod.field: has shape \(6,\), expected \(2, 3\)"):
            value_of(role(flat, shape=(2, 3), permit_reshape=False))

    def test_cast_fn_is_applied_once(self, role):
        calls = []

        def cast(x):
            calls.append(x)
            return np.asarray(x) * 1e-3

        np.testing.assert_allclose(value_of(role(20.0, cast_fn=cast)), 0.02)
        assert len(calls) == 1

    def test_argument_takes_precedence(self, role):
        declaration = role(1.0, "a", shape=[(), ("N",)])
        assert value_of(declaration, N=2) == 1
        assert value_of(declaration, 5.0, N=2) == 5
        assert value_of(declaration, Parameter(6.0), N=2) == 6
        np.testing.assert_array_equal(
            value_of(declaration, Parameter(init_func=jnp.zeros, shape=("N",)), N=2), [0, 0]
        )

    @pytest.mark.untyped
    @pytest.mark.parametrize(
        "kwargs, error, match",
        [
            ({}, ValueError, "needs `data` or `shape`; got neither"),
            ({"shape": 2.5, "data": 1.0}, TypeError, r"shape must be an integer.*float 2\.5"),
            ({"shape": (2, 1.0), "data": 1.0}, TypeError, r"shape must be.*\(2, 1\.0\)"),
            ({"shape": True, "data": 1.0}, TypeError, "shape must be.*bool True"),
            ({"shape": -1, "data": 1.0}, ValueError, "must not be negative"),
            ({"shape": 2, "data": np.ones(3)}, ValueError, r"has shape \(3,\), expected \(2,\)"),
            (
                {"shape": [("N", 2), ()], "data": np.ones(3)},
                ValueError,
                r"has shape \(3,\), expected \(4, 2\) = \(N, 2\) or \(\)",
            ),
            ({"shape": ("M",), "data": 1.0}, ValueError, "names the size 'M'.*knows {'N': 4}"),
            ({"shape": 2}, ValueError, "there is no value.*init_func"),
            ({"shape": 2, "init_func": 3}, TypeError, "init_func must be a function.*int 3"),
            ({"data": 1.0, "cast_fn": 3}, TypeError, "cast_fn must be a function.*int 3"),
            ({"data": 1.0, "family": 3}, TypeError, "family must be a string.*int 3"),
            ({"data": "fast"}, TypeError, "must be a real number.*str 'fast'"),
            ({"data": 1j}, TypeError, "must be a real number"),
            ({"data": True}, TypeError, "must be a real number"),
            ({"data": [1.0, np.nan]}, ValueError, r"finite.*got nan \(element 1\)"),
            (
                {"data": [1.0, -2.0], "bounds": eqpool.Interval(0.0, 3.0), "unit": "s"},
                ValueError,
                r"in \[0, 3\] s; got -2 s \(element 1\)",
            ),
        ],
    )
    def test_errors(self, role, kwargs, error, match):
        with pytest.raises(error, match="^Mod.field: .*" + match):
            value_of(role(**kwargs), N=4)


class Toy(eqpool.AbstractModule):
    blueprint: eqpool.Blueprint
    w: Array = eqpool.field(
        Parameter(family="weights", init_func=eqpool.kaiming, shape=("N_in", "N"), doc="Weights.")
    )
    gain: Array = eqpool.field(Parameter(2.0, shape=[(), "N"], bounds=eqpool.Interval(0, 5)))
    y: Array = eqpool.field(State(init_func=jnp.zeros, shape="N"))
    dt: Array = eqpool.field(SimulationParameter(1e-3, unit="s"))
    extra: int = eqx.field(static=True, default=7)

    def __init__(self, shape, w=None, gain=None, *, y=None, rng_key=None, name=""):
        self.extra = 7
        eqpool.initialise(self, shape, dict(w=w, gain=gain, y=y), rng_key=rng_key, name=name)

    def run(self, input_data, record):
        return self.gain * (input_data @ self.w), {"y": self.y}, {}


def test_fields_of_class_and_instance():
    of_class = eqpool.fields(Toy)
    assert list(of_class) == ["w", "gain", "y", "dt"]
    assert [type(field) for field in of_class.values()] == [
        Parameter,
        Parameter,
        State,
        SimulationParameter,
    ]
    assert of_class["w"].family == "weights" and of_class["w"].doc == "Weights."
    assert of_class["gain"].family == "gain"  # the field's name, for want of another
    toy = Toy((3, 2), gain=Constant(1.0))
    assert type(eqpool.fields(toy)["gain"]) is SimulationParameter
    assert type(eqpool.fields(Toy)["gain"]) is Parameter
    assert "w_rec" in eqpool.fields(eqpool.RateJax)
    assert "w_rec" not in eqpool.fields(eqpool.RateJax(3))
    assert "w_rec" in eqpool.fields(eqpool.RateJax(3, has_rec=True))
    with pytest.raises(TypeError, match="takes a module or a module class; got int 3"):
        eqpool.fields(3)


def test_values_are_plain_arrays():
    toy = Toy((3, 2))
    for name in eqpool.fields(toy):
        assert isinstance(getattr(toy, name), jax.Array)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(toy))


def test_constant_wraps_and_changes_nothing():
    data = np.ones(2)
    constant = Constant(data)
    toy = Toy((3, 2), gain=constant)
    assert constant.data is data and np.all(data == 1)
    np.testing.assert_array_equal(toy.gain, data)
    inner = Parameter(3.0, family="mine")
    toy = Toy((3, 2), gain=Constant(inner))
    assert type(inner) is Parameter
    assert list(toy.simulation_parameters()) == ["gain", "dt"]
    assert eqpool.fields(toy)["gain"].family == "mine"
    with pytest.raises(TypeError, match="Toy.y: Constant takes parameters only; this is a state"):
        Toy((3, 2), y=Constant(0.0))


def test_nothing_handed_in_is_changed():
    shapes = [("N",), ()]
    attribute = Parameter(np.ones(2), shape=shapes)
    toy = Toy((3, 2), gain=attribute)
    assert shapes == [("N",), ()] and attribute.shape is shapes
    data = np.ones((3, 2), np.float32)  # of the type that could be shared
    toy = Toy((3, 2), w=data)
    later = toy.set_attributes({"w": data})
    data[:] = 5
    np.testing.assert_array_equal(toy.w, np.ones((3, 2)))
    np.testing.assert_array_equal(later.w, np.ones((3, 2)))


def test_bare_wrapper_switches_the_role_only():
    class Fixed(eqpool.AbstractModule):
        blueprint: eqpool.Blueprint
        current: Array = eqpool.field(SimulationParameter(1e-12, family="currents", unit="A"))

        def __init__(self, current=None):
            eqpool.initialise(self, 1, {"current": current})

        def run(self, input_data, record):
            return input_data * self.current, {}, {}

    assert Fixed().parameters() == {}
    mod = Fixed(Parameter())
    assert list(mod.parameters("currents")) == ["current"] and mod.simulation_parameters() == {}
    assert float(mod.current) == pytest.approx(1e-12)


def test_declaration_errors_name_class_and_field():
    class Broken(eqpool.AbstractModule):
        blueprint: eqpool.Blueprint
        v: Array = eqpool.field(Parameter(family="weights"))

        def run(self, input_data, record):
            return input_data, {}, {}

    with pytest.raises(ValueError, match="^Broken.v: a Parameter needs `data` or `shape`"):
        eqpool.fields(Broken)


@pytest.mark.untyped
def test_initialise_errors():
    class Wrong(eqpool.AbstractModule):
        blueprint: eqpool.Blueprint
        gain: Array = eqpool.field(Parameter(1.0))

        def __init__(self, shape=2, **arguments):
            eqpool.initialise(self, shape, arguments)

        def run(self, input_data, record):
            return input_data, {}, {}

    with pytest.raises(ValueError, match="Wrong has no field 'gian'; it has 'gain'"):
        Wrong(gian=1.0)
    for shape in (0, (), (1, 2, 3), (2, -1), (2.5,)):
        with pytest.raises(ValueError, match="Wrong: shape must be N"):
            Wrong(shape=shape)


def test_interval():
    interval = eqpool.Interval(1.0, 2.0)
    np.testing.assert_array_equal(
        interval.contains(jnp.asarray([0.9, 1.0, 2.0, 2.1, jnp.nan])), [0, 1, 1, 0, 0]
    )
    half_open = eqpool.Interval(0.0, closed=False)
    np.testing.assert_array_equal(half_open.contains(jnp.asarray([0.0, 1e-30, jnp.inf])), [0, 1, 0])
    assert str(interval) == "[1, 2]" and str(half_open) == "(0, inf)"
    with pytest.raises(ValueError, match="lower must be below upper, got lower=2"):
        eqpool.Interval(2.0, 1.0)
