"""The model file: a zip of one JSON header and plain arrays.

It contains no code, no pickle and no Keras configuration. Nothing in it is compressed, so that
reading needs no more memory than the file's length, whatever sizes the file declares.
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
# Limits of a header, which holds parameters and names. Python's objects need up to thirteen times
# the memory of their JSON, empty lists and objects even more.
_HEADER_LIMIT = 8 * 2**20
_MOST_OBJECTS = 200_000
# Limit of the zip's directory, which has about sixty bytes for each array.
_DIRECTORY_LIMIT = 2**20
_MOST_ARRAYS = 10_000
# The types of arrays, in NumPy's notation: little-endian.
DTYPES = tuple(np.dtype(code).newbyteorder("<").str for code in "?bBhHiIqQefd")
# The errors of reading a damaged zip, or a header of other types. OSError: an offset before the
# file's beginning; RuntimeError: an encrypted member, or JSON nested too deeply.
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
# Zip stores a time for each member. A constant one makes equal models equal files.
_TIME = (1980, 1, 1, 0, 0, 0)
# The last record of a zip, and the length of the record before it in a zip of 4 GiB or more.
_END, _END_OF_LARGE = struct.Struct("<4s4H2LH"), 20


def write_model_file(
    path: str | os.PathLike[str],
    content: dict[str, Any],
    arrays: Sequence[np.ndarray],
    *,
    form: str = FORMAT,
) -> None:
    """Write a model file, or another file of this format, completely or not at all.

    Parameters
    ----------
    path : str or path-like
    content : dict
        Values that JSON can represent.
    arrays : sequence of ndarray
        Arrays of numbers.
    form : str, default="digitcnn model"
        The name of the format, for the header.

    Raises
    ------
    ValueError
        If an array is not of plain numbers, or if the content exceeds the format's limits.
    """
    if len(arrays) > _MOST_ARRAYS:
        raise ValueError(f"expected at most {_MOST_ARRAYS} arrays in a {form}, got {len(arrays)}")
    stored = [_as_stored(array) for array in arrays]
    members = [_array_bytes(array) for array in stored]
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
            for array, data in zip(stored, members, strict=True)
        ],
    }
    text = json.dumps(header, indent=1, allow_nan=True).encode()
    if len(text) > _HEADER_LIMIT or text.count(b"{") + text.count(b"[") > _MOST_OBJECTS:
        raise ValueError(
            f"expected a {form} with a header of at most {_HEADER_LIMIT} bytes and at most "
            f"{_MOST_OBJECTS} lists and objects, got {len(text)} bytes"
        )

    def write(file: Any) -> None:
        names = [_HEADER, *map(_array_name, range(len(members)))]
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
            for name, data in zip(names, [text, *members], strict=True):
                archive.writestr(zipfile.ZipInfo(name, _TIME), data)

    atomic_write(path, write)


def is_model_file(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a model file's, by its ending or by the file's first bytes."""
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
    """Read a model file, or another file of this format.

    Parameters
    ----------
    path : str or path-like
    form : str, default="digitcnn model"
        The name of the format that the header must have.

    Returns
    -------
    content : dict
        The header, without the fields that this module adds.
    arrays : list of ndarray

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it is not a model file, has another version, is damaged, or contains anything that a
        model file does not have.
    """
    target = as_path(path)
    if not target.exists():
        raise FileNotFoundError(f"{path}: there is no such file")
    if not target.is_file():
        what = "a folder" if target.is_dir() else "something other than a regular file"
        raise ValueError(f"{path}: expected a {form} file, got {what}")
    with open(target, "rb") as file:
        try:
            return _read(file, form)
        except _OtherVersionError as error:
            raise ValueError(f"{path}: {error}") from None
        except _DAMAGE as error:
            reason = str(error) if isinstance(error, ValueError) else repr(error)
            raise ValueError(
                f"{path}: expected a {form} file, got another, damaged or truncated file: "
                f"{reason[:300]}"
            ) from None


class _OtherVersionError(ValueError):
    """The file has another version of the format; nothing is wrong with it otherwise."""


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
            other = next((name for name in names if name not in set(expected)), "missing or twice")
            raise ValueError(
                f"expected the members that its header declares, got {reprlib.repr(other)}"
            )
        pairs = zip(members[1:], entries, strict=True)
        arrays = [_read_array(archive, info, entry) for info, entry in pairs]
    return header, arrays


def _check_end(file: BinaryIO) -> int:
    """Check that the zip's last record is as `write_model_file` writes it, before it is used.

    Returns the offset of the directory, up to which the members fill the file.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _END.size - _END_OF_LARGE, 0))
    end = file.read()
    if len(end) < _END.size or end.startswith(b"PK\6\7"):
        raise ValueError("it does not end with the last record of such a file")
    mark, *_, length, start, comment = _END.unpack(end[-_END.size :])
    if mark != b"PK\5\6" or comment or start + length + _END.size != size:
        raise ValueError("it does not end with the last record of such a file")
    if length > _DIRECTORY_LIMIT:
        raise ValueError(
            f"expected a directory of at most {_DIRECTORY_LIMIT} bytes, got {length} bytes"
        )
    return int(start)


def _check_members(members: list[zipfile.ZipInfo], directory: int) -> None:
    """Check that the members are plain files that follow each other without gaps or overlaps."""
    at = 0
    for info in members:
        name = reprlib.repr(info.filename)
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise ValueError(f"expected uncompressed members, got {name}, which is compressed")
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG) or info.flag_bits:
            raise ValueError(f"expected plain files, got a link or an encrypted member: {name}")
        if info.header_offset != at:
            raise ValueError(f"its member {name} does not begin where the previous one ends")
        at += 30 + len(info.filename) + info.file_size
    if at != directory:
        raise ValueError("it contains bytes that belong to no member")
    if not members or members[0].filename != _HEADER or members[0].file_size > _HEADER_LIMIT:
        raise ValueError(f"its first member is not {_HEADER} of at most {_HEADER_LIMIT} bytes")


def _read_header(data: bytes, form: str) -> dict[str, Any]:
    if data.count(b"{") + data.count(b"[") > _MOST_OBJECTS:
        raise ValueError(f"its header has more than {_MOST_OBJECTS} lists and objects")
    header = json.loads(data.decode("utf-8"), object_pairs_hook=_without_repeats)
    if not isinstance(header, dict) or header.pop("format", None) != form:
        raise ValueError(f"its header is not that of a {form}")
    version = header.pop("version", None)
    if type(version) is not int or version != VERSION:
        raise _OtherVersionError(
            f"expected version {VERSION} of the format, got version {reprlib.repr(version)}. "
            "Another version of digitcnn wrote the file: install that one, or a later one"
        )
    return header


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without repeated names, which JSON readers interpret differently."""
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("its header has an object with a repeated name")
    return content


def _array_name(number: int) -> str:
    return f"arrays/{number:03d}.npy"


def _as_stored(array: np.ndarray) -> np.ndarray:
    stored = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    if stored.dtype.str not in DTYPES:
        raise ValueError(f"expected an array of plain numbers, got one of {array.dtype}")
    return stored


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
        raise ValueError(f"its member {info.filename} does not match its checksum in the header")
    start = _check_npy_header(data, entry["dtype"], shape, info.filename)
    dtype = np.dtype(entry["dtype"]).newbyteorder("=")
    count = math.prod(shape)
    if len(data) - start != dtype.itemsize * count:
        raise ValueError(
            f"expected {dtype.itemsize * count} bytes for the shape {shape} in its member "
            f"{info.filename}, got {len(data) - start}"
        )
    # frombuffer refuses an empty buffer.
    values = np.frombuffer(data, entry["dtype"], offset=start) if count else np.empty(0)
    return values.astype(dtype).reshape(shape)


def _check_npy_header(data: bytes, dtype: str, shape: tuple[int, ...], name: str) -> int:
    """Check that an array's own header agrees with the file's; return where the numbers begin.

    NumPy's reader would evaluate this header as Python text, and allocate any size that it names.
    """
    expected = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    found = re.match(rb"\x93NUMPY\x01\x00(..)", data, re.DOTALL)
    start = 10 + int.from_bytes(found[1], "little") if found else 0
    if data[10:start].rstrip(b" \n") != expected.encode():
        raise ValueError(f"its member {name} is not an array of {dtype} and shape {shape}")
    return start
