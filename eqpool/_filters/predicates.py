"""Predicates over declared leaves."""

from .._attribute import FamilyLike, Parameter, Selection, selection, SimulationParameter, State


def is_parameter(family: FamilyLike = None) -> Selection:
    """A predicate `(path, field)` for parameters, of some families or of all (`None`)."""
    return selection(family, Parameter)


def is_state() -> Selection:
    """A predicate `(path, field)` for states.

    !!! example

        ```python
        states, rest = eqx.partition(net, eqpool.filter_spec(net, eqpool.is_state()))
        ```
    """
    return selection(None, State)


def is_simulation_parameter() -> Selection:
    """A predicate `(path, field)` for simulation parameters."""
    return selection(None, SimulationParameter)
