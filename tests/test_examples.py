"""The examples as a user runs them; the short form of each also runs in CI by itself."""

import json
import os
import pathlib
import random
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


@pytest.mark.long
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


@pytest.mark.slow
def test_a_run_killed_at_any_step_has_the_losses_of_one_that_was_not(tmp_path):
    """Three kills at times that differ from run to run, also while a checkpoint is written."""
    pytest.importorskip("aeon")
    script = [sys.executable, "examples/train_checkpointed.py", "--steps", "300", "--every", "3"]

    def start(out):
        with open(tmp_path / "output", "w") as file:
            return subprocess.Popen(
                [*script, "--out", str(out)], cwd=ROOT, stdout=file, stderr=file
            )

    def output(process):
        process.wait()
        text = (tmp_path / "output").read_text()
        assert process.returncode == 0, text
        return text

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert "test accuracy" in output(start(whole))
    assert (whole / "losses.png").stat().st_size > 10_000

    def latest():
        names = [path.name for path in broken.glob("checkpoints/*")]
        return max((int(name) for name in names if name.isdigit()), default=-1)

    for kill in range(3):
        process, before = start(broken), latest()
        while latest() <= before + 20:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.02)
        time.sleep(random.uniform(0.0, 0.2))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert 20 * (kill + 1) < latest() < 299
    assert "going on from step" in output(start(broken))
    for name in ("losses.npy", "net.safetensors"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()

    other = subprocess.run(
        [*script, "--seed", "1", "--out", str(broken)], cwd=ROOT, capture_output=True, text=True
    )
    assert other.returncode != 0 and "are of another run" in other.stderr


@pytest.mark.long
def test_two_processes_have_the_losses_of_one(tmp_path):
    pytest.importorskip("aeon")
    script = [sys.executable, "examples/train_distributed.py", "--short"]

    def losses(name, *options):
        done = subprocess.run(
            [*script, *options, "--out", str(tmp_path / name)],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("Test accuracy") == 1, "only process 0 prints"
        assert (tmp_path / name / "distributed.png").stat().st_size > 10_000
        return done.stdout, json.loads((tmp_path / name / "losses.json").read_text())

    said, one = losses("one")
    assert said.startswith("1 processes, 1 devices") and one[-1] < one[0]
    said, two = losses("two", "--launch", "2", "--cpu-devices", "2")
    assert said.startswith("2 processes, 4 devices")
    assert two == pytest.approx(one, rel=1e-3) and len(two) == 4

    lost = subprocess.run([*script, "--process-id", "0"], cwd=ROOT, capture_output=True, text=True)
    assert lost.returncode != 0 and "go together" in lost.stderr
