"""`AbstractModule`: what a module is."""

import abc
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, TYPE_CHECKING, TypeVar

import equinox as eqx
from jaxtyping import Array, ArrayLike, Float

from .._attribute.blueprint import Blueprint
from .._attribute.fields import fields
from .._attribute.selection import FamilyLike
from .._attribute.spec import Parameter, SimulationParameter, State
from .._errors import is_concrete, running
from .._events import Events
from .._settings import DEBUG, settings_for
from .._types import NestedDict, Shape
from ..graph import Input, Output, Wiring
from .arrays import check_arrays
from .batching import checked_input, MeshAxis, run_batch, run_checked
from .checkpoint import run_segments, segment_length
from .divided import divided_by_xla
from .event_input import check_values, checked_events, run_time
from .place import full_name, place
from .precision import (
    check_precision,
    module_with_dtype,
    run_dtype,
    state_as_before,
    with_dtype,
)
from .runtime import check_attributes, check_finite
from .show import as_text
from .stray import check_fields
from .tree import attributes, attributes_named, submodules
from .update import reset, set_attributes


if TYPE_CHECKING:
    from typing import ClassVar as AbstractVar

    import eqpool.timed
else:
    from equinox import AbstractVar


_M = TypeVar("_M", bound="AbstractModule")


class AbstractModule(eqx.Module):
    """A part of a network: an Equinox module whose fields say what they are.

    A module of your own declares its attributes with [`eqpool.field`][], has a field
    `blueprint`, calls [`eqpool.initialise`][] in its constructor, and defines `run`.
    Everything else on this page comes with it.

    !!! example

        ```python
        import eqpool
        import jax
        import jax.numpy as jnp
        from eqpool import field, kaiming, Parameter, State
        from jaxtyping import Array


        class LeakyAdder(eqpool.AbstractModule):
            blueprint: eqpool.Blueprint
            w: Array = field(Parameter(family="weights", init_func=kaiming, shape=("N_in", "N")))
            decay: Array = field(Parameter(0.9, family="decays", shape=[(), "N"]))
            y: Array = field(State(init_func=jnp.zeros, shape="N"))

            def __init__(self, shape, w=None, decay=None, *, rng_key=None, name=""):
                eqpool.initialise(self, shape, dict(w=w, decay=decay), rng_key=rng_key, name=name)

            def run(self, input_data, record):
                def step(y, x):
                    y = self.decay * y + x @ self.w
                    return y, y

                y, output = jax.lax.scan(step, self.y, input_data)
                return output, {"y": y}, {"y": output} if record else {}
        ```
    """

    blueprint: AbstractVar[Blueprint]

    @abc.abstractmethod
    def run(
        self, input_data: Float[Array, "T N_in"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """One unbatched run from the state that the module holds.

        It is `evolve` without batches and checks; a new kind of module defines it, and
        calls `evolve` of its submodules.

        **Arguments:**

        - `input_data`: floating point, `(T, N_in)`.
        - `record`: whether the record is wanted.

        **Returns:** output `(T, N_out)`, new state (a dictionary with every state of this
        module, and for each submodule what its `evolve` returned), and record (a
        dictionary of time series with leading axis `T`; `{}` if it is not wanted).
        """

    def evolve(
        self,
        input_data: ArrayLike,
        record: bool = False,
        *,
        checkpoint: bool | int = False,
    ) -> tuple[Array, NestedDict, NestedDict]:
        """Runs the module over an input, from the state that it holds.

        **Arguments:**

        - `input_data`: `(T, N_in)` or `(B, T, N_in)`. A single channel is broadcast to all
            `N_in`. Booleans and integers, as in a raster of spikes, are converted to the
            floating-point type of the module.
        - `record`: whether to return time series of internal variables. Default `False`.
        - `checkpoint`: whether a gradient saves memory: the run is cut into segments, of which
            the backward pass keeps the state at the start and computes the rest again. `True`
            for segments of `sqrt(T)` steps, so that the memory beside input and output grows as
            `sqrt(T)`; or the number of steps in a segment. It costs one more forward pass, and
            changes no bit of the result. Default `False`.

        **Returns:** a tuple of

        - the output, `(T, N_out)` or `(B, T, N_out)`;
        - the new state: a nested dictionary as of `state()`, with a leading axis `B` for
            batched input. `mod.set_attributes(new_state)` continues exactly where this
            call stopped;
        - the record: a nested dictionary of time series `(..., T, N)`; empty unless asked
            for.

        **Raises:** `TypeError` or `ValueError` for complex input and other shapes, if
        the state has a batch axis that the input lacks or one of another size, and for a
        `checkpoint` that is no number of steps.
        """
        array = checked_input(self, input_data)
        check_precision(self, array)
        length = segment_length(checkpoint, array.shape[-2], self.full_name)
        return evolve_checked(self, array, bool(record), length, where=place(self))

    def __call__(
        self,
        input_data: ArrayLike,
        record: bool = False,
        *,
        checkpoint: bool | int = False,
    ) -> tuple[Array, NestedDict, NestedDict]:
        """The same as `evolve`."""
        return self.evolve(input_data, record, checkpoint=checkpoint)

    def evolve_events(
        self,
        events: Events,
        duration: ArrayLike | None = None,
        *,
        num_steps: int | None = None,
    ) -> tuple[Events, NestedDict]:
        """Runs the module over spikes given by their times, from the state that it holds.

        With [`eqpool.EventDriven`][] everything happens at its own time. A solver on a grid
        puts each event into the step in which it falls, and gives output the time at the end
        of its step. For a batch, map over the events with `eqx.filter_vmap`.

        **Arguments:**

        - `events`: an [`eqpool.Events`][] with as many channels as the module has inputs.
        - `duration`: of the run, s; for a solver on a grid a whole number of `dt`.
        - `num_steps`: the same as a number of steps, which a solver on a grid needs inside
            `jit`, where `dt` is not known.

        **Returns:** the events that come out, and the new state, as of `evolve`.

        **Raises:** `TypeError` or `ValueError` for events of another kind or number of channels,
        for a duration that is not positive, and for modules that do not deal in events; for
        events out of order, outside the run or not finite also at run time.
        """
        events = checked_events(self, events)
        time, num_steps = run_time(self, events, duration, num_steps)
        with settings_for(traced=not is_concrete(events.times)):
            return _evolve_events(self, events, time, num_steps, place(self))

    def run_events(
        self, events: Events, duration: Float[Array, ""] | None, num_steps: int | None
    ) -> tuple[Events, NestedDict]:
        """One run over events, without checks; a module that deals in events defines it.

        **Arguments:**

        - `events`: in order of time.
        - `duration`, `num_steps`: of the run; at least one is given.
        """
        raise TypeError(
            f"{self.full_name} does not deal in events: spiking modules, a `Linear` without bias "
            "and a `Sequential` of these do. Give it a raster, `mod(events.raster(dt, num_steps))`."
        )

    # Attributes as nested dictionaries

    def parameters(self, family: FamilyLike = None) -> NestedDict:
        """A nested dictionary of the parameters of this module and its submodules.

        **Arguments:**

        - `family`: a name, several names, a predicate on `(path, field)`, or `None`
            (default) for all.

        **Raises:** `ValueError`, listing the families that exist, for one that nobody has.
        """
        return attributes(self, Parameter, family)

    def state(self, family: FamilyLike = None) -> NestedDict:
        """A nested dictionary of the states of this module and its submodules.

        Arguments and errors as of `parameters`.
        """
        return attributes(self, State, family)

    def simulation_parameters(self, family: FamilyLike = None) -> NestedDict:
        """A nested dictionary of the simulation parameters of this module and its submodules.

        Arguments and errors as of `parameters`.
        """
        return attributes(self, SimulationParameter, family)

    def attributes_named(self, name: str | Iterable[str]) -> NestedDict:
        """A nested dictionary of all attributes with this name, whatever their role.

        **Arguments:**

        - `name`: a name, or several names.

        **Raises:** `ValueError`, listing the names that exist, for one that nobody has;
        `TypeError` for anything else.
        """
        return attributes_named(self, name)

    def modules(self) -> dict[str, "AbstractModule"]:
        """The submodules directly inside this module, by name.

        A submodule in a field of its own is called like the field; in a list or tuple its
        name is position and class, as `"0_LinearJax"`; in a dictionary it is the key.
        """
        return dict(submodules(self))

    def set_attributes(self: _M, attributes: Mapping[str, Any]) -> _M:
        """A new module with other values.

        **Arguments:**

        - `attributes`: a nested dictionary as of `parameters()`, `simulation_parameters()`,
            `state()` or `evolve`'s new state, whole or in part; also those of a module of Rockpool.
            States may have a leading batch axis.

        **Raises:** `ValueError`, listing what exists, for an unknown name; `ValueError` or
        `TypeError` for a value of another shape or kind, outside its bounds, or not finite;
        `ValueError` where Rockpool's settings, as `act_fn` or `_has_rec`, contradict the module.
        """
        return set_attributes(self, attributes)

    def reset_state(self: _M) -> _M:
        """A new module with every state as it was at construction (without batch axis)."""
        return reset(self, State)

    def reset_parameters(self: _M) -> _M:
        """A new module with every parameter as it was at construction, drawn values too."""
        return reset(self, Parameter)

    def timed(
        self, output_num: int = 0, dt: float | None = None, add_events: bool = False
    ) -> "eqpool.timed.TimedModule":
        """This module on time series of pynapple, with a clock: [`eqpool.timed.TimedModule`][].

        Arguments and errors as listed there; `ImportError` without the extra `timed`.
        """
        from ..timed import TimedModule  # pynapple is optional

        return TimedModule(self, output_num, dt, add_events)

    # Computational graph

    def as_graph(self) -> Any:
        """The computational graph: a `networkx.DiGraph` from an `Input` to an `Output`.

        Vertices are names, as `"1_LIFJax"`; each has in its data, as `"node"`, what it
        computes, an [`eqpool.graph.AbstractNode`][]. All that leads to a vertex is summed.
        [`eqpool.from_graph`][] goes the other way. Needs the extra `graph`.

        **Raises:** `TypeError` for modules that no node describes.

        !!! example

            ```python
            graph = net.as_graph()
            for name, data in graph.nodes(data=True):
                print(name, data["node"])
            ```
        """
        taken = ("input", "output")
        wiring, name = Wiring(), self.class_name if self.name in ("", *taken) else self.name
        source = wiring.add("input", Input(self.size_in), ())
        last = self.wire(wiring, source, name)
        wiring.add("output", Output(self.size_out), last)
        return wiring.without_prefix(f"{name}.")

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """Adds this module to a graph; a module that has a place in graphs defines it.

        **Arguments:**

        - `wiring`: an [`eqpool.graph.Wiring`][].
        - `sources`: the vertices whose sum is the input.
        - `name`: for the vertex, or for what its vertices' names begin with.

        **Returns:** the vertices whose sum is the output.
        """
        raise TypeError(
            f"{self.full_name} has no computational graph: define `wire`, which adds its nodes, as "
            "`return wiring.add(name, eqpool.graph.InstantFunction(n_in, n_out, f), sources)`."
        )

    # Names and sizes

    @property
    def name(self) -> str:
        """The name given at construction, or `""`."""
        return self.blueprint.name

    @property
    def class_name(self) -> str:
        """The name of the class."""
        return type(self).__name__

    @property
    def full_name(self) -> str:
        """Class and name, as `RateJax 'hidden'`; only the class if there is no name.

        In the middle of a run, where errors need it, also the way through the network:
        `Sequential.1_RateJax (RateJax 'hidden')`.
        """
        return full_name(self)

    @property
    def shape(self) -> Shape:
        """`(N,)` or `(N_in, N_out)`, as given at construction."""
        return self.blueprint.shape

    @property
    def size_in(self) -> int:
        """Number of input channels; 0 of an empty `Sequential`, which takes any."""
        return self.blueprint.shape[0]

    @property
    def size_out(self) -> int:
        """Number of output channels."""
        return self.blueprint.shape[-1]

    @property
    def size(self) -> int:
        """The same as `size_out`."""
        return self.size_out

    @property
    def spiking_input(self) -> bool:
        """Whether the input is taken as spikes."""
        return self.blueprint.spiking_input

    @property
    def spiking_output(self) -> bool:
        """Whether the output is spikes."""
        return self.blueprint.spiking_output

    def __repr__(self) -> str:
        """A tree of submodules and attributes, with their shapes and families."""
        return as_text(self)

    def __hash__(self) -> int:
        """Raises `TypeError`: arrays have no hash."""
        # What `jax.jit(net)` and `jax.checkpoint(net)` ask for.
        raise TypeError(
            f"{self.full_name} holds arrays and cannot be hashed, as `jax.jit(net)` would. Use "
            "`eqx.filter_jit(net)` and `eqx.filter_checkpoint(net)`, or make it an argument, "
            "`jax.jit(lambda net, x: net(x))`."
        )

    def __check_init__(self) -> None:
        check_fields(self)
        names = [*fields(self), *(name for name, _ in submodules(self))]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"{self.full_name}: two attributes or submodules are called {name!r}; put "
                    "the submodules of one list into a dictionary with names of their own."
                )


def evolve_checked(
    module: AbstractModule,
    input_data: Array,
    record: bool,
    segment: int | None = None,
    over: MeshAxis | None = None,
    *,
    where: str,
) -> tuple[Array, NestedDict, NestedDict]:
    """A run over an input that was checked, as of `evolve`.

    Its place is an argument because messages are compiled in: equal layers at two places must
    not share them.
    """
    with settings_for(traced=not is_concrete(input_data)):
        return _evolve_checked(module, input_data, record, segment, over, where)


# Compiled once for all modules of one configuration, so that a call outside `jit` is fast too.
@eqx.filter_jit
def _evolve_checked(
    module: AbstractModule,
    input_data: Array,
    record: bool,
    segment: int | None,
    over: MeshAxis | None,
    where: str,
) -> tuple[Array, NestedDict, NestedDict]:
    debug = DEBUG.on
    run_one = run_checked if segment is None else partial(run_segments, length=segment)

    def run(module: AbstractModule, input_data: Array) -> tuple[Array, NestedDict, NestedDict]:
        if input_data.ndim == 3:
            return run_batch(module, input_data, record, run_one, over)
        return run_one(module, input_data, record)

    with running(where, module):
        owner = module.full_name
        # Here, where it costs nothing once it is compiled.
        check_arrays(module, input_data.shape)
        before, dtype = module.state(), run_dtype(module, input_data)
        module, input_data = module_with_dtype(module, dtype), with_dtype(input_data, dtype)
        if debug:
            module = check_attributes(module, owner)
            input_data = check_finite(input_data, owner, "input_data")
        output, state, recorded = (run if over else divided_by_xla(run))(module, input_data)
        if debug:
            output = check_finite(output, owner, "the output")
    return output, state_as_before(state, before), recorded


@eqx.filter_jit
def _evolve_events(
    module: AbstractModule,
    events: Events,
    duration: Float[Array, ""] | None,
    num_steps: int | None,
    where: str,
) -> tuple[Events, NestedDict]:
    with running(where, module):
        check_arrays(module, (0, module.size_in))
    before, dtype = module.state(), run_dtype(module, events)
    module = module_with_dtype(module, dtype)
    events, duration = with_dtype((events, duration), dtype)
    with running(where, module):
        events, duration = check_values(module, events, duration, num_steps)
        events, state = module.run_events(events, duration, num_steps)
    return events, state_as_before(state, before)
