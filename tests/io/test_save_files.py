"""`save` and the file system: several at once, kills, links, modes, and what goes wrong."""

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import eqpool


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


def net(seed=0):
    return eqpool.Linear((2, 2), rng_key=seed)


def is_alone(path):
    return os.listdir(path.parent) == [path.name]


def test_threads_that_save_one_path(path):
    nets = [net(seed) for seed in range(4)]
    eqpool.save(path, nets[0])
    failures = []

    def work(mine):
        try:
            for _ in range(5):
                eqpool.save(path, mine)
                found = eqpool.load(path).weight
                assert any(np.array_equal(found, one.weight) for one in nets)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(one,)) for one in nets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and is_alone(path)


def test_another_process_that_is_killed(path):
    """While it saves, so does this one; the file is always whole, and its draft does not stay."""
    script = """
        import sys, eqpool, numpy as np
        nets = [eqpool.Linear((400, 400), weight=np.full((400, 400), fill)) for fill in (0.0, 1.0)]
        while True:
            for net in nets:
                eqpool.save(sys.argv[1], net)
    """
    nets = [eqpool.Linear((400, 400), weight=np.full((400, 400), fill)) for fill in (0.0, 1.0)]
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), str(path)])
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.01)
    end = time.monotonic() + 0.2 + 0.05 * np.random.default_rng().random()
    while time.monotonic() < end:
        eqpool.save(path, nets[0])
        found = eqpool.load(path).weight
        assert any(np.array_equal(found, one.weight) for one in nets)
    assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    found = eqpool.load(path).weight
    assert any(np.array_equal(found, one.weight) for one in nets)
    eqpool.save(path, nets[0])
    assert is_alone(path)


def test_drafts_of_the_dead_go_and_those_of_the_living_stay(path):
    import fcntl

    dead, living = (path.with_name(f".eqpool-{name}.part") for name in ("dead", "living"))
    dead.write_bytes(b"half")
    with open(living, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        eqpool.save(path, net())
        assert sorted(os.listdir(path.parent)) == sorted([living.name, path.name])
    eqpool.save(path, net())
    assert is_alone(path)


def test_a_full_disk(path, monkeypatch):
    eqpool.save(path, net())
    before = path.read_bytes()

    def full(number):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as raised:
        eqpool.save(path, net(1))
    assert raised.value.filename == str(path) and raised.value.errno == errno.ENOSPC
    assert path.read_bytes() == before and is_alone(path)


def test_links_stay(path, tmp_path):
    target = tmp_path / "elsewhere" / "target"
    target.parent.mkdir()
    path.symlink_to(target)
    for seed in (0, 1):  # first where the link leads nowhere yet
        eqpool.save(path, net(seed))
        assert path.is_symlink() and not target.is_symlink()
        assert np.array_equal(eqpool.load(target).weight, net(seed).weight)
    assert is_alone(target) and len(os.listdir(tmp_path)) == 2


def test_modes(path):
    before = os.umask(0o027)
    try:
        eqpool.save(path, net())
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    eqpool.save(path, net(1))
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_paths_as_open_takes_them(path, tmp_path, monkeypatch):
    longest = tmp_path / ("n" * 255)
    eqpool.save(longest, net())
    assert is_alone(longest)
    longest.unlink()
    monkeypatch.chdir(tmp_path)
    eqpool.save("here", net())
    assert os.listdir() == ["here"] and eqpool.load("here").shape == (2, 2)


@pytest.mark.parametrize(
    "name, kind, match",
    [
        ("no/net", FileNotFoundError, "No such file or directory: '.*/no/net'"),
        ("folder", IsADirectoryError, "Is a directory: '.*/folder'"),
        ("folder/", IsADirectoryError, "Is a directory: '.*/folder/'"),
        ("no/", FileNotFoundError, "No such file or directory: '.*/no/'"),
        ("file/net", NotADirectoryError, "Not a directory: '.*/file/net'"),
        ("pipe", OSError, "Not a regular file: '.*/pipe'"),
        ("loop", OSError, "symbolic links: '.*/loop'"),
        ("n" * 256, OSError, "File name too long: '.*/n{256}'"),
    ],
)
def test_paths_that_are_none(name, kind, match, tmp_path):
    """Neither call waits for a pipe, nor tells of a draft."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    before = sorted(os.listdir(tmp_path))
    for call in (lambda path: eqpool.save(path, net()), eqpool.load):
        with pytest.raises(kind, match=match):
            call(f"{tmp_path}/{name}")
    assert sorted(os.listdir(tmp_path)) == before


def test_devices():
    for name in ("/dev/null", "/dev/zero"):
        for call in (lambda path: eqpool.save(path, net()), eqpool.load):
            with pytest.raises(OSError, match=f"Not a regular file: '{name}'"):
                call(name)
