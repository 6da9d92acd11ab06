"""The folder of compiled kernels: where it is, and which files in it are read."""

import os
import shutil
import time

import pytest

from eqpool._native import cache


NAME = "rate-float32-0123456789abcdef0123.so"
posix = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")


def test_place_of_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for chosen, folder in (
        (".", tmp_path),
        ("kernels", tmp_path / "kernels"),
        ("~/kernels", tmp_path / "home/kernels"),
        ("", tmp_path / "parent/eqpool"),
    ):
        monkeypatch.setenv("EQPOOL_CACHE_DIR", chosen)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "parent"))
        assert cache.cache_folder() == folder
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.cache_folder() == tmp_path / "home/.cache/eqpool"


def test_damaged_files_are_not_read(tmp_path):
    path = tmp_path / "made" / NAME
    assert cache.read(path) is None
    cache.keep(path, b"library")
    assert cache.read(path) == b"library"
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], whole[:20], whole + b"\0", b"L" + whole[1:], b"\x7fELF"):
        path.write_bytes(damaged)
        assert cache.read(path) is None
    path.write_bytes(whole)
    other = path.with_name(NAME.replace("32", "64"))
    shutil.copy(path, other)
    assert cache.read(other) is None and cache.read(path) == b"library"
    cache.keep(other, b"other")
    assert sorted(path.parent.iterdir()) == [path, other]  # and no draft


@posix
def test_files_of_others_are_not_read(tmp_path, monkeypatch):
    path = tmp_path / NAME
    previous = os.umask(0)
    try:
        cache.keep(path, b"library")
    finally:
        os.umask(previous)
    assert cache.read(path) == b"library"
    for mode in (0o664, 0o646, 0o777):
        path.chmod(mode)
        assert cache.read(path) is None
    path.chmod(0o644)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert (cache.read(path) is None) == (owner != 0)  # of root, whom everyone trusts
    monkeypatch.undo()
    path.unlink()
    os.mkfifo(path)
    assert cache.read(path) is None
    path.unlink()
    path.mkdir()
    assert cache.read(path) is None


@posix
def test_what_killed_runs_left(tmp_path):
    keep = [tmp_path / "tmp_results", tmp_path / "tmpabcd0123", tmp_path / NAME]
    old = [tmp_path / "tmp01234567", tmp_path / "tmpabcdefgh", tmp_path / ".eqpool-x.part"]
    for folder in (*keep[:2], *old[:2]):
        folder.mkdir(0o755 if folder is keep[0] else 0o700)
    (old[1] / NAME).touch()
    (keep[1] / "results.csv").touch()
    keep[2].touch()
    old[2].touch()
    new = tmp_path / "tmpnewnew01"
    new.mkdir()
    for path in (*keep, *old):
        os.utime(path, (time.time() - 7200,) * 2)
    cache.keep(tmp_path / "rate.so", b"library")
    assert {*tmp_path.iterdir()} == {*keep, new, tmp_path / "rate.so"}
