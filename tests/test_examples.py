"""The examples as a user runs them; the short form of each also runs in CI by itself."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest


ROOT = pathlib.Path(__file__).parents[1]
SCRIPT = [sys.executable, "examples/train_speakers.py"]


def run(*options, **kwargs):
    return subprocess.run(
        [*SCRIPT, *map(str, options)], cwd=ROOT, capture_output=True, text=True, **kwargs
    )


def epoch_of(checkpoint):
    with open(checkpoint, "rb") as file:
        return json.loads(file.readline())["epoch"]


@pytest.mark.slow
def test_a_killed_run_resumes_bit_for_bit(tmp_path):
    pytest.importorskip("aeon")
    options = ["--seeds", 2, "--epochs", 60, "--seed", 3]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    finished = run(*options, "--out", whole)
    assert finished.returncode == 0, finished.stderr
    assert "Test accuracy" in finished.stdout and (whole / "confusion.png").stat().st_size > 10_000

    process = subprocess.Popen(
        [*SCRIPT, *map(str, options), "--out", str(broken)], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    checkpoint = broken / "checkpoint.eqx"
    while not (checkpoint.exists() and epoch_of(checkpoint) >= 5):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert 5 <= epoch_of(checkpoint) < 60

    resumed = run(*options, "--out", broken, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert checkpoint.read_bytes() == (whole / "checkpoint.eqx").read_bytes()
    accuracies = [
        [line for line in done.stdout.splitlines() if "accuracy" in line and "Figure" not in line]
        for done in (finished, resumed)
    ]
    assert accuracies[0] == accuracies[1]

    other = run(*options[:-1], 4, "--out", broken, "--resume")
    assert other.returncode != 0 and "was made by another run" in other.stderr
    nothing = run("--out", tmp_path / "nothing", "--resume")
    assert nothing.returncode != 0 and "There is no checkpoint" in nothing.stderr
