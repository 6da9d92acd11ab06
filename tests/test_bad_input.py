"""The message that a user gets for each wrong use in `bad_input_cases.py`."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests.bad_input_cases import CASES


@pytest.fixture(scope="module")
def outcomes():
    result = subprocess.run(
        [sys.executable, "-m", "tests.bad_input_cases"],
        cwd=pathlib.Path(__file__).parents[1],
        # Nobody else compiles what it does.
        env=os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("name", CASES)
def test_message(outcomes, name):
    assert outcomes[name] == ""
