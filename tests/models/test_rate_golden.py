"""Rockpool's numbers, in float32, and a float64 recomputation of the same equations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from tests.helpers import arguments, golden, relative_error, tiers


CASES = {
    "rate_ff": "ReLU",
    "rate_rec_relu": "relu",
    "rate_rec_tanh": "tanh",
    "rate_rec_sigmoid": "sigmoid",
}
REPEATS_LAST = ("rate_ff", "rate_rec_tanh", "rate_rec_relu", "rate_rec_sigmoid")


def build(name, data):
    n = data["input"].shape[-1]
    recurrent = "arg_w_rec" in data
    return eqpool.RateJax(
        (n, n) if recurrent else n,
        has_rec=recurrent,
        activation_func=CASES[name],
        **arguments(data),
    )


def mean_square(mod, x):
    return jnp.mean(mod(x)[0] ** 2)


def numpy_run(name, data):
    """The step of the reference in NumPy, float64: output and x after each step."""
    arg = {key: np.asarray(x, np.float64) for key, x in arguments(data).items()}
    theta = arg["threshold"]
    activation = {
        "relu": lambda x: np.maximum(x - theta, 0),
        "tanh": lambda x: np.tanh(x - theta),
        "sigmoid": lambda x: (np.tanh(x - theta) + 1) / 2,
    }[CASES[name].lower()]
    inputs = np.asarray(data["input"], np.float64)
    x, xs = np.zeros_like(inputs[:, 0]), []
    for now in inputs.swapaxes(0, 1):
        recurrent = activation(x) @ arg["w_rec"] if "w_rec" in arg else 0.0
        x = x + arg["dt"] / arg["tau"] * (-x + now + arg["bias"] + recurrent)
        xs.append(x)
    xs = np.stack(xs, axis=1)
    return activation(xs), xs


@pytest.mark.parametrize("name", CASES)
def test_traces(name):
    data = golden(name)
    output, state, record = build(name, data)(data["input"], record=True)
    assert relative_error(output, data["out"]) < 1e-5
    assert relative_error(record["x"], data["rec_x"]) < 1e-5
    assert relative_error(state["x"][0], data["new_state_x"]) < 1e-5
    if "arg_w_rec" in data:
        assert relative_error(record["rec_input"], data["rec_rec_input"]) < 1e-5
    else:
        assert not np.any(record["rec_input"]) and not np.any(data["rec_rec_input"])


@pytest.mark.parametrize("name", tiers(REPEATS_LAST, 2))
def test_gradients(name):
    data = golden(name)
    mod = build(name, data)
    value, gradient = eqpool.filter_value_and_grad(mean_square)(mod, data["input"])
    assert float(value) == pytest.approx(float(data["loss_mean_out_sq"]), rel=1e-5)
    names = [k.removeprefix("grad_mean_out_sq__") for k in data if k.startswith("grad_")]
    assert set(names) == set(mod.parameters()) | {"input"}
    for parameter in set(names) - {"input"}:
        expected = data[f"grad_mean_out_sq__{parameter}"]
        assert relative_error(getattr(gradient, parameter), expected) < 1e-4
    by_input = jax.grad(lambda x: mean_square(mod, x))(jnp.asarray(data["input"]))
    assert relative_error(by_input, data["grad_mean_out_sq__input"]) < 1e-4


@pytest.mark.parametrize("name", tiers(REPEATS_LAST, 2))
def test_float64(name, x64):
    data = golden(name)
    output, _, record = build(name, data)(np.asarray(data["input"], np.float64), record=True)
    assert output.dtype == record["x"].dtype == np.float64
    expected, x = numpy_run(name, data)
    assert relative_error(output, expected) < 1e-10
    assert relative_error(record["x"], x) < 1e-10


@pytest.mark.parametrize("parameter", tiers(["w_rec", "tau", "bias", "threshold", "input"], 1))
def test_gradient_against_finite_differences(parameter, x64):
    data = golden("rate_rec_tanh")
    mod = build("rate_rec_tanh", data)
    inputs = jnp.asarray(data["input"][:, :50], float)

    def loss(value):
        if parameter == "input":
            return mean_square(mod, value)
        return mean_square(mod.set_attributes({parameter: value}), inputs)

    value = inputs if parameter == "input" else getattr(mod, parameter)
    direction = jax.random.normal(jax.random.key(0), value.shape) * jnp.max(jnp.abs(value))
    step = 1e-5
    differences = (loss(value + step * direction) - loss(value - step * direction)) / (2 * step)
    reverse = jnp.sum(jax.grad(loss)(value) * direction)
    _, forward = jax.jvp(loss, (value,), (direction,))
    np.testing.assert_allclose(reverse, differences, rtol=1e-7, atol=0)
    np.testing.assert_allclose(forward, reverse, rtol=1e-12, atol=0)


def test_two_halves_of_one_element():
    data = golden("rate_state")
    n = data["input"].shape[-1]
    mod = eqpool.RateJax((n, n), has_rec=True, activation_func="tanh", **arguments(data))
    inputs = data["input"][:1]
    full, final, _ = mod(inputs)
    first, state, _ = mod(inputs[:, :80])
    second, last, _ = mod.set_attributes(state)(inputs[:, 80:])
    for ours, theirs in [
        (full, "b1_out_full"),
        (first, "b1_out_first"),
        (second, "b1_out_second"),
        (state["x"][0], "b1_state_x"),
        (last["x"][0], "b1_final_x"),
        (final["x"][0], "b1_final_x"),
    ]:
        assert relative_error(ours, data[theirs]) < 1e-5


def test_two_halves_of_a_batch():
    """Rockpool hands on element 0 only, so its second half is checked for element 0."""
    data = golden("rate_state")
    n = data["input"].shape[-1]
    mod = eqpool.RateJax((n, n), has_rec=True, activation_func="tanh", **arguments(data))
    inputs = data["input"]
    first, state, _ = mod(inputs[:, :80])
    second, last, _ = mod.set_attributes(state)(inputs[:, 80:])
    assert relative_error(first, data["bn_out_first"]) < 1e-5
    assert relative_error(state["x"][0], data["bn_state_x"]) < 1e-5
    assert relative_error(second[0], data["bn_out_second"][0]) < 1e-5
    assert relative_error(last["x"][0], data["bn_final_x"]) < 1e-5
    # Element 1 continues its own run, as the full run of the reference shows.
    both = jnp.concatenate([first, second], axis=1)
    assert relative_error(both, data["bn_out_full"]) < 1e-5
    for element in range(2):
        alone, _, _ = mod(inputs[element])
        assert relative_error(both[element], alone) < 1e-6
        # The second half of the reference, started where it was: element 0's state.
        restarted, _, _ = mod.set_attributes({"x": data["bn_state_x"]})(inputs[element, 80:])
        assert relative_error(restarted, data["bn_out_second"][element]) < 1e-5
