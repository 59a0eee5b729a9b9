"""The model file: a zip of one JSON header and plain arrays.

Nothing in it is code, a pickle or a Keras configuration.
"""

import hashlib
import io
import json
import lzma
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

FORMAT = "digitcnn model"
VERSION = 1

_HEADER = "model.json"
# A header holds parameters and curves; more than this is no header.
_HEADER_LIMIT = 64 * 2**20
# What reading a damaged zip, or a header with other types in it, ends in. OSError is a place
# before the file's beginning, RuntimeError an encrypted member.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
)
# The kinds of NumPy's dtypes that may be in a file.
_NUMBERS = "biuf"
# Zip keeps a time for each member; one and the same makes equal models equal files.
_TIME = (1980, 1, 1, 0, 0, 0)


def write_whole(path: str | os.PathLike[str], write: Callable[[Any], None]) -> None:
    """Write a file beside its target and rename it, so that no half of it is ever seen.

    Parameters
    ----------
    path : str or path-like
        The target. What was there stays until the new file is complete.
    write : callable
        Is given the new file, open for writing bytes.

    Raises
    ------
    OSError
        If the folder cannot be written to, or is full. The target is as it was.
    """
    target = Path(path)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp's files are their owner's alone; a new file should be as any other.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def write_model_file(
    path: str | os.PathLike[str],
    content: dict[str, Any],
    weights: Sequence[np.ndarray],
    *,
    form: str = FORMAT,
    compression: int = zipfile.ZIP_DEFLATED,
) -> None:
    """Write a model file, or another of its kind, as a whole or not at all.

    Parameters
    ----------
    path : str or path-like
    content : dict
        What JSON can hold.
    weights : sequence of ndarray
        Of numbers.
    form : str, default="digitcnn model"
        What the header says that the file is.
    compression : int, default=zipfile.ZIP_DEFLATED
        One of `zipfile`'s methods.
    """
    members = [_array_bytes(array) for array in weights]
    header = {
        "format": form,
        "version": VERSION,
        **content,
        "weights": [
            {
                "shape": list(array.shape),
                "dtype": array.dtype.str,
                "sha256": hashlib.sha256(data).hexdigest(),
            }
            for array, data in zip(weights, members, strict=True)
        ],
    }
    named = {_HEADER: json.dumps(header, indent=1, allow_nan=True).encode()}
    named.update({_weight_name(i): data for i, data in enumerate(members)})

    def write(file: Any) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in named.items():
                info = zipfile.ZipInfo(name, _TIME)
                info.compress_type = compression
                archive.writestr(info, data)

    write_whole(path, write)


def is_model_file(path: str | os.PathLike[str]) -> bool:
    """Whether a path is meant to be a model file: by its name, or by what is in it."""
    target = Path(path)
    if target.suffix == ".digitcnn":
        return True
    if not target.is_file() or not zipfile.is_zipfile(target):
        return False
    with zipfile.ZipFile(target) as archive:
        return _HEADER in archive.namelist()


def read_model_file(
    path: str | os.PathLike[str], *, form: str = FORMAT
) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Read a model file, or another of its kind.

    Parameters
    ----------
    path : str or path-like
    form : str, default="digitcnn model"
        What the header should say that the file is.

    Returns
    -------
    content : dict
        The header.
    weights : list of ndarray

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is not a model file, is of a later version, or is damaged.
    """
    target = Path(path)
    if not target.exists():
        raise FileNotFoundError(f"{path}: there is no such file")
    if target.is_dir():
        raise ValueError(f"{path}: is a folder, not a file")
    with open(target, "rb") as file:
        try:
            return _read(file, form)
        except _DAMAGE as error:
            reason = str(error) if isinstance(error, ValueError) else repr(error)
            raise ValueError(
                f"{path}: is not a {form} file, or is damaged or cut short: {reason}"
            ) from None


def _read(file: Any, form: str) -> tuple[dict[str, Any], list[np.ndarray]]:
    with zipfile.ZipFile(file) as archive:
        header = json.loads(_member(archive, _HEADER, _HEADER_LIMIT))
        if not isinstance(header, dict) or header.get("format") != form:
            raise ValueError(f"its header is not that of a {form}")
        if header.get("version") != VERSION:
            raise ValueError(
                f"it is of version {header.get('version')!r}; this digitcnn reads version {VERSION}"
            )
        expected = [_HEADER, *map(_weight_name, range(len(header["weights"])))]
        if sorted(archive.namelist()) != sorted(expected):
            raise ValueError("its members are not those that its header names")
        weights = [
            _read_array(archive, _weight_name(i), entry)
            for i, entry in enumerate(header["weights"])
        ]
    return header, weights


def _weight_name(number: int) -> str:
    return f"weights/{number:03d}.npy"


def _array_bytes(array: np.ndarray) -> bytes:
    if array.dtype.kind not in _NUMBERS:
        raise ValueError(f"an array of {array.dtype} cannot be kept in a file of plain numbers")
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array, order="C"), allow_pickle=False)
    return buffer.getvalue()


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """A member's bytes, no more of them than `limit`."""
    with archive.open(name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"its member {name} is longer than the {limit} bytes that it should be")
    return data


def _read_array(archive: zipfile.ZipFile, name: str, entry: dict[str, Any]) -> np.ndarray:
    dtype = np.dtype(entry["dtype"])
    if dtype.kind not in _NUMBERS:
        raise ValueError(f"its member {name} holds {dtype}, not numbers")
    size = dtype.itemsize * int(np.prod(entry["shape"], dtype=np.int64))
    data = _member(archive, name, size + 4096)
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise ValueError(f"its member {name} does not have the checksum that the header gives")
    array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    if list(array.shape) != entry["shape"] or array.dtype != dtype:
        raise ValueError(
            f"its member {name} is of shape {array.shape} and {array.dtype}; the header says "
            f"{tuple(entry['shape'])} and {dtype}"
        )
    return array
