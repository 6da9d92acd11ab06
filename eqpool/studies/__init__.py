"""Studies: what a choice of solver and step costs, and what a choice of parameters does."""

from ._compare import compare_solvers as compare_solvers, Measurement as Measurement
from ._distances import (
    gradient_cosine as gradient_cosine,
    gradient_error as gradient_error,
    spike_time_error as spike_time_error,
    spike_times as spike_times,
    trace_error as trace_error,
)
from ._report import fastest_within as fastest_within, table as table
from ._sweep import Sweep as Sweep, sweep as sweep
from ._work_precision import gradient_memory as gradient_memory, work_precision as work_precision
