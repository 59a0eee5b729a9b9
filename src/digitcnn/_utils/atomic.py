"""Files that are seen whole or not at all: written beside their target, and renamed."""

import contextlib
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Seconds after which nobody is writing a file any more.
_LEFT_OVER = 3600
# This machine, in the names of files that it is writing: elsewhere its processes cannot be asked
# for. A folder may be many machines'.
_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def as_path(path: str | os.PathLike[str]) -> Path:
    """A path that was given, with the home folder in the place of ``~``."""
    return Path(os.path.expanduser(path))


def is_same_file(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether two paths lead to one file, through links or not, there already or not yet."""
    first, second = as_path(one), as_path(other)
    if first.exists() and second.exists():
        return os.path.samefile(first, second)
    real, other_real = (os.path.normcase(os.path.realpath(path)) for path in (first, second))
    return real == other_real


def write_whole(path: str | os.PathLike[str], write: Callable[[Any], None]) -> None:
    """Write a file beside its target and rename it, so that no half of it is ever seen.

    A process that is killed leaves the old file and, beside it, what it had written of the new
    one, under a name that begins with ``.digitcnn-`` and has the process's number in it. Whoever
    writes to the same target next removes that: if it is on the same machine at once, else after
    an hour.

    Parameters
    ----------
    path : str or path-like
        The target. What was there stays until the new file is complete, and hands its access
        rights on. A link stays one: the file that it leads to is replaced.
    write : callable
        Is given the new file, open for writing bytes.

    Raises
    ------
    OSError
        If the folder cannot be written to, or is full, or the target is no regular file, as
        ``/dev/null`` is none. The target is as it was.
    """
    target = Path(os.path.realpath(as_path(path)))
    if target.is_dir():
        raise IsADirectoryError(f"{path}: expected a file's name, got a folder")
    if target.exists() and not target.is_file():
        raise OSError(f"{path}: expected a regular file or a new name, got something else")
    remove_left_over(target)
    own = target.parent / f"{_mark(target)}-{_HOST}-{os.getpid()}-{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(own, flags, 0o666)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            if target.exists():
                os.chmod(own, stat.S_IMODE(target.stat().st_mode))
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(own, target)
    except BaseException as error:
        own.unlink(missing_ok=True)
        # The system names no file, or one that nobody knows. `write` may have read others.
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(own)):
            raise OSError(error.errno, error.strerror, os.fspath(path)) from None
        raise
    _sync_folder(target.parent)


@contextlib.contextmanager
def folder_beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder beside a file that is to be written, for what is needed until then.

    A process that is killed leaves it; on the same machine, whoever writes to the same target next
    removes it.
    """
    target = Path(os.path.realpath(as_path(path)))
    remove_left_over(target)
    with tempfile.TemporaryDirectory(
        prefix=f"{_mark(target)}-{_HOST}-{os.getpid()}-",
        suffix=".tmp",
        dir=target.parent,
        ignore_cleanup_errors=True,
    ) as folder:
        yield Path(folder)


def remove_left_over(path: Path) -> None:
    """Remove what processes that were killed have left beside a file, however many they were.

    What another process is still writing stays.
    """
    old = time.time() - _LEFT_OVER
    with contextlib.suppress(OSError):
        for found in path.parent.glob(f"{_mark(path)}-*.tmp"):
            is_left = _is_left_by_the_dead(found.name)
            if is_left and found.is_dir() and not found.is_symlink():
                shutil.rmtree(found, ignore_errors=True)
            # A folder's time does not say when its files were written to.
            elif is_left or (found.lstat().st_mtime <= old and not found.is_dir()):
                found.unlink(missing_ok=True)


def _mark(target: Path) -> str:
    # Of the target's name only a digest: the whole might be too long with anything added.
    return f".digitcnn-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}"


def _is_left_by_the_dead(name: str) -> bool:
    """Whether the process that began a file is known to have ended."""
    found = re.search(r"-([0-9a-f]{8})-(\d+)-[0-9a-z_]+\.tmp$", name)
    # On Windows, asking for a process in this way would end it.
    if found is None or found[1] != _HOST or os.name != "posix":
        return False
    try:
        os.kill(int(found[2]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # another user's, and alive
        return False
    return False


def _sync_folder(folder: Path) -> None:
    """Have the new name outlast a power cut, where the system can."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
