"""One traversal of pytrees of modules, on which dictionaries, filters and resets stand.

A *logical path* names the way to a leaf as nested dictionaries do: `("1_RateJax", "tau")`.
A submodule in a field of its own is called like the field; in a list or tuple its name is
position and class (`0_LinearJax`, as in Rockpool); in a dictionary it is the key.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax.tree_util as jtu
from equinox.nn._shared import SharedNode

from .._attribute.blueprint import Blueprint
from .._attribute.fields import fields
from .._attribute.resolve import concrete_shape
from .._attribute.selection import FamilyLike, Predicate, selection
from .._attribute.spec import AbstractAttribute, permitted_shapes, State
from .._errors import describe, listing, suggestion
from .._sparse import SparseWeights
from .._types import NestedDict, Shape


class Site(NamedTuple):
    """Where a leaf stands.

    `field` is what the module declares of it, or `None` where nothing is declared, and where
    `eqx.nn.Shared` has put a mark for what is held elsewhere; `module` is the innermost module
    around it, or `None` outside of any.
    """

    path: tuple[str, ...]
    field: AbstractAttribute | None
    module: Any

    @property
    def initial(self) -> Any:
        """The value of this field that a reset restores."""
        return self.module.blueprint.initial[self.path[-1]]


class Tagged(NamedTuple):
    """A declared leaf: its logical path, what is declared, and the leaf."""

    path: tuple[str, ...]
    field: AbstractAttribute
    leaf: Any


def is_tied(leaf: Any) -> bool:
    """Whether a leaf is the mark of `eqx.nn.Shared` for a value that another place holds."""
    return isinstance(leaf, SharedNode)


def is_module(node: Any) -> bool:
    """Whether a node of a pytree is an eqpool module, whatever its leaves are."""
    return isinstance(node, eqx.Module) and isinstance(getattr(node, "blueprint", None), Blueprint)


def map_leaves(function: Callable[[Site, Any], Any], tree: Any) -> Any:
    """A pytree of the same structure with `function(site, leaf)` at each leaf.

    It also works on trees whose leaves were replaced: by `None` (one half of a partition),
    booleans, labels or gradients.
    """

    def visit(site: Site, leaf: Any) -> Any:
        return function(site._replace(field=None) if is_tied(leaf) else site, leaf)

    return _map(visit, tree, Site((), None, None))


def _map(function: Callable[[Site, Any], Any], tree: Any, around: Site) -> Any:
    def visit(key_path: tuple[Any, ...], node: Any) -> Any:
        site = around._replace(path=_extend(around.path, key_path, node))
        return _map_module(function, node, site.path) if is_module(node) else function(site, node)

    return jtu.tree_map_with_path(visit, tree, is_leaf=is_module)


def _map_module(function: Callable[[Site, Any], Any], module: Any, path: tuple[str, ...]) -> Any:
    known = fields(module)
    children, treedef = one_level(module)
    holders = {member.field for member in module.blueprint.members}
    new = []
    for name, child in children.items():
        site = Site((*path, name), known.get(name), module)
        if name in holders and not is_tied(child):
            members = {key: Site((*path, key), known[key], module) for key in child}
            new.append(
                {key: jtu.tree_map(partial(function, members[key]), child[key]) for key in child}
            )
        elif isinstance(child, Blueprint):
            new.append(_map_undeclared(function, child, site))
        elif isinstance(child, SparseWeights):
            new.append(_map_sparse(function, child, site))
        elif name in known:
            new.append(jtu.tree_map(partial(function, site), child))
        else:
            new.append(_map(function, child, site))
    return jtu.tree_unflatten(treedef, new)


def _map_undeclared(function: Callable[[Site, Any], Any], tree: Any, site: Site) -> Any:
    def visit(key_path: tuple[Any, ...], leaf: Any) -> Any:
        return function(site._replace(path=_extend(site.path, key_path, leaf)), leaf)

    return jtu.tree_map_with_path(visit, tree)


def _map_sparse(function: Callable[[Site, Any], Any], weights: Any, site: Site) -> Any:
    """Only the values are what the field declares; which connections there are, nobody changes."""

    def visit(key_path: tuple[Any, ...], leaf: Any) -> Any:
        name = key_path[0].name
        if name == "values":
            return function(site, leaf)
        return function(site._replace(path=(*site.path, name), field=None), leaf)

    return jtu.tree_map_with_path(visit, weights)


def one_level(module: Any) -> tuple[dict[str, Any], Any]:
    """The children of a module by field name, and the structure that puts them together."""
    entries, treedef = jtu.tree_flatten_with_path(module, is_leaf=lambda node: node is not module)
    return {key_path[0].name: child for key_path, child in entries}, treedef


def attribute_value(module: Any, name: str) -> Any:
    """The value of a declared attribute, or of a member of a field that holds a dictionary.

    Of sparse weights, the values of the connections.
    """
    for member in module.blueprint.members:
        if member.name == name:
            return getattr(module, member.field)[name]
    value = getattr(module, name)
    return value.values if isinstance(value, SparseWeights) else value


def submodules(module: Any) -> list[tuple[str, Any]]:
    """Names and values of the modules directly inside `module`, in the order of its fields."""
    children, _ = one_level(module)
    found = []
    for name, child in children.items():
        entries, _ = jtu.tree_flatten_with_path(child, is_leaf=is_module)
        for key_path, node in entries:
            if is_module(node):
                found.append((_extend((name,), key_path, node)[-1], node))
    return found


def _extend(path: tuple[str, ...], key_path: tuple[Any, ...], node: Any) -> tuple[str, ...]:
    # A module inside a container is named by its place there, not by the container's field.
    if not key_path:
        return path
    names = [
        str(getattr(key, "name", getattr(key, "key", getattr(key, "idx", key)))) for key in key_path
    ]
    if is_module(node):
        if isinstance(key_path[-1], jtu.SequenceKey):
            names.append(type(node).__name__)
        return (*path[:-1], "_".join(names))
    return (*path, *names)


def collect(
    module: Any, select: Predicate, drop_empty: bool, path: tuple[str, ...] = ()
) -> NestedDict:
    """A nested dictionary of the selected attributes of a module and its submodules.

    **Arguments:**

    - `select`: predicate on `(path, field)`.
    - `drop_empty`: whether submodules in which nothing is selected are left out.
    """
    found: NestedDict = {
        name: attribute_value(module, name)
        for name, field in fields(module).items()
        if select((*path, name), field) and not is_tied(attribute_value(module, name))
    }
    for name, child in submodules(module):
        inner = collect(child, select, drop_empty, (*path, name))
        if inner or not drop_empty:
            found[name] = inner
    return found


def attributes(module: Any, role: type[AbstractAttribute], family: FamilyLike) -> NestedDict:
    """A nested dictionary of the attributes of a role, of some families or of all (`None`).

    **Raises:** `ValueError`, listing the families that exist, for one that nobody has.
    """
    select = selection(family, role)
    select.check(entry.field for entry in tagged_leaves(module))
    return collect(module, select, drop_empty=family is not None)


def attributes_named(module: Any, name: str | Iterable[str]) -> NestedDict:
    """A nested dictionary of all attributes with a name, or one of several, whatever their role.

    **Raises:** `ValueError`, listing the names that exist, for a name that nobody has, and without
    any; `TypeError` for what is no name.
    """
    wanted: Any = (name,) if isinstance(name, str) else name
    wanted = tuple(wanted) if isinstance(wanted, Iterable) else (wanted,)
    if not all(isinstance(one, str) for one in wanted):
        raise TypeError(
            f"{module.full_name}: name must be a name or several names; got {describe(name)}."
        )
    if not wanted:
        raise ValueError(f"{module.full_name}: name is empty; give one name or several.")
    seen = set()

    def select(path: tuple[str, ...], field: AbstractAttribute) -> bool:
        del field
        seen.update(path[-1:])
        return path[-1] in wanted

    found = collect(module, select, drop_empty=True)
    for one in wanted:
        if one not in seen:
            names = sorted(seen)
            raise ValueError(
                f"{module.full_name} has no attribute named {one!r}.{suggestion(one, names)} "
                f"It has {listing(names)}."
            )
    return found


def declared_leaves(tree: Any) -> list[tuple[Site, Any]]:
    """Every declared leaf of a tree, and where it stands."""
    found = []

    def note(site: Site, leaf: Any) -> Any:
        if site.field is not None:
            found.append((site, leaf))
        return leaf

    map_leaves(note, tree)
    return found


def tagged_leaves(tree: Any) -> list[Tagged]:
    """Every declared leaf of a tree."""
    found = declared_leaves(tree)
    return [Tagged(at.path, at.field, leaf) for at, leaf in found if at.field is not None]


def has_batch_axis(site: Site, leaf: Any) -> bool:
    """Whether it is a state of each element of a batch."""
    return isinstance(site.field, State) and leaf.ndim == site.initial.ndim + 1


def lead_axes(site: Site) -> tuple[Shape, list[Shape]]:
    """The axes that an ensemble has in front, and the permitted shapes behind them."""
    blueprint, initial = site.module.blueprint, site.initial
    assert site.field is not None
    sizes = dict(blueprint.sizes)
    shapes = [concrete_shape(s, "", sizes) for s in permitted_shapes(site.field, "")]
    fitting = [s for s in shapes if initial.shape[initial.ndim - len(s) :] == s]
    if not fitting:
        return (), [initial.shape]
    longest = max(fitting, key=len)
    return initial.shape[: initial.ndim - len(longest)], shapes
