"""Fails unless an sdist and a wheel contain what they must, and nothing else of note."""

import sys
import tarfile
import zipfile


sdist = {name.partition("/")[2] for name in tarfile.open(sys.argv[1]).getnames()}
wheel = zipfile.ZipFile(sys.argv[2]).namelist()
needed = {"eqpool/py.typed", "tests/conftest.py", "README.md", "LICENSE", "CITATION.cff"}
assert needed <= sdist, needed - sdist
assert "eqpool/py.typed" in wheel and not any(n.startswith("tests/") for n in wheel), wheel
