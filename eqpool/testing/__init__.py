"""Contract tests for neurons: what every model promises, held to it by numbers."""

from ._check import check_neuron as check_neuron, PROMISES as PROMISES
from ._report import BrokenPromise as BrokenPromise, Report as Report
