"""Networks in files, and in the formats of others."""

from ._nir_export import to_nir as to_nir
from ._nir_import import from_nir as from_nir
from ._save import load as load, save as save
