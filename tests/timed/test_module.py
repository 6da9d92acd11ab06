"""A `TimedModule` among modules: filters, dictionaries, transforms, imports."""

import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp

import eqpool
from eqpool.timed import TimedModule
from tests.helpers import assert_same_bits, small_net
from tests.timed.networks import spiking_net


def test_filters_and_dictionaries():
    timed = small_net().timed()
    assert list(eqpool.fields(timed)) == ["num_timesteps"]
    assert list(timed.modules()) == ["module"] and timed.modules()["module"] is timed.module
    weights = timed.parameters("weights")
    assert jax.tree.structure(weights) == jax.tree.structure(
        {"module": timed.module.parameters("weights")}
    )
    assert timed.state("clock") == {"num_timesteps": timed.num_timesteps}
    assert list(timed.simulation_parameters("dt")["module"]) == ["1_RateJax"]
    assert list(timed.attributes_named("tau")["module"]) == ["1_RateJax"]
    trainable, frozen = eqpool.partition(timed, ("weights", "taus"))
    assert trainable.num_timesteps is None and frozen.module[0].weight is None
    assert eqpool.combine(trainable, frozen).t == 0.0
    assert eqpool.family_labels(timed).module[1].tau == "taus"
    changed = timed.set_attributes({"module": {"1_RateJax": {"tau": 0.5}}})
    assert float(changed.module[1].tau) == 0.5
    jax.tree.map(assert_same_bits, changed.reset_parameters().parameters(), timed.parameters())
    states, _ = eqx.partition(timed, eqpool.filter_spec(timed, eqpool.is_state()))
    assert states.num_timesteps is not None and states.module[1].x is not None


def test_names_and_sizes():
    mod = eqpool.RateJax(2, rng_key=0, name="hidden")
    timed = mod.timed()
    assert (timed.name, timed.class_name) == ("hidden", "TimedModule")
    assert timed.full_name == "TimedModule(RateJax 'hidden')"
    assert (timed.shape, timed.size_in, timed.size_out, timed.size) == ((2,), 2, 2, 2)
    spiking = spiking_net().timed()
    assert (spiking.shape, spiking.spiking_input, spiking.spiking_output) == ((2, 3), False, True)
    assert not timed.spiking_output and isinstance(timed, TimedModule)
    assert not isinstance(timed, eqpool.AbstractModule)


def test_repr():
    text = repr(small_net().timed()).splitlines()
    assert text[0] == "TimedModule(Sequential)  3 -> 2  (dt=0.001, add_events=False)"
    assert "clock" in text[1] and "num_timesteps" in text[1]
    assert text[2].startswith("└── module: Sequential") and "0_LinearJax" in text[3]


def test_transforms():
    """It is a pytree: the gradient is of the module inside, the clock passes through jit."""
    timed = small_net().timed()
    x = jnp.ones((20, 3))
    gradient = eqpool.filter_grad(lambda t: jnp.mean(t.module(x)[0] ** 2), family="weights")(timed)
    expected = eqpool.filter_grad(lambda m: jnp.mean(m(x)[0] ** 2), family="weights")(timed.module)
    jax.tree.map(assert_same_bits, gradient.module, expected)
    assert gradient.num_timesteps is None
    later = jax.jit(lambda t: t.set_attributes({"num_timesteps": t.num_timesteps + 7}))(timed)
    assert later.t == 0.007 and jax.jit(lambda t: t.reset_state())(later).t == 0.0
    other = small_net(seed=5).timed()
    assert jax.tree.structure(timed) == jax.tree.structure(other)


def test_one_compiled_function_for_runs_of_one_length():
    traces = []

    def double(x):
        traces.append(1)
        return 2 * x

    timed = eqpool.Instant(1, double).timed(dt=1e-3)
    for _ in range(3):
        _, state, _ = timed(num_timesteps=10)
        timed = timed.set_attributes(state)
    assert timed.t == 0.03 and len(traces) == 1


def test_pynapple_is_imported_when_it_is_used_and_named_where_it_is_missing():
    code = (
        "import sys, eqpool\n"
        "loaded = {'pynapple', 'pandas', 'numba', 'xarray'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "sys.modules['pynapple'] = None\n"
        "try:\n"
        "    eqpool.Linear((2, 1)).timed(dt=1e-3)\n"
        "except ImportError as error:\n"
        "    print(error)\n"
        "del sys.modules['pynapple']\n"
        "eqpool.Linear((2, 1)).timed(dt=1e-3)\n"
        "assert 'pynapple' in sys.modules\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert result.stdout == "eqpool.timed needs pynapple: pip install 'eqpool[timed]'\n"
