"""Nothing is traced or compiled again when only values change."""

import contextlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import eqpool
from tests.helpers import nested_net, small_net, tiers, wave


RECURRENT = dict(has_rec=True, rng_key=0)
MODELS = {
    "DynapSim, one type": lambda: eqpool.DynapSim(3, synapses=("ampa",), **RECURRENT),
    "DynapSim, four types": lambda: eqpool.DynapSim((3, 3), **RECURRENT),
    "RateJax": lambda: eqpool.RateJax(3, noise_std=0.1, **RECURRENT),
    "LIFJax": lambda: eqpool.LIFJax((3, 3), noise_std=0.1, **RECURRENT),
    "Linear": lambda: eqpool.Linear((3, 2), has_bias=True, rng_key=0),
    "Sequential": small_net,
}


_listening = []


def _listen(event, duration, **kwargs):
    if event.endswith(("jaxpr_trace_duration", "backend_compile_duration")):
        for names in _listening:
            names.append(kwargs.get("fun_name", event))


# For good: not every version of JAX can take a listener back.
jax.monitoring.register_event_duration_secs_listener(_listen)


@contextlib.contextmanager
def counted():
    """A list of the names of functions that JAX traces or compiles inside."""
    names = []
    _listening.append(names)
    try:
        yield names
    finally:
        _listening.remove(names)


def variants(model, state, factor):
    """The same model with other values, by what is other."""

    def times(values):
        return jax.tree.map(lambda value: factor * value, values)

    simulated = model.simulation_parameters()
    after = model.set_attributes(state)
    return {
        "parameters": model.set_attributes(times(model.parameters())),
        "dt and other simulation parameters": model.set_attributes(times(simulated)),
        "states after a run": after,
        "another key": model.set_attributes(with_other_keys(state)),
        "states set back": after.reset_state(),
        "parameters set back": model.reset_parameters(),
    }


def with_other_keys(state):
    if isinstance(state, dict):
        return {name: with_other_keys(value) for name, value in state.items()}
    return state + 1 if jnp.issubdtype(state.dtype, jnp.unsignedinteger) else state


def differ(one, other):
    """Whether any array of two trees does."""
    equal = jax.tree.map(np.array_equal, one, other)
    return not all(jax.tree.leaves(equal))


@pytest.mark.parametrize(
    ("name", "way"),
    [
        *((name, "plain") for name in MODELS),
        ("DynapSim, one type", "jit"),
        *(pytest.param(name, "jit", marks=pytest.mark.long) for name in list(MODELS)[1:]),
    ],
)
def test_other_values_compile_nothing(name, way):
    @jax.jit
    def inside_jit(model, x):
        return model(x)

    model = MODELS[name]()
    run = inside_jit if way == "jit" else type(model).__call__
    # So that neurons fire, and for lengths that no other test in this process has.
    x = 40 * wave(23, model.size_in)
    inputs = {factor: factor * x for factor in (0.9, 0.8)}
    output, state, _ = run(model, x)
    for factor, other_x in inputs.items():
        with counted() as names:
            changed = variants(model, state, factor)
        # Operations on single arrays are compiled once for each shape.
        assert factor == 0.9 or names == []
        for what, other in changed.items():
            with counted() as names:
                run(other, other_x)
            assert names == [], what
        assert any(differ(run(other, x)[:2], (output, state)) for other in changed.values())
    # Other shapes do compile, under the name of the function that ran.
    with counted() as names:
        run(model, x[1:])
    function = "inside_jit" if way == "jit" else "evolve_checked"
    assert any(function in name for name in names)


@pytest.mark.parametrize("name", tiers(MODELS, 1, slow=1))
def test_states_of_a_batch_compile_once_more_at_most(name):
    model = MODELS[name]()
    x = wave(6, model.size_in, 2)
    _, state, _ = model(x)
    for run in range(4):
        changed = model.set_attributes(state)
        with counted() as names:
            _, state, _ = changed(x)
        # Traced, and compiled.
        assert sum("evolve_checked" in name for name in names) <= (2 if run == 0 else 0)
        assert run == 0 or names == []


@pytest.mark.usefixtures("promotion")
@pytest.mark.parametrize("name", tiers(["DynapSim, one type", "Sequential"], 1))
def test_a_training_loop_is_traced_once(name):
    """Five steps that carry parameters, states and the optimiser's state."""
    traces = 0
    optimiser = optax.adam(1e-2)

    def loss(model, x):
        output, state, _ = model(x)
        return jnp.mean((output - 0.5) ** 2), state

    @eqx.filter_jit
    def step(model, optimiser_state, x):
        nonlocal traces
        traces += 1
        gradient, state = eqpool.filter_grad(loss, has_aux=True)(model, x)
        updates, optimiser_state = optimiser.update(gradient, optimiser_state)
        return eqx.apply_updates(model, updates).set_attributes(state), optimiser_state

    model, x = MODELS[name](), wave(6, 3)
    start = model
    optimiser_state = optimiser.init(eqpool.partition(model)[0])
    for i in range(5):
        with counted() as names:
            model, optimiser_state = step(model, optimiser_state, x)
        assert i == 0 or names == []
    assert traces == 1
    assert differ(model.state(), start.state())
    assert differ(model.parameters(), start.parameters())


def test_one_configuration_is_one_compiled_function():
    """Structure and types are equal whatever the values, so nothing is traced twice."""
    traces = 0

    @eqx.filter_jit
    def run(net, x):
        nonlocal traces
        traces += 1
        return net(x)

    x = wave(10, 3)
    nets = [
        nested_net(0),
        nested_net(7),
        nested_net(0, noise_std=0.5),
        nested_net(0).set_attributes(nested_net(9).parameters()),
        nested_net(1).reset_parameters(),
    ]
    _, state, _ = nets[0](x)
    nets += [nets[0].set_attributes(state), jax.jit(lambda n: n)(nets[1])]
    for net in nets:
        run(net, x)
    assert traces == 1
    assert len({jax.tree.structure(net) for net in nets}) == 1
    jax.tree.map(lambda *leaves: None, *nets)

    one, other = (
        eqpool.RateJax(2, activation_func=jnp.maximum, noise_std=n, dt=dt, tau=tau)
        for n, dt, tau in [(0.0, 1e-3, [1.0, 2.0]), (0.3, 2e-3, np.ones(2))]
    )
    assert jax.tree.structure(one) == jax.tree.structure(other)
