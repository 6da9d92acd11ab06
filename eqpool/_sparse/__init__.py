from .convert import is_sparse as is_sparse, sparse_from as sparse_from, values_for as values_for
from .product import as_factor as as_factor, Factor as Factor, row as row
from .weights import SparseWeights as SparseWeights
