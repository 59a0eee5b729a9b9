"""Atomic writes: a file is written beside its target, then renamed: it is complete or absent."""

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

# Age in seconds from which a temporary file counts as abandoned.
_LEFT_OVER = 3600
_IS_WINDOWS = os.name == "nt"
# Seconds between attempts to replace a file on Windows, where virus scanners and search indexes
# open new files for a moment.
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
# This machine in the names of temporary files: in a shared folder, only the machine that writes a
# file can tell whether its process still runs.
_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def as_path(path: str | os.PathLike[str]) -> Path:
    """A path with ``~`` expanded to the home folder."""
    return Path(os.path.expanduser(path))


def is_folder_name(path: str | os.PathLike[str]) -> bool:
    """Whether a path is an existing folder, or ends as a folder's name does: ``models/``."""
    ends = tuple(filter(None, (os.sep, os.altsep)))
    return as_path(path).is_dir() or os.fspath(path).endswith(ends)


def is_same_file(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether two paths name the same file, which need not exist yet; links are followed."""
    first, second = as_path(one), as_path(other)
    if first.exists() and second.exists():
        return os.path.samefile(first, second)
    real, other_real = (os.path.normcase(os.path.realpath(path)) for path in (first, second))
    return real == other_real


def atomic_write(path: str | os.PathLike[str], write: Callable[[Any], None]) -> None:
    """Write a file beside its target and rename it, so that nobody sees it incomplete.

    A killed process leaves the old file and, beside it, an incomplete one, whose name begins with
    ``.digitcnn-`` and contains the process's number. The next write to the same target removes it:
    at once on the same machine, after an hour on another.

    Parameters
    ----------
    path : str or path-like
        The target. An old file stays until the new one is complete. The new one gets its access
        rights. A link stays a link: the file that it points to is replaced.
    write : callable
        Called with the new file, opened for writing bytes.

    Raises
    ------
    OSError
        If the disk is full, the folder is not writable, or the target is not a regular file, such
        as ``/dev/null``. The target stays as it was.
    """
    target = Path(os.path.realpath(as_path(path)))
    if is_folder_name(path):
        raise IsADirectoryError(f"{path}: expected a file's name, got a folder")
    if target.exists() and not target.is_file():
        raise OSError(f"{path}: expected a regular file or a new name, got something else")
    remove_left_over(target)
    own, descriptor = _begin(path, target)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if target.exists():
                os.chmod(own, stat.S_IMODE(target.stat().st_mode))
            write(file)
            file.flush()
            os.fsync(file.fileno())
        _replace(own, target)
    except BaseException as error:
        if _IS_WINDOWS:  # where a file without the right to write cannot be deleted
            with contextlib.suppress(OSError):
                own.chmod(stat.S_IWRITE)
        own.unlink(missing_ok=True)
        # Name the target where the system names no file or the temporary one, but not where
        # `write` failed to read another file.
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(own)):
            raise OSError(error.errno, error.strerror, os.fspath(path)) from None
        raise
    _sync_folder(target.parent)


def _replace(own: Path, target: Path) -> None:
    """Rename a file to its target, with patience where another program has it open."""
    for pause in _PAUSES if _IS_WINDOWS else ():
        try:
            os.replace(own, target)
            return
        except PermissionError:
            time.sleep(pause)
    try:
        os.replace(own, target)
    except PermissionError as error:
        if not _IS_WINDOWS:
            raise
        reason = (
            f"{error.strerror}. If another program has the file open, close it there. If it is "
            "read-only, give another name"
        )
        raise PermissionError(error.errno, reason, str(own)) from None


def try_to_write(path: str | os.PathLike[str]) -> None:
    """Check that a file can be written, by creating a temporary file and removing it.

    Access rights do not tell: a file system may be read-only, full or virtual.

    Parameters
    ----------
    path : str or path-like
        The target. It stays as it is.

    Raises
    ------
    OSError
        If no file can be created beside it, or if its name is not valid.
    """
    target = Path(os.path.realpath(as_path(path)))
    try:
        with contextlib.suppress(FileNotFoundError):
            os.stat(target)
        own, descriptor = _begin(path, target)
    except OSError as error:
        raise OSError(f"{path}: cannot be written: {error.strerror}") from None
    os.close(descriptor)
    own.unlink()


def _begin(path: str | os.PathLike[str], target: Path) -> tuple[Path, int]:
    """A new file beside a target, and its descriptor."""
    own = target.parent / f"{_mark(target)}-{_HOST}-{os.getpid()}-{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        return own, os.open(own, flags, 0o666)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None


@contextlib.contextmanager
def folder_beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary folder beside a file that will be written later.

    A killed process leaves it; the next write to the same target on the same machine removes it.
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
    """Remove the temporary files and folders that killed processes left beside a file.

    Those that another process is still writing stay.
    """
    old = time.time() - _LEFT_OVER
    for found in path.parent.glob(f"{_mark(path)}-*.tmp"):
        # On Windows, a file that is open cannot be removed.
        with contextlib.suppress(OSError):
            is_running = _is_running(found.name)
            if found.is_dir() and not found.is_symlink():
                if is_running is False or (is_running is None and _last_written(found) <= old):
                    shutil.rmtree(found, ignore_errors=True)
            elif is_running is False or found.lstat().st_mtime <= old:
                found.unlink(missing_ok=True)


def _last_written(folder: Path) -> float:
    return max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))


def _mark(target: Path) -> str:
    # A digest, because the target's name plus a suffix may be too long for the file system.
    return f".digitcnn-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}"


def _is_running(name: str) -> bool | None:
    """Whether the process that began a file is still running; None if that cannot be known."""
    found = re.search(r"-([0-9a-f]{8})-(\d+)-[0-9a-z_]+\.tmp$", name)
    # On Windows this call would end the process.
    if found is None or found[1] != _HOST or _IS_WINDOWS:
        return None
    try:
        os.kill(int(found[2]), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's process, which runs
        return True
    return True


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut, where the system supports it."""
    if _IS_WINDOWS:
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
