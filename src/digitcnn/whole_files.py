"""Files that are seen whole or not at all: written beside their target, and renamed."""

import contextlib
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Seconds after which nobody is writing a file any more.
_LEFT_OVER = 3600


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
    one, under a name that begins with ``.digitcnn-``. Whoever writes to the same target an hour
    later removes that.

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
        raise IsADirectoryError(f"{path}: is a folder; wanted is a file's name")
    if target.exists() and not target.is_file():
        raise OSError(f"{path}: is no regular file, and cannot be replaced by one")
    mark = _mark(target)
    _remove_left_over(target.parent, mark, _LEFT_OVER)
    own = target.parent / f"{mark}-{secrets.token_hex(8)}.tmp"
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
    except BaseException:
        own.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def remove_left_over(path: Path) -> None:
    """Remove what processes that were killed have left of a file that nobody else writes now."""
    _remove_left_over(path.parent, _mark(path), 0)


def _mark(target: Path) -> str:
    # Of the target's name only a digest: the whole might be too long with anything added.
    return f".digitcnn-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}"


def _remove_left_over(folder: Path, mark: str, age: float) -> None:
    """Remove what processes that were killed have left of this target, however many they were."""
    before = time.time() - age
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{mark}-*.tmp"):
            if path.lstat().st_mtime <= before:
                path.unlink(missing_ok=True)


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
