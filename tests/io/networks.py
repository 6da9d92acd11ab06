"""Networks that go into files, and files with another content."""

import json

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import eqpool
from eqpool import Constant, Parameter
from tests.helpers import nested_net, small_net, zoo_net


def chip(**kwargs):
    return eqpool.DynapSim(2, has_rec=True, Idc=1e-10, percent_mismatch=0.2, rng_key=0, **kwargs)


PID = diffrax.PIDController(rtol=1e-4, atol=1e-4, dtmax=1e-3)
NETWORKS = {
    "zoo": zoo_net,
    "nested": lambda: nested_net(noise_std=0.1),
    "roles and families": lambda: eqpool.RateJax(
        3, Constant(1e-2), Parameter(family="offsets"), has_rec=True, name="hidden", rng_key=0
    ),
    "four synapse types": lambda: chip(
        surrogate=eqpool.FastSigmoid(2.0, max_spikes_per_dt=3.0),
        feedback=eqpool.SigmoidFeedback(1e-9, 5e-9, 1e-9),
    ),
    "one synapse type": lambda: chip(synapses=("ampa",), solver=eqpool.ForwardEuler()),
    "a diffrax solver": lambda: chip(solver=eqpool.Diffrax(diffrax.Heun(), substeps=2)),
    "an implicit solver": lambda: eqpool.RateJax(
        2, rng_key=0, solver=eqpool.Diffrax(
            diffrax.Kvaerno5(), stepsize_controller=PID, adjoint=diffrax.DirectAdjoint()
        ),
    ),
    "exact spikes": lambda: chip(solver=eqpool.EventDriven(stepsize_controller=PID, max_steps=999)),
    "functions": lambda: eqpool.Sequential(
        eqpool.Instant(3, jnp.tanh), eqpool.Instant(3), eqpool.RateJax(3, activation_func="lrelu"),
        eqpool.Instant(3, eqpool.Threshold([0.1, 0, 1])),
        eqpool.ExpSmooth(3, activation_fun=jax.nn.gelu),
    ),
    "equinox.nn": lambda: eqpool.Instant(
        (3, 2), eqx.nn.Lambda(eqx.nn.MLP(3, 2, 4, 1, key=jax.random.key(0)))
    ),
    "a softmax": lambda: eqpool.LogSoftmax((3, 2), tau=Constant(1e-2), rng_key=0),
    "a pytree": lambda: {"a": [small_net(), (eqpool.LIF(2, rng_key=1),)], "b": 3.0, "no": None},
}  # fmt: skip


def forged(path, good, change=None, entry=None, **others):
    """The bytes of `good` with another structure, other arrays, or another entry in the header."""
    path.write_bytes(good)
    with safe_open(path, framework="numpy") as file:
        given = json.loads(file.metadata()["eqpool"])
    arrays = load_file(path)
    if change is not None:
        change(given["structure"], arrays)
    save_file(arrays, path, {"eqpool": json.dumps(given | others) if entry is None else entry})
    return path.read_bytes()
