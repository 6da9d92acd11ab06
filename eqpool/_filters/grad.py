"""Gradients for the families you name, and for nothing else."""

import functools as ft
from collections.abc import Callable
from typing import Any

import equinox as eqx

from .._attribute import FamilyLike, Parameter, selection
from .finite import warn_if_not_finite
from .partition import partition


def filter_value_and_grad(
    fun: Callable[..., Any] | None = None,
    *,
    family: FamilyLike = None,
    has_aux: bool = False,
    check_finite: bool = True,
) -> Callable[..., Any]:
    """A function that returns the value of `fun` and its gradient.

    It is `eqx.filter_value_and_grad`, but for parameters of some families of the first
    argument. States, simulation parameters and all other leaves are held fixed and get
    `None`.

    **Arguments:**

    - `fun`: `fun(model, *args, **kwargs)`, returning a scalar loss, or `(loss, aux)`. Left
        out, this returns a decorator.
    - `family`: what to differentiate with respect to: a name, several names, a predicate
        `(path, field) -> bool` that is asked about parameters, or `None` (default) for
        every parameter.
    - `has_aux`: whether `fun` returns `(loss, aux)`. Default `False`.
    - `check_finite`: whether to warn about parameters whose gradient contains NaN or infinity.
        Inside `jit` each compiled function warns once. The warning needs a call to Python,
        which `jax.export` refuses and JAX's persistent compilation cache does not store; with
        `False` there is none. Default `True`.

    **Returns:** a function of the arguments of `fun` that returns `(value, gradient)`; the
    gradient has the structure of the model, with `None` at all that is frozen.

    **Raises:** when called, `ValueError` for a family that nobody has; at once, `ValueError`
    for a selection of anything but parameters.
    """
    select = selection(family)
    if select.role is not Parameter:
        raise ValueError(
            f"Only parameters get a gradient here, not {select.role.role}s. Use eqx.partition with "
            "eqpool.filter_spec and eqx.filter_grad to differentiate with respect to other leaves."
        )
    if fun is None:
        return ft.partial(
            filter_value_and_grad, family=family, has_aux=has_aux, check_finite=check_finite
        )

    @ft.wraps(fun)
    def value_and_grad(model: Any, *args: Any, **kwargs: Any) -> Any:
        trainable, frozen = partition(model, select)

        def loss(trainable: Any) -> Any:
            return fun(eqx.combine(trainable, frozen), *args, **kwargs)

        value, gradient = eqx.filter_value_and_grad(loss, has_aux=has_aux)(trainable)
        if check_finite:
            warn_if_not_finite(gradient)
        return value, gradient

    return value_and_grad


def filter_grad(
    fun: Callable[..., Any] | None = None,
    *,
    family: FamilyLike = None,
    has_aux: bool = False,
    check_finite: bool = True,
) -> Callable[..., Any]:
    """A function that returns the gradient of `fun`, or `(gradient, aux)`.

    **Arguments and errors:** as of [`eqpool.filter_value_and_grad`][].
    """
    if fun is None:
        return ft.partial(filter_grad, family=family, has_aux=has_aux, check_finite=check_finite)
    value_and_grad = filter_value_and_grad(
        fun, family=family, has_aux=has_aux, check_finite=check_finite
    )

    @ft.wraps(fun)
    def grad(model: Any, *args: Any, **kwargs: Any) -> Any:
        value, gradient = value_and_grad(model, *args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return grad
