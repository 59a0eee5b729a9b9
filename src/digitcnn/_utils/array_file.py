"""The model file: a zip of one JSON header and plain arrays.

Nothing in it is code, a pickle or a Keras configuration. Nothing in it is compressed, so that
reading takes no more memory than the file is long, whatever it says of itself.
"""

import hashlib
import io
import json
import math
import os
import re
import reprlib
import stat
import struct
import zipfile
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from digitcnn._utils.atomic import as_path, atomic_write

FORMAT = "digitcnn model"
VERSION = 1

_HEADER = "model.json"
# A header holds parameters and names; more than this is no header. Python's objects take up to
# thirteen times the room of the JSON that they are read from, empty lists and objects more.
_HEADER_LIMIT = 8 * 2**20
_MOST_OBJECTS = 200_000
# Of the zip's directory, which has some sixty bytes for each array.
_DIRECTORY_LIMIT = 2**20
_MOST_ARRAYS = 10_000
# What numbers may be, as NumPy writes it: little-endian.
DTYPES = tuple(np.dtype(code).newbyteorder("<").str for code in "?bBhHiIqQefd")
# What reading a damaged zip, or a header with other types in it, ends in. OSError is a place
# before the file's beginning, RuntimeError an encrypted member or JSON nested too deeply.
_DAMAGE = (
    zipfile.BadZipFile,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
    RuntimeError,
)
# Zip keeps a time for each member; one and the same makes equal models equal files.
_TIME = (1980, 1, 1, 0, 0, 0)
# The last record of a zip, and what stands before it where a zip is of 4 GiB or more.
_END, _END_OF_LARGE = struct.Struct("<4s4H2LH"), 20


def write_model_file(
    path: str | os.PathLike[str],
    content: dict[str, Any],
    arrays: Sequence[np.ndarray],
    *,
    form: str = FORMAT,
) -> None:
    """Write a model file, or another of its kind, as a whole or not at all.

    Parameters
    ----------
    path : str or path-like
    content : dict
        What JSON can hold.
    arrays : sequence of ndarray
        Of numbers.
    form : str, default="digitcnn model"
        What the header says that the file is.

    Raises
    ------
    ValueError
        If an array is not of plain numbers, or if there is more than a file of this kind holds.
    """
    if len(arrays) > _MOST_ARRAYS:
        raise ValueError(f"{len(arrays)} arrays are more than the {_MOST_ARRAYS} of a {form}")
    kept = [_as_kept(array) for array in arrays]
    members = [_array_bytes(array) for array in kept]
    header = {
        "format": form,
        "version": VERSION,
        **content,
        "arrays": [
            {
                "shape": list(array.shape),
                "dtype": array.dtype.str,
                "sha256": hashlib.sha256(data).hexdigest(),
            }
            for array, data in zip(kept, members, strict=True)
        ],
    }
    text = json.dumps(header, indent=1, allow_nan=True).encode()
    if len(text) > _HEADER_LIMIT or text.count(b"{") + text.count(b"[") > _MOST_OBJECTS:
        raise ValueError(
            f"the header would be of {len(text)} bytes; that of a {form} has no more than "
            f"{_HEADER_LIMIT}, and no more than {_MOST_OBJECTS} lists and objects"
        )

    def write(file: Any) -> None:
        names = [_HEADER, *map(_array_name, range(len(members)))]
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
            for name, data in zip(names, [text, *members], strict=True):
                archive.writestr(zipfile.ZipInfo(name, _TIME), data)

    atomic_write(path, write)


def is_model_file(path: str | os.PathLike[str]) -> bool:
    """Whether a path is meant to be a model file: by its name, or by how it begins."""
    target = as_path(path)
    if target.suffix == ".digitcnn":
        return True
    if not target.is_file():
        return False
    with target.open("rb") as file:
        start = file.read(30 + len(_HEADER))
    return start.startswith(b"PK\3\4") and start.endswith(_HEADER.encode())


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
        The header, without what this module has put in it.
    arrays : list of ndarray

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is not a model file, is of another version, is damaged, or has anything in it that
        a model file has not.
    """
    target = as_path(path)
    if not target.exists():
        raise FileNotFoundError(f"{path}: there is no such file")
    if not target.is_file():
        what = "a folder" if target.is_dir() else "something that is no regular file"
        raise ValueError(f"{path}: expected a {form} file, got {what}")
    with open(target, "rb") as file:
        try:
            return _read(file, form)
        except _DAMAGE as error:
            reason = str(error) if isinstance(error, ValueError) else repr(error)
            raise ValueError(
                f"{path}: is not a {form} file, or is damaged or cut short: {reason[:300]}"
            ) from None


def _read(file: BinaryIO, form: str) -> tuple[dict[str, Any], list[np.ndarray]]:
    directory = _check_end(file)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        _check_members(members, directory)
        header = _read_header(archive.read(_HEADER), form)
        entries = header.pop("arrays")
        expected = [_HEADER, *map(_array_name, range(len(entries)))]
        names = [info.filename for info in members]
        if names != expected:
            other = next((name for name in names if name not in set(expected)), "too few or twice")
            raise ValueError(
                f"its members are not those that its header names: {reprlib.repr(other)}"
            )
        pairs = zip(members[1:], entries, strict=True)
        arrays = [_read_array(archive, info, entry) for info, entry in pairs]
    return header, arrays


def _check_end(file: BinaryIO) -> int:
    """Hold the zip's last record to what `write_model_file` writes, before it is gone by.

    Returns where the directory begins: the members fill the file up to there.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _END.size - _END_OF_LARGE, 0))
    end = file.read()
    if len(end) < _END.size or end.startswith(b"PK\6\7"):
        raise ValueError("it does not end as such a file does")
    mark, *_, length, start, comment = _END.unpack(end[-_END.size :])
    if mark != b"PK\5\6" or comment or start + length + _END.size != size:
        raise ValueError("it does not end as such a file does")
    if length > _DIRECTORY_LIMIT:
        raise ValueError(f"its directory of {length} bytes is longer than that of any such file")
    return int(start)


def _check_members(members: list[zipfile.ZipInfo], directory: int) -> None:
    """Members are plain, whole, one behind the other from the file's first byte to the last."""
    at = 0
    for info in members:
        name = reprlib.repr(info.filename)
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise ValueError(f"its member {name} is compressed; those of such a file are not")
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG) or info.flag_bits:
            raise ValueError(f"its member {name} is a link, encrypted or otherwise no plain file")
        if info.header_offset != at:
            raise ValueError(f"its member {name} does not begin where the one before it ends")
        at += 30 + len(info.filename) + info.file_size
    if at != directory:
        raise ValueError("there are bytes in it that belong to no member")
    if not members or members[0].filename != _HEADER or members[0].file_size > _HEADER_LIMIT:
        raise ValueError(f"its first member is not {_HEADER}, of {_HEADER_LIMIT} bytes at most")


def _read_header(data: bytes, form: str) -> dict[str, Any]:
    if data.count(b"{") + data.count(b"[") > _MOST_OBJECTS:
        raise ValueError(f"its header holds more than {_MOST_OBJECTS} lists and objects")
    header = json.loads(data.decode("utf-8"), object_pairs_hook=_without_repeats)
    if not isinstance(header, dict) or header.pop("format", None) != form:
        raise ValueError(f"its header is not that of a {form}")
    version = header.pop("version", None)
    if type(version) is not int or version != VERSION:
        raise ValueError(
            f"it is of version {reprlib.repr(version)}; this digitcnn reads version {VERSION}"
        )
    return header


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names stand once each: of two, readers differ in which they take."""
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a name stands twice in its header")
    return content


def _array_name(number: int) -> str:
    return f"arrays/{number:03d}.npy"


def _as_kept(array: np.ndarray) -> np.ndarray:
    kept = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    if kept.dtype.str not in DTYPES:
        raise ValueError(f"an array of {array.dtype} cannot be kept in a file of plain numbers")
    return kept


def _array_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _read_array(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, entry: dict[str, Any]
) -> np.ndarray:
    if sorted(entry) != ["dtype", "sha256", "shape"] or entry["dtype"] not in DTYPES:
        raise ValueError(f"its member {info.filename} is not declared as plain numbers")
    shape = tuple(entry["shape"])
    if not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError(f"its member {info.filename} is declared with the shape {shape}")
    data = archive.read(info)
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise ValueError(
            f"its member {info.filename} does not have the checksum that the header gives"
        )
    start = _check_npy_header(data, entry["dtype"], shape, info.filename)
    dtype = np.dtype(entry["dtype"]).newbyteorder("=")
    count = math.prod(shape)
    if len(data) - start != dtype.itemsize * count:
        raise ValueError(
            f"its member {info.filename} is not of the size that its shape {shape} has"
        )
    # NumPy does not make an array of no bytes at all.
    values = np.frombuffer(data, entry["dtype"], offset=start) if count else np.empty(0)
    return values.astype(dtype).reshape(shape)


def _check_npy_header(data: bytes, dtype: str, shape: tuple[int, ...], name: str) -> int:
    """Hold an array's own header to the file's; returns where the numbers begin.

    NumPy's reader evaluates it as Python text and makes room for whatever it says.
    """
    wanted = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    found = re.match(rb"\x93NUMPY\x01\x00(..)", data, re.DOTALL)
    start = 10 + int.from_bytes(found[1], "little") if found else 0
    if data[10:start].rstrip(b" \n") != wanted.encode():
        raise ValueError(f"its member {name} is not the {dtype} array of shape {shape} declared")
    return start
