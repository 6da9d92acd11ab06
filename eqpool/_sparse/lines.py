"""Connections in lines of equal length, so that sums over them are sums of arrays."""

import numpy as np


_WIDTHS = (4, 8, 16, 32)

_LINE_COST = 10
"""What a line costs beside its places, in places: it is added to its neuron one by one."""


def line_table(owner: np.ndarray, order: np.ndarray, owners: int) -> np.ndarray:
    """Places in lines, `(W, L)`: a column holds up to `W` of one owner, and then `len(order)`.

    Rows of the matrix as they are would have to be padded to the longest of all. `owner` is that of
    each connection, and `order` lists them in the order of their owners.
    """
    counts = np.bincount(owner, minlength=owners)
    width = min(_WIDTHS, key=lambda w: (w + _LINE_COST) * int((-(-counts // w)).sum()))
    lines = -(-counts // width)
    within = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    line = np.repeat(np.cumsum(lines) - lines, counts) + within // width
    table = np.full((width, int(lines.sum())), len(order), np.int32)
    table[within % width, line] = order
    return table
