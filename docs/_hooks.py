"""Fills in pages: tables of fields, and the other names of what they document.

`{{ fields(RateJax) }}` is replaced by the table of the fields of that class. References to
`eqpool.Rate` lead to what stands under `::: eqpool.RateJax`.
"""

import re
from typing import Any

import numpy as np

import eqpool


def on_page_markdown(markdown: str, **kwargs: Any) -> str:
    del kwargs
    markdown = re.sub(r"\{\{ fields\((\w+)\) \}\}", lambda match: table(match[1]), markdown)
    return re.sub(r"^::: eqpool\.(\w+)$", with_aliases, markdown, flags=re.MULTILINE)


def with_aliases(match: re.Match[str]) -> str:
    """A documented object behind anchors for its other names."""
    value = getattr(eqpool, match[1])
    aliases = [name for name, other in vars(eqpool).items() if other is value and name != match[1]]
    return "".join(f"[](){{#eqpool.{name}}}\n\n" for name in aliases) + match[0]


def table(name: str) -> str:
    """A Markdown table generated from `eqpool.fields`."""
    rows = ["| field | | role, family | shape | default | in |", "|---" * 6 + "|"]
    for field, spec in eqpool.fields(getattr(eqpool, name)).items():
        values = f"{spec.bounds or ''} {spec.unit}".strip()
        cells = [f"`{field}`", spec.doc, f"{spec.role}, `{spec.family}`", shapes(spec.shape)]
        rows.append("| " + " | ".join([*cells, default(spec), values]) + " |")
    return "\n".join(rows)


def shapes(shape: Any) -> str:
    entries = shape if isinstance(shape, list) else [shape]
    entries = [entry if isinstance(entry, tuple) else (entry,) for entry in entries]
    return " or ".join(
        "scalar" if not entry else "`(" + ", ".join(map(str, entry)) + ")`" for entry in entries
    )


def default(spec: eqpool.AbstractAttribute) -> str:
    if spec.data is not None:
        return f"{np.asarray(spec.data):g}"
    if hasattr(spec.init_func, "value"):
        return f"{spec.init_func.value:g}"  # pyright: ignore
    return f"`{getattr(spec.init_func, '__name__', '')}`"
