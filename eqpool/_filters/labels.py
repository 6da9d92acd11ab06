"""Labels for optimisers that treat families differently."""

from typing import Any

from .._attribute import Parameter
from .._module import map_leaves, Site
from .._types import PyTree


def family_labels(model: PyTree[Any]) -> PyTree[Any]:
    """The family of each parameter, for `optax.multi_transform`.

    **Arguments:**

    - `model`: a pytree of modules, or its trainable half from [`eqpool.partition`][].

    **Returns:** the structure of the trainable half: a string at each parameter, `None`
    elsewhere.

    Hand this function itself to optax, as below. (Modules are callable, the tree of labels is
    a module, and optax calls what is callable.)

    !!! example

        ```python
        trainable, frozen = eqpool.partition(net, ("weights", "taus"))
        optimiser = optax.multi_transform(
            {"weights": optax.adam(1e-3), "taus": eqpool.log_space(optax.adam(1e-2))},
            eqpool.family_labels,
        )
        optimiser_state = optimiser.init(trainable)
        ```
    """

    def label(site: Site, leaf: Any) -> str | None:
        del leaf
        return site.field.family if isinstance(site.field, Parameter) else None

    return map_leaves(label, model)
