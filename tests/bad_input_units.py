"""Times in ms where s are meant: warnings that name the value in s."""

import eqpool
from eqpool import AdExLIF, DynapSim, ExpSmooth, ExpSyn, LIF, RateJax


def _meant(field: str, value: str, seconds: str, upper: str) -> str:
    return (
        rf"{field} = {value} s \(element 0\) is outside what is usual: "
        rf"\[0, {upper}\] s\. If it was meant in ms, give {seconds}, in s\.$"
    )


UNIT_CASES = {
    "tau_mem in ms": (
        lambda: LIF(3, tau_mem=20),
        UserWarning,
        _meant("LIFJax.tau_mem", "20", "0.02", "1"),
    ),
    "tau_syn in ms": (
        lambda: LIF((6, 3), tau_syn=[[5.0, 20e-3]]),
        UserWarning,
        _meant("LIFJax.tau_syn", "5", "0.005", "1"),
    ),
    "tau of rates in ms": (
        lambda: RateJax(3, tau=20.0),
        UserWarning,
        _meant("RateJax.tau", "20", "0.02", "10"),
    ),
    "tau of synapses in ms": (
        lambda: ExpSyn(3).set_attributes({"tau": 50.0}),
        UserWarning,
        _meant("ExpSynJax.tau", "50", "0.05", "10"),
    ),
    "tau of a filter in ms": (
        lambda: ExpSmooth(3, tau=100),
        UserWarning,
        _meant("ExpSmoothJax.tau", "100", "0.1", "10"),
    ),
    "tau of a readout in ms": (
        lambda: eqpool.Softmax((3, 2), tau=100),
        UserWarning,
        _meant("ExpSynJax.tau", "100", "0.1", "10"),
    ),
    "tau_w in ms": (
        lambda: AdExLIF(3, tau_w=144),
        UserWarning,
        _meant("AdExLIF.tau_w", "144", "0.144", "10"),
    ),
    "t_ref in ms": (
        lambda: AdExLIF(3, t_ref=2),
        UserWarning,
        _meant("AdExLIF.t_ref", "2", "0.002", "1"),
    ),
    "dt in ms": (lambda: LIF(3, dt=1), UserWarning, _meant("LIFJax.dt", "1", "0.001", "0.1")),
    "dt of DynapSim in ms": (
        lambda: DynapSim(3, dt=1.0),
        UserWarning,
        _meant("DynapSim.dt", "1", "0.001", "0.1"),
    ),
}
