"""`TimedModule`: a module on time series, with a clock."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from .._attribute import Blueprint, field, State
from .._errors import describe, is_concrete
from .._module import AbstractAttributed, AbstractModule, initialise, submodules
from .._types import NestedDict
from ._grid import at
from ._input import check_series, Series
from ._plan import plan
from ._sample import sample
from ._series import as_record, as_series
from ._time_step import common_dt


class TimedModule(AbstractAttributed):
    """A module that takes and returns time series of pynapple, and knows what time it is.

    `module.timed()` makes one. Nothing mutates: a run returns the new state, clock included, and
    `set_attributes` of it goes on from there. Filters, transforms and dictionaries of attributes
    work as on any module; the wrapped one is its submodule `module`.

    !!! example

        ```python
        timed = eqpool.DynapSim(2, synapses=("ampa",)).timed()
        series = nap.TsGroup(
            {0: nap.Ts(np.array([0.01, 0.02])), 1: nap.Ts(np.array([0.015]))},
            time_support=nap.IntervalSet(0.0, 0.1),
        )
        spikes, state, record = timed(series, record=True)
        timed = timed.set_attributes(state)
        timed.t  # 0.1
        ```

    **Attributes:**

    - `module`: the wrapped module.
    - `num_timesteps`: the clock, in steps since time 0; a state.
    - `dt`: time step, s.
    - `add_events`: whether several events within a step count.
    """

    blueprint: Blueprint
    module: AbstractModule
    dt: float = eqx.field(static=True)
    add_events: bool = eqx.field(static=True)
    num_timesteps: Int[Array, ""] = field(
        State(
            0,
            family="clock",
            shape=(),
            cast_fn=lambda steps: jnp.asarray(steps, jnp.result_type(int)),
            doc="Steps since time 0.",
        )
    )

    def __init__(
        self,
        module: AbstractModule,
        output_num: int = 0,
        dt: float | None = None,
        add_events: bool = False,
    ):
        """**Arguments:**

        - `module`: the module to wrap.
        - `output_num`: which output to take; modules of eqpool have one, number 0.
        - `dt`: time step, s, needed where the module has none. Where it has one, this may give
            it exactly (a module holds it in single precision): 1/30000 is no short decimal.
        - `add_events`: whether input events within one step are counted, or stand for one
            (`False`, default, as in Rockpool).

        **Raises:** `TypeError` for arguments of another kind; `ValueError` for another
        `output_num`, for a `dt` that is missing, contradicts the module or is below 1e-8 s, and
        for submodules with different `dt`.
        """
        if not isinstance(module, AbstractModule):
            raise TypeError(f"TimedModule: wraps an eqpool module; got {describe(module)}.")
        self.module = module
        if isinstance(output_num, bool) or output_num != 0:
            raise ValueError(
                f"{self.full_name}: output_num must be 0, since modules of eqpool return one "
                f"output; got {describe(output_num)}."
            )
        self.dt = common_dt(module, dt, self.full_name)
        if not isinstance(add_events, bool):
            raise TypeError(
                f"{self.full_name}: add_events must be True or False; got {describe(add_events)}."
            )
        self.add_events = add_events
        initialise(
            self,
            module.shape,
            name=module.name,
            spiking_input=module.spiking_input,
            spiking_output=module.spiking_output,
        )

    @property
    def t(self) -> float:
        """What time it is, s."""
        return float(at(self.dt, int(self.num_timesteps)))

    def evolve(
        self,
        ts_input: Series | None = None,
        duration: float | None = None,
        num_timesteps: int | None = None,
        record: bool = False,
    ) -> tuple[Series, NestedDict, NestedDict]:
        """Runs the module over a time series, from the state and the time that it holds.

        Step `k` covers `[k*dt, (k + 1)*dt)`. Events count in the step in which they fall, on a
        border in the later one. Samples are interpolated linearly at the start of the step, and
        held over it. What comes out of a step has the time of its end.

        **Arguments:**

        - `ts_input`: events (`nap.TsGroup` with keys 0 to N-1, `nap.Ts`) or samples
            (`nap.TsdFrame`, `nap.Tsd`); either kind goes into any module. A single channel stands
            for all. Its `time_support` begins where the clock stands, and has no gaps within the
            run. Default: zeros.
        - `duration`: of the run, s, a whole number of `dt`. Default: to the end of the time
            support of `ts_input`, rounded up to whole steps.
        - `num_timesteps`: the same in steps.
        - `record`: whether to return time series of internal variables. Default `False`.

        **Returns:** a tuple of

        - the output: a `TsGroup` of a module with `spiking_output`; else a `TsdFrame`, or a
            `Tsd` of a single channel. Its time support is the run;
        - the new state, for `set_attributes`;
        - the record: a nested dictionary of time series; empty unless asked for.

        **Raises:** `TypeError` or `ValueError` for input of another kind or number of channels,
        for times out of order, for values or times that are not finite, for input that begins
        in the past or that is not there at the start of each step, and for a length that is
        missing or contradicts itself.
        """
        self._check_values()
        owner = self.full_name
        if ts_input is not None:
            check_series(owner, ts_input, self.size_in, self.module.blueprint.channels)
        grid = plan(
            owner,
            self.dt,
            int(self.num_timesteps),
            None if ts_input is None else ts_input.time_support,
            duration,
            num_timesteps,
        )
        most = jnp.iinfo(self.num_timesteps.dtype).max
        if grid.last > most:
            raise ValueError(
                f"{owner}: the clock counts to {most} steps, {at(self.dt, most):g} s; put it back "
                "with `reset_state()` and shift the times of ts_input, or switch on double "
                "precision, `jax_enable_x64`."
            )
        input_data = sample(owner, ts_input, grid, self.size_in, self.add_events)
        output, state, recorded = self.module.evolve(
            jnp.asarray(input_data, jnp.result_type(float)), record
        )
        new_state = {
            "num_timesteps": jnp.asarray(grid.last, self.num_timesteps.dtype),
            "module": state,
        }
        series = as_series(owner, output, grid, self.spiking_output)
        return series, new_state, as_record(self.module, recorded, grid)

    def __call__(
        self,
        ts_input: Series | None = None,
        duration: float | None = None,
        num_timesteps: int | None = None,
        record: bool = False,
    ) -> tuple[Series, NestedDict, NestedDict]:
        """The same as `evolve`."""
        return self.evolve(ts_input, duration, num_timesteps, record)

    def _check_values(self) -> None:
        if not all(is_concrete(leaf) for leaf in jax.tree.leaves(self)):
            raise TypeError(
                f"{self.full_name}: time series live outside jit, grad and vmap. In there, run the "
                "module inside on arrays: `timed.module(input_data)`."
            )
        if self.num_timesteps.ndim:
            raise ValueError(
                f"{self.full_name}: the clock has shape {self.num_timesteps.shape}, but a time "
                "series is a single run; start afresh with `reset_state()`, or run an ensemble one "
                "by one."
            )
        # The module may have got another dt since.
        common_dt(self.module, self.dt, self.full_name)

    def modules(self) -> dict[str, Any]:
        """`{"module": the wrapped module}`."""
        return dict(submodules(self))

    def as_graph(self) -> Any:
        """The computational graph of the wrapped module."""
        return self.module.as_graph()

    @property
    def full_name(self) -> str:
        """Both classes and the name, as `TimedModule(RateJax 'hidden')`."""
        return f"{self.class_name}({self.module.full_name})"
