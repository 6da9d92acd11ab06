"""Files that are read, and replaced, as a whole."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from io import BufferedReader, BufferedWriter


try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


_PREFIX, _SUFFIX = ".eqpool-", ".part"
_BINARY = getattr(os, "O_BINARY", 0)
# A pipe without a writer would make `open` wait.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | _BINARY


@contextlib.contextmanager
def opened(path: str) -> Iterator[BufferedReader]:
    """Opens a regular file for reading.

    **Raises:** `OSError`, also for a folder, a pipe and a device.
    """
    number = os.open(path, _READ)
    try:
        _check_kind(os.fstat(number).st_mode, path)
    except OSError:
        os.close(number)
        raise
    with os.fdopen(number, "rb") as file:
        yield file


def replace(path: str, content: bytes) -> None:
    """Writes a file whole or not at all.

    The content goes to a draft in the same folder, which then takes the file's name. Of several
    that write at once each has its own draft, and the last one to finish wins. A symbolic link
    stays, and the file that it leads to is replaced. An existing file keeps its mode; a new one
    gets what the umask leaves.

    **Raises:** `OSError`, naming `path`.
    """
    try:
        mode = _mode(path)
        target = os.path.realpath(path)
        folder = os.path.dirname(target)
        _remove_abandoned(folder)
        with _draft(folder, mode) as (file, draft):
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(draft, target)
    except OSError as error:
        # Named as the user named it: of the draft they know nothing.
        raise OSError(error.errno, error.strerror, path) from None


def _mode(path: str) -> int | None:
    """The mode of the file that is there, or `None` if there is none."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if os.path.basename(path):
            return None
        raise
    _check_kind(mode, path)
    return stat.S_IMODE(mode)


def _check_kind(mode: int, path: str) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "Not a regular file", path)


@contextlib.contextmanager
def _draft(folder: str, mode: int | None) -> Iterator[tuple[BufferedWriter, str]]:
    """A new file in the folder and its path, locked while it is open, and gone afterwards."""
    while True:
        draft = os.path.join(folder, f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}")
        # What only some may read, nobody else reads in the draft.
        number = os.open(draft, _CREATE, 0o666 if mode is None else 0o600)
        with os.fdopen(number, "wb") as file:
            try:
                if not _claimed(number, draft):
                    continue
                if mode is not None and hasattr(os, "fchmod"):
                    with contextlib.suppress(PermissionError):  # of file systems without modes
                        os.fchmod(number, mode)
                yield file, draft
            finally:
                # After a success it has got its name, and is not here.
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(draft)
        return


def _claimed(number: int, draft: str) -> bool:
    """Locks a new draft, unless another process has just taken it for an abandoned one."""
    try:
        _lock(number)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nobody removes drafts there
        pass
    return os.path.lexists(draft)


def _remove_abandoned(folder: str) -> None:
    """Removes drafts of processes that were killed: those that nobody holds locked."""
    with contextlib.suppress(OSError):
        names = [name for name in os.listdir(folder) if name.startswith(_PREFIX)]
        for name in names:
            if name.endswith(_SUFFIX):
                _remove_if_abandoned(os.path.join(folder, name))


def _remove_if_abandoned(draft: str) -> None:
    with contextlib.suppress(OSError):
        number = os.open(draft, _READ | getattr(os, "O_NOFOLLOW", 0))
        try:
            _lock(number)
            os.unlink(draft)
        finally:
            os.close(number)


def _lock(number: int) -> None:
    """Locks an open file until it is closed, or the process ends."""
    if fcntl is None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
    fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
