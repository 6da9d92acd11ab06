from .arrays import check_arrays as check_arrays
from .attributed import AbstractAttributed as AbstractAttributed
from .base import AbstractModule as AbstractModule
from .batching import RANDOM as RANDOM
from .initialise import (
    initialise as initialise,
    normalise_shape as normalise_shape,
    square_shape as square_shape,
)
from .mesh import check_auto as check_auto, check_mesh as check_mesh, mesh_size as mesh_size
from .mismatch import mismatch as mismatch
from .on_grid import run_on_grid as run_on_grid
from .place import place as place
from .precision import promoted as promoted, with_dtype as with_dtype
from .sharded import evolve_sharded as evolve_sharded
from .show import as_text as as_text
from .summary import Summary as Summary, summary as summary
from .tree import (
    attribute_value as attribute_value,
    attributes as attributes,
    attributes_named as attributes_named,
    declared_leaves as declared_leaves,
    is_module as is_module,
    is_tied as is_tied,
    lead_axes as lead_axes,
    map_leaves as map_leaves,
    Site as Site,
    submodules as submodules,
    tagged_leaves as tagged_leaves,
)
from .update import (
    flat_attributes as flat_attributes,
    reset as reset,
    set_attributes as set_attributes,
)
