"""Where a module stands in the network that is running, for messages."""

from typing import Any

from .._errors import current
from .tree import submodules


def place(module: Any) -> str:
    """The way to a module from the outermost one that runs, as `Sequential.1_DynapSim`.

    Outside of any run it is class and name of the module.
    """
    around = current()
    if around is None:
        return own_name(module)
    if around.module is module:
        return around.place
    # A module that was changed, or mapped over, is no longer the one in the network.
    path = _path(around.module, module) or (own_name(module),)
    return ".".join((around.place, *path))


def current_place(module: Any) -> str:
    """The place of whatever is running; of a module on its own, its class and name."""
    around = current()
    return own_name(module) if around is None else around.place


def full_name(module: Any) -> str:
    """The place of a module, with its class and name where the place does not tell them."""
    where, own = place(module), own_name(module)
    return where if where.endswith(own) else f"{where} ({own})"


def own_name(module: Any) -> str:
    """Class and name, as `RateJax 'hidden'`; only the class if there is no name."""
    kind, name = type(module).__name__, module.blueprint.name
    return f"{kind} {name!r}" if name else kind


def _path(outer: Any, module: Any) -> tuple[str, ...] | None:
    for name, child in submodules(outer):
        if child is module:
            return (name,)
        inside = _path(child, module)
        if inside is not None:
            return name, *inside
    return None
