"""Checkpoints, from which a training that was killed resumes.

Each training has one file, in the container format of model files, replaced after each epoch. Its
name is a fingerprint of what determines the result, so one folder can hold many trainings.
"""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from digitcnn._utils.array_file import read_model_file, write_model_file
from digitcnn._utils.atomic import as_path, atomic_write, remove_left_over
from digitcnn._version import __version__
from digitcnn.training.history import History

FORMAT = "digitcnn checkpoint"

_MOST = 100  # files in a folder, of a few megabytes each; the oldest are deleted
_NAME = re.compile(r"[0-9a-f]{32}\.checkpoint")
_CLAIM = "training.json"
_LOCK = "training.lock"
_IS_WINDOWS = os.name == "nt"


class Progress(NamedTuple):
    """The state of a training after a whole number of epochs.

    Parameters
    ----------
    history : History
        The figures of the training so far.
    state : list of ndarray
        Weights, seeds of dropout, moments of the optimizer.
    memory : list of dict
        State of the callbacks: numbers, None, lists of arrays.
    is_finished : bool
        Whether the training is complete.
    """

    history: History
    state: list[np.ndarray]
    memory: list[dict[str, Any]]
    is_finished: bool


class Checkpoint:
    """The checkpoint of one training. Its file may not exist yet.

    Parameters
    ----------
    folder : str or path-like
        Created if missing.
    identity : dict
        Everything that determines the result of the training, as JSON data.
    seed : int
        Seed of the network for a new training.

    Attributes
    ----------
    path : pathlib.Path
    seed : int
        Seed of the network; that of the file if the training resumes.
    progress : Progress or None
        State of the training in the file; None without one.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    ValueError
        If the file is damaged, or was written by another version of this package.
    """

    def __init__(self, folder: str | os.PathLike[str], identity: dict[str, Any], seed: int) -> None:
        self.identity = identity
        self.seed: int = seed
        self.progress: Progress | None = None
        text = json.dumps(identity, sort_keys=True)
        name = f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.checkpoint"
        self.path: Path = as_path(folder) / name
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(f"checkpoint_dir={folder!r} is a file, not a folder") from None
        # A process that was killed while writing may have left a temporary file.
        remove_left_over(self.path)
        if self.path.exists():
            self._read()

    def write(self, progress: Progress) -> None:
        """Replace the file by one with this state."""
        arrays = [*progress.state, np.array(progress.history.batch_losses, dtype=np.float64)]
        memory = []
        for remembered in progress.memory:
            entry = dict(remembered)
            for name, value in remembered.items():
                if isinstance(value, list):
                    entry[name] = {"first": len(arrays), "count": len(value)}
                    arrays += value
            memory.append(entry)
        content = {
            "digitcnn": __version__,
            "training": self.identity,
            "seed": self.seed,
            "is_finished": progress.is_finished,
            "history": progress.history.epochs,
            "memory": memory,
            "n_state": len(progress.state),
        }
        try:
            write_model_file(self.path, content, arrays, form=FORMAT)
        except FileNotFoundError:
            # Another machine, which runs the same training, deleted it: its checkpoint is as good.
            if not self.path.exists():
                raise
        _drop_oldest(self.path.parent)

    def remove(self) -> None:
        """Delete the file, if there is one."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> None:
        content, arrays = read_model_file(self.path, form=FORMAT)
        if content.get("digitcnn") != __version__:
            raise ValueError(
                f"{self.path}: was written by digitcnn {content.get('digitcnn')}, and this is "
                f"{__version__}, which may train otherwise. Delete it to start again"
            )
        try:
            if content["training"] != json.loads(json.dumps(self.identity)):
                raise ValueError("it is of another training than its name says")
            n_state = int(content["n_state"])
            memory = []
            for entry in content["memory"]:
                remembered = dict(entry)
                for name, value in entry.items():
                    if isinstance(value, dict):
                        first, count = value["first"], value["count"]
                        remembered[name] = arrays[first : first + count]
                memory.append(remembered)
            self.seed = int(content["seed"])
            self.progress = Progress(
                history=History(
                    {str(name): list(values) for name, values in content["history"].items()},
                    arrays[n_state].tolist(),
                ),
                state=arrays[:n_state],
                memory=memory,
                is_finished=bool(content["is_finished"]),
            )
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{self.path}: is not a whole {FORMAT}: {error}. Delete it to start again"
            ) from None


@contextmanager
def hold_folder(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Lock a folder for a training against other processes.

    The lock ends with the process. On file systems without locks it has no effect.

    Parameters
    ----------
    folder : str or path-like
        Created if missing. Deleted at the end if it is empty.

    Raises
    ------
    ValueError
        If another process has locked the folder, or it contains other files.
    """
    target = as_path(folder)
    _check_folder(target, folder)
    with _lock_file(target / _LOCK, folder) as lock:
        try:
            yield
        finally:
            if _IS_WINDOWS:  # which cannot delete an open file
                lock.close()
            with suppress(OSError):
                (target / _LOCK).unlink(missing_ok=True)
                if not any(target.iterdir()):
                    target.rmdir()


@contextmanager
def _lock_file(path: Path, folder: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            if not _try_lock(file):
                raise ValueError(
                    f"{folder}: is in use by a training that is running. Wait for its end, or give "
                    "another folder"
                )
            # The process that held the lock before may have deleted the file.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    yield file
                    return


def _try_lock(file: BinaryIO) -> bool:
    """Lock an open file; return False if another process has."""
    try:
        if _IS_WINDOWS:
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True


def _check_folder(target: Path, folder: str | os.PathLike[str]) -> None:
    """Refuse a path that is not a folder, and a folder with other files."""
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(f"{folder}: is a file; expected a folder for the checkpoint")
    if not target.exists() or (target / _CLAIM).exists():
        return
    others = sorted(path.name for path in target.iterdir() if path.name != _LOCK)
    if others:
        raise ValueError(
            f"{folder}: holds {others[0]!r}; expected an empty folder for the checkpoint, or none "
            "yet"
        )


def claim_folder(folder: str | os.PathLike[str], training: dict[str, Any]) -> int:
    """Claim a folder for one training.

    Parameters
    ----------
    folder : str or path-like
        A new or empty folder, or one already claimed for the same training.
    training : dict of str to str, int or None
        What identifies the training.

    Returns
    -------
    int
        Number of epochs in its checkpoints.

    Raises
    ------
    ValueError
        If the folder is of another training, with the differences, or has other files.
    """
    target = as_path(folder)
    if target.is_dir():
        remove_left_over(target / _CLAIM)
    _check_folder(target, folder)
    target.mkdir(parents=True, exist_ok=True)
    claim = target / _CLAIM
    if not claim.exists():
        text = json.dumps(training, indent=1)
        atomic_write(claim, lambda file: file.write(text.encode()))
        return 0
    try:
        found = dict(json.loads(claim.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(
            f"{claim}: is damaged: {error}. Delete the folder to start again"
        ) from None
    names = [name for name in {**training, **found} if training.get(name) != found.get(name)]
    if names:
        differing = "; ".join(
            f"{name} was {found.get(name)!r} and is {training.get(name)!r}"
            if not name.endswith("digest")
            else "the data is another"
            for name in names
        )
        raise ValueError(
            f"{folder}: holds the checkpoint of another training: {differing}. Give another "
            "folder, or delete this one"
        )
    epochs = 0
    for path in _checkpoints(target):
        content, _ = read_model_file(path, form=FORMAT)
        epochs += len(content["history"]["loss"])
    return epochs


def release_folder(folder: str | os.PathLike[str]) -> None:
    """Delete the files of `claim_folder` and of the checkpoints, and the folder if it is empty."""
    target = as_path(folder)
    for path in [*_checkpoints(target), target / _CLAIM]:
        path.unlink(missing_ok=True)
    if not any(target.iterdir()):
        target.rmdir()


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]


def _drop_oldest(folder: Path) -> None:
    paths = _checkpoints(folder)
    if len(paths) <= _MOST:
        return
    ages = {}
    for path in paths:
        with suppress(FileNotFoundError):  # deleted by another process
            ages[path] = path.stat().st_mtime_ns
    for path in sorted(ages, key=ages.__getitem__)[:-_MOST]:
        with suppress(PermissionError):  # on Windows, another process may be reading it
            path.unlink(missing_ok=True)
