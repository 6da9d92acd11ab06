"""Networks that a graph describes."""

import diffrax
import jax.numpy as jnp

import eqpool
from tests.helpers import zoo_net


def rates(n, **kwargs):
    return eqpool.RateJax(n, rng_key=n, **kwargs)


NETWORKS = {
    "linear": lambda: eqpool.Linear((3, 4), has_bias=True, rng_key=0),
    "rate": lambda: rates(3, tau=[0.01, 0.02, 0.03], activation_func="tanh", dt=2e-3),
    "recurrent rate": lambda: rates(3, has_rec=True, solver=diffrax.Heun(), bias=0.3),
    "lif": lambda: eqpool.LIF((6, 3), has_rec=True, tau_syn=5e-3, threshold=0.3, rng_key=0),
    "synapses": lambda: eqpool.ExpSyn(3, tau=3e-3),
    "filter": lambda: eqpool.ExpSmooth(3, activation_fun=jnp.tanh),
    "softmax": lambda: eqpool.LogSoftmax((3, 2), rng_key=0),
    "function": lambda: eqpool.Instant((3, 1), lambda x: x[:, :1] ** 2),
    "one synapse type": lambda: eqpool.DynapSim(
        3, Idc=[1e-11, 2e-11, 3e-11], has_rec=True, synapses=("ampa",), rng_key=0
    ),
    "four synapse types": lambda: eqpool.DynapSim(
        3, Itau_gaba=8e-11, C_mem=4e-12, Idc=[2e-9, 3e-9, 4e-9], has_rec=True, rng_key=0,
        solver=eqpool.ForwardEuler(), feedback=eqpool.SigmoidFeedback(1e-9, 5e-9, 1e-9),
    ),
    "adex": lambda: eqpool.AdExLIF(3, Idc=1e-9, t_ref=2e-3, has_rec=True, rng_key=0),
    "row": lambda: eqpool.Sequential(
        eqpool.Linear((3, 4), rng_key=0), rates(4, has_rec=True), eqpool.Linear((4, 2), rng_key=1)
    ),
    "row in a row": lambda: eqpool.Sequential(eqpool.Sequential(rates(3)), eqpool.ExpSyn(3)),
    "residual": lambda: eqpool.Residual(eqpool.Linear((3, 3), rng_key=0), rates(3, has_rec=True)),
    "residuals in a row": lambda: eqpool.Sequential(
        eqpool.Residual(eqpool.Linear((3, 3), rng_key=0)),
        eqpool.Residual(eqpool.Linear((3, 3), rng_key=1), rates(3)),
        eqpool.Linear((3, 2), rng_key=2),
    ),
    "residual in a residual": lambda: eqpool.Residual(
        eqpool.Residual(eqpool.Residual(rates(3), eqpool.ExpSyn(3))), eqpool.Residual(rates(3))
    ),
    "stack": lambda: eqpool.FFwdStack(
        rates(3), eqpool.LIF((6, 3), threshold=0.2), eqpool.ExpSyn(2), rng_key=0
    ),
    "everything": zoo_net,
}  # fmt: skip
