"""`AbstractModule`: what a module is."""

import abc
from typing import Any, TYPE_CHECKING

from jaxtyping import Array, ArrayLike, Float

from .._attribute.fields import fields
from .._events import Events
from .._types import NestedDict
from ..graph import Input, Output, Wiring
from .attributed import AbstractAttributed
from .batching import checked_input
from .checkpoint import segment_length
from .compiled import evolve_checked, evolve_events_checked
from .event_input import checked_events, run_time
from .place import full_name, place
from .precision import check_precision
from .stray import check_fields
from .tree import submodules


if TYPE_CHECKING:
    import eqpool.timed


class AbstractModule(AbstractAttributed):
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
        self, input_data: ArrayLike, record: bool = False, *, checkpoint: bool | int = False
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
        self, input_data: ArrayLike, record: bool = False, *, checkpoint: bool | int = False
    ) -> tuple[Array, NestedDict, NestedDict]:
        """The same as `evolve`."""
        return self.evolve(input_data, record, checkpoint=checkpoint)

    def evolve_events(
        self, events: Events, duration: ArrayLike | None = None, *, num_steps: int | None = None
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
        return evolve_events_checked(self, events, time, num_steps, where=place(self))

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

    def modules(self) -> dict[str, "AbstractModule"]:
        """The submodules directly inside this module, by name.

        A submodule in a field of its own is called like the field; in a list or tuple its
        name is position and class, as `"0_LinearJax"`; in a dictionary it is the key.
        """
        return dict(submodules(self))

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

    @property
    def full_name(self) -> str:
        """Class and name, as `RateJax 'hidden'`; only the class if there is no name.

        In the middle of a run, where errors need it, also the way through the network:
        `Sequential.1_RateJax (RateJax 'hidden')`.
        """
        return full_name(self)

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
