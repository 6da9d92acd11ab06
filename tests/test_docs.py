"""Every Python block of README and docs runs, page by page, in order, in one namespace.

Blocks with a title share one with those of the same title; Rockpool's run where it is installed.
"""

import collections
import importlib.util
import pathlib
import re
import types
import warnings

import jax
import pytest

import eqpool
import eqpool.plot
import eqpool.testing
import eqpool.timed


ROOT = pathlib.Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r'^```python(?: title="(\w+)")?\n(.*?)^```', re.MULTILINE | re.DOTALL)
ROCKPOOL = importlib.util.find_spec("rockpool") is not None
# What a user meets first runs by default; a page takes up to half a minute, mostly to compile.
FIRST = ("README", "index", "getting-started", "attributes", "filtered-training")
WITH_CODE = [page for page in PAGES if BLOCK.search(page.read_text())]


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, marks=() if p.stem in FIRST else pytest.mark.slow) for p in WITH_CODE],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_code_runs(page, promotion):
    namespaces = collections.defaultdict(lambda: {"__name__": "__docs__"})
    text = page.read_text()
    for match in BLOCK.finditer(text):
        if match[1] == "Rockpool" and not ROCKPOOL:
            continue
        line = text[: match.start()].count("\n") + 2
        # Blank lines in front, so that a traceback names the line of the page.
        code = compile("\n" * (line - 1) + match[2], str(page), "exec")
        with jax.numpy_rank_promotion("allow"), warnings.catch_warnings():
            if "from rockpool" in text:  # its own, and that of JAX about its use
                warnings.filterwarnings("ignore", module="rockpool")
                warnings.filterwarnings("ignore", "(size|shape) requires ndarray or scalar")
            exec(code, namespaces[match[1]])


def test_the_example_of_a_module_of_your_own_is_short():
    """The 15 lines of the docs and of the docstring are the same, and short."""
    text = (ROOT / "docs" / "attributes.md").read_text()
    example = text[text.index("class LeakyAdder") :]
    example = [line for line in example[: example.index("```")].splitlines() if line.strip()]
    assert len(example) <= 16
    docstring = [line.strip() for line in (eqpool.AbstractModule.__doc__ or "").splitlines()]
    assert all(line.strip() in docstring for line in example)


def test_the_api_pages_name_everything_public():
    named = set(re.findall(r"^::: eqpool\.([\w.]+)", all_text("api"), re.MULTILINE))
    public = names_in(eqpool)
    for part in (
        eqpool.graph,
        eqpool.physics,
        eqpool.plot,
        eqpool.studies,
        eqpool.testing,
        eqpool.timed,
    ):
        public |= {f"{part.__name__.split('.')[-1]}.{name}" for name in names_in(part)}
    aliases = {"combine", "RateEulerJax"}  # the same objects under another name
    aliases |= {name.removesuffix("Jax") for name in public if name.endswith("Jax")} - {"RateEuler"}
    assert named == public - aliases
    assert all(f"eqpool.{name}" in all_text("api") or name in all_text("api") for name in aliases)


def names_in(module):
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }


def all_text(folder):
    return "\n".join(page.read_text() for page in (ROOT / "docs" / folder).glob("*.md"))
