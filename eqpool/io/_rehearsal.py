"""Whether what a file holds fits together, by shapes and dtypes alone."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.tree_util as jtu

from .._attribute import fields, Function, State
from .._module import (
    AbstractModule,
    declared_leaves,
    is_module,
    lead_axes,
    map_leaves,
    Site,
    submodules,
)
from ._check import check
from ._encoding import decode
from ._names import Names


_STEPS = (0, 960)
"""A run of no steps is traced like any other, and asks for no kernel, which would be compiled. What
cannot be traced so gets steps that can be divided by much."""


def rehearse(structure: Any, arrays: Mapping[str, jax.ShapeDtypeStruct], names: Names) -> None:
    """Puts a model together from arrays that have shape and dtype only, and checks it.

    **Raises:** what [`eqpool.load`][] would, but for what depends on values.
    """
    jax.eval_shape(
        lambda arrays: check(decode(structure, arrays, names, complete=False)), dict(arrays)
    )


def try_run(model: Any) -> None:
    """Traces a run of every network in a tree, so that a first run cannot fail in its inside.

    **Raises:** `ValueError` for one that cannot run.
    """
    for node in jtu.tree_leaves(model, is_leaf=is_module):
        if isinstance(node, AbstractModule):
            _try_module(node)
        elif is_module(node):
            try_run([child for _, child in submodules(node)])


def _try_module(module: AbstractModule) -> None:
    module = _one_of_ensemble(_with_lenient_functions(module))
    failure = None
    for steps in _STEPS:
        try:
            with jax.disable_jit(False):  # without it, loops need values
                eqx.filter_eval_shape(lambda m, x: m.evolve(x), module, _input(module, steps))
        except Exception as error:
            failure = failure or error
        else:
            return
    reason = str(failure).strip().partition("\n")[0]
    raise ValueError(f"{module.full_name}: cannot run: {reason}")


def _input(module: AbstractModule, steps: int) -> jax.ShapeDtypeStruct:
    """An input like the ones that the module has had: its precision, and the batch of its state."""
    kinds, batch = [], ()
    for site, leaf in declared_leaves(module):
        if jnp.issubdtype(leaf.dtype, jnp.floating):
            kinds.append(leaf.dtype)
        if isinstance(site.field, State) and leaf.ndim > site.initial.ndim:
            batch = leaf.shape[:1]
    kind = max(kinds, key=lambda dtype: jnp.finfo(dtype).bits, default=jnp.result_type(float))
    return jax.ShapeDtypeStruct((*batch, steps, max(module.size_in, 1)), kind)


def _one_of_ensemble(module: AbstractModule) -> AbstractModule:
    """The shapes of a single module, without the axes that an ensemble has in front."""
    leads = [lead_axes(site)[0] for site, _ in declared_leaves(module)]
    whole = max(leads, key=len, default=())

    def strip(site: Site, leaf: Any) -> Any:
        if not eqx.is_array(leaf):
            return leaf
        if site.path[-3:-1] == ("blueprint", "initial"):
            site = site._replace(field=fields(site.module).get(site.path[-1]))
        if site.field is not None:
            lead = lead_axes(site)[0]
        else:
            lead = whole if leaf.shape[: len(whole)] == whole else ()
        return jax.ShapeDtypeStruct(leaf.shape[len(lead) :], leaf.dtype)

    return map_leaves(strip, module) if whole else module


class _Lenient(eqx.Module):
    """A function of a layer that may also be one of a single time step.

    Networks with such a function were never run, and are no less whole for it.
    """

    function: Any

    def __call__(self, *args: Any) -> Any:
        try:
            return self.function(*args)
        except Exception as error:
            try:
                return jax.vmap(self.function)(*args)
            except Exception:
                raise error from None


def _with_lenient_functions(module: AbstractModule) -> AbstractModule:
    def replace(node: Any) -> Any:
        if not isinstance(node, Function):
            return node
        function = node.unwrapped
        if not isinstance(function, (eqx.Module, jtu.Partial)):
            return node
        # As when it is used: dropout in training needs a key.
        if isinstance(function, eqx.Module):
            function = eqx.nn.inference_mode(function)
        return Function(_Lenient(function))

    return jtu.tree_map(replace, module, is_leaf=lambda node: isinstance(node, Function))
