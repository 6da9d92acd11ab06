"""What one instance of a module was built from."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._types import Shape
from .spec import AbstractAttribute, as_role, ROLES


class Member(NamedTuple):
    """An attribute that no class declares, one of those in a field that holds a dictionary."""

    field: str
    name: str
    role: str
    family: str
    shape: Shape


class Blueprint(eqx.Module):
    """What a module was built from, apart from the values that training changes.

    Every module has one in its field `blueprint`, put there by [`eqpool.initialise`][].
    All of it but `initial` is static: two modules of one configuration have equal tree
    structures whatever values they were given.

    **Attributes:**

    - `initial`: the values that `reset_state` and `reset_parameters` restore. No family
        selects them.
    - `name`: the name that the user gave, or `""`.
    - `shape`: `(N,)` or `(N_in, N_out)`.
    - `channels`: shape of the input at one time step where it may come with more than one
        axis, as `(N, K)`, or `None`.
    - `sizes`: the numbers behind the names in declared shapes; `None` for an axis left out.
    - `overrides`: `(field, role, family)` of each field that is not what its class declares.
    - `absent`: declared fields that this configuration does not have.
    - `sparse`: fields that hold [`eqpool.SparseWeights`][], and how many connections.
    - `members`: attributes that no class declares, since their names depend on the arguments.
    - `spiking_input`, `spiking_output`: whether input and output are spikes.
    """

    initial: dict[str, Array]
    name: str = eqx.field(static=True, default="")
    shape: Shape = eqx.field(static=True, default=(0,))
    channels: Shape | None = eqx.field(static=True, default=None)
    sizes: tuple[tuple[str, int | None], ...] = eqx.field(static=True, default=())
    overrides: tuple[tuple[str, str, str], ...] = eqx.field(static=True, default=())
    absent: tuple[str, ...] = eqx.field(static=True, default=())
    sparse: tuple[tuple[str, int], ...] = eqx.field(static=True, default=())
    members: tuple[Member, ...] = eqx.field(static=True, default=())
    spiking_input: bool = eqx.field(static=True, default=False)
    spiking_output: bool = eqx.field(static=True, default=False)

    def starting_from(self, values: Mapping[str, Array]) -> "Blueprint":
        """The same with other initial values for some fields."""
        # Copies, so that a value and its initial value can be donated together.
        copies = {name: jnp.array(value, copy=True) for name, value in values.items()}
        return dataclasses.replace(self, initial=self.initial | copies)

    def apply(self, declared: Mapping[str, AbstractAttribute]) -> dict[str, AbstractAttribute]:
        """What the declared fields are in this instance."""
        found = {name: a for name, a in declared.items() if name not in self.absent}
        for name, role, family in self.overrides:
            found[name] = as_role(ROLES[role], declared[name], family=family)
        for name, connections in self.sparse:
            # What is known of them beyond their connections: a value for each.
            found[name] = dataclasses.replace(
                found[name], shape=(connections,), permit_reshape=False, init_func=None
            )
        for member in self.members:
            role, family, shape = ROLES[member.role], member.family, member.shape
            found[member.name] = role(family=family, shape=shape, permit_reshape=False)
        return found
