"""`DynapSim` as a node of a graph, and from one."""

from typing import Any

import jax.numpy as jnp

from ... import physics
from ..._errors import describe, listing
from ..._sparse import SparseWeights
from ...graph import Block, DynapseNeurons, LIFNeurons, LinearWeights, structure
from . import defaults


C_SYN = 25e-12
"""What Rockpool takes for every synapse when it converts: of AMPA, whose capacitance is 24.5 pF,
the time constant comes out 2 % short."""


def as_node(mod: Any) -> DynapseNeurons:
    """Everything that a `DynapSim` computes with, but for its recurrent weights."""
    names = [name for name in DynapseNeurons.__dataclass_fields__ if name != "shape"]
    return DynapseNeurons(mod.shape, **{name: getattr(mod, name) for name in names})


def arguments_of(se: Any, weights: Any) -> dict[str, Any]:
    """Arguments of the constructor from neurons and recurrent weights, or from a whole graph."""
    if hasattr(se, "nodes"):
        parts = structure(se).parts
        if len(parts) != 1 or not isinstance(parts[0], Block):
            raise ValueError(
                f"DynapSim.from_graph takes a graph of one layer of neurons; got {listing(se)}. "
                "`eqpool.from_graph` rebuilds whole networks."
            )
        se, w_rec = parts[0].node, parts[0].w_rec
        if w_rec is not None and weights is not None:
            raise ValueError(
                f"DynapSim.from_graph: {parts[0].name!r} has recurrent weights in the graph, and "
                "weights were given as well; give one of the two."
            )
        weights = weights if w_rec is None else LinearWeights(w_rec)
    if isinstance(se, LIFNeurons):
        se = _from_lif(se)
    if not isinstance(se, DynapseNeurons):
        raise TypeError(
            "DynapSim.from_graph takes DynapseNeurons or LIFNeurons, or a graph of one of them; "
            f"got {describe(se)}."
        )
    given: dict[str, Any] = {"shape": se.shape} | se.arguments()
    if weights is None:
        return given
    if not isinstance(weights, LinearWeights):
        raise TypeError(
            f"DynapSim.from_graph: weights must be LinearWeights; got {describe(weights)}."
        )
    if weights.biases is not None:
        raise ValueError(
            f"DynapSim.from_graph: the recurrent weights {weights} have biases, which recurrent "
            "weights cannot have; use Idc of the neurons."
        )
    n, synapses = se.size_out, len(se.synapses)
    w_rec, expected = weights.weights, (n, n * synapses)
    if w_rec.shape != expected:
        raise ValueError(
            f"DynapSim.from_graph: the recurrent weights have shape {w_rec.shape}; expected "
            f"{expected}, from neurons to synapses."
        )
    if synapses > 1 and not isinstance(w_rec, SparseWeights):
        w_rec = w_rec.reshape(len(w_rec), -1, synapses)
    return given | dict(w_rec=w_rec, has_rec=True)


def _from_lif(lif: LIFNeurons) -> DynapseNeurons:
    """The neuron of the chip with the same time constants, as Rockpool converts it.

    Thresholds and biases are scaled by `Iscale`; gains, refractory period and pulse widths are the
    chip's defaults; there is no adaptation, and no NMDA gate.
    """
    if lif.size_in != lif.size_out:
        raise ValueError(
            f"DynapSim.from_graph: {lif} has {lif.size_in // lif.size_out} synapses on each "
            "neuron; only neurons with one synapse can be converted."
        )
    n = lif.size_out

    def each(value: Any, default: float) -> Any:
        value = jnp.asarray(default if value is None else value, jnp.result_type(float))
        return jnp.broadcast_to(value.reshape(-1), (n,))

    kappa = jnp.asarray((defaults.KAPPA_N + defaults.KAPPA_P) / 2)

    def leak(tau: Any, C: float) -> Any:
        return physics.leak_current(
            each(tau, 20e-3), jnp.asarray(C), kappa, jnp.asarray(defaults.UT)
        )

    Itau_mem = leak(lif.tau_mem, defaults.C_MEM)
    Itau_syn = leak(lif.tau_syn, C_SYN)
    return DynapseNeurons(
        (n,),
        Itau_mem=Itau_mem,
        Itau_syn=Itau_syn,
        Igain_mem=defaults.R_GAIN["mem"] * Itau_mem,
        Igain_syn=defaults.R_GAIN["syn"] * Itau_syn,
        Ispkthr=defaults.ISCALE * each(lif.threshold, 1.0),
        Idc=defaults.ISCALE * each(lif.bias, 0.0),
        # What Rockpool sets to zero, and then raises to Io: nothing comes in where Iw_ahp is 0.
        Itau_ahp=each(None, defaults.Io),
        Igain_ahp=each(None, defaults.Io),
        Iw_ahp=each(None, 0.0),
        If_nmda=each(None, 0.0),
        Iscale=defaults.ISCALE,
        dt=lif.dt,
    )
