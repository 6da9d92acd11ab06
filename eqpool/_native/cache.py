"""Compiled kernels in files: where they are kept, and which of them can be trusted."""

import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import stat
import tempfile
import time


def cache_folder() -> pathlib.Path:
    """The folder that keeps compiled kernels, as an absolute path; it may not exist yet.

    **Raises:** `RuntimeError` if it is in a home directory that cannot be found.
    """
    chosen = os.environ.get("EQPOOL_CACHE_DIR")
    if chosen:
        return pathlib.Path(chosen).expanduser().absolute()
    parent = os.environ.get("XDG_CACHE_HOME")
    folder = pathlib.Path(parent) if parent else pathlib.Path.home() / ".cache"
    return (folder / "eqpool").absolute()


def read(path: pathlib.Path) -> bytes | None:
    """The library that `keep` wrote, or `None` if there is none that can be trusted.

    It can if it is whole, if it belongs to this user or to root, and if nobody else may have
    changed it.
    """
    try:
        # Through one descriptor: between two looks at the path, the file could become another.
        with open(path, "rb", opener=_open_at_once) as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode) or not _is_ours(facts):
                return None
            content = file.read()
    except OSError:
        return None
    library, checksum = content[:-_CHECKSUM_SIZE], content[-_CHECKSUM_SIZE:]
    return library if checksum == _checksum(path, library) else None


def keep(path: pathlib.Path, library: bytes) -> None:
    """Writes a library and its checksum, whole or not at all.

    **Raises:** `OSError` if this cannot be done.
    """
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    _clean(folder)
    number, name = tempfile.mkstemp(_DRAFT_END, _DRAFT_START, folder)
    draft = pathlib.Path(name)
    try:
        with open(number, "wb") as file:
            file.write(library + _checksum(path, library))
        draft.chmod(0o644)  # whatever the umask: one that permits others is not trusted
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # also if it is a pipe


def _is_ours(facts: os.stat_result) -> bool:
    if not hasattr(os, "geteuid"):
        return True
    return facts.st_uid in (0, os.geteuid()) and not facts.st_mode & 0o022


_CHECKSUM_SIZE = hashlib.sha256().digest_size


def _checksum(path: pathlib.Path, library: bytes) -> bytes:
    """Also of the name, so that a file under another's name is not taken for it."""
    return hashlib.sha256(path.name.encode() + library).digest()


_DRAFT_START, _DRAFT_END = ".eqpool-", ".part"
# Folders in which earlier versions compiled, and what these can contain.
_OLD_FOLDER = re.compile(r"tmp[a-z0-9_]{8}")
_OLD_CONTENT = re.compile(r"[a-z]+-float(32|64)-[0-9a-f]{20}\.so")


def _clean(folder: pathlib.Path) -> None:
    """Removes what killed runs left more than an hour ago."""
    shared = folder.stat().st_mode & stat.S_ISVTX  # as /tmp, with folders of other programs
    for entry in folder.iterdir():
        with contextlib.suppress(OSError):
            facts = entry.lstat()
            if not _is_ours(facts) or time.time() - facts.st_mtime < 3600:
                continue
            if entry.name.startswith(_DRAFT_START) and entry.name.endswith(_DRAFT_END):
                entry.unlink()
            elif stat.S_ISDIR(facts.st_mode) and _OLD_FOLDER.fullmatch(entry.name) and not shared:
                inside = list(entry.iterdir())
                private = not facts.st_mode & 0o077  # as `tempfile` makes them, and few others
                if all(_OLD_CONTENT.fullmatch(x.name) for x in inside) and (inside or private):
                    shutil.rmtree(entry, ignore_errors=True)
