"""Tables that the command writes: CSV, compressed if the file's name ends so."""

import bz2
import csv
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from digitcnn._utils.atomic import atomic_write
from digitcnn.tables.image_files import IMAGE_ENDINGS

# Columns of equal length by name. None is an empty cell.
Table = dict[str, list[Any]]


def check_ending(path: str) -> None:
    """Refuse endings of other formats and of unsupported compressions."""
    endings = [ending.lower() for ending in Path(path).suffixes[-2:]]
    if set(endings) & _OTHER_ENDINGS:
        raise ValueError(
            f"{path}: expected the name of a CSV, with {', '.join(_PACKED)} at its end to "
            f"compress it, got {endings[-1]}"
        )


@contextmanager
def _packed(path: str, file: Any) -> Iterator[Any]:
    """A file to write a table to. It compresses according to the ending of the name."""
    pack = _PACKED.get(Path(path).suffix.lower())
    if pack is None:
        yield file
        return
    with pack(path, file) as packed:
        yield packed


@contextmanager
def _zipped(path: str, file: Any) -> Iterator[Any]:
    # The current time is left out, so that equal tables make equal files.
    member = zipfile.ZipInfo(Path(path).stem)
    member.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(file, "w") as archive, archive.open(member, "w") as packed:
        yield packed


# The compression for each ending, as in pandas.
_PACKED: dict[str, Callable[[str, Any], Any]] = {
    ".gz": lambda path, file: gzip.GzipFile(Path(path).stem, "wb", fileobj=file, mtime=0),
    ".bz2": lambda path, file: bz2.BZ2File(file, "wb"),
    ".xz": lambda path, file: lzma.LZMAFile(file, "wb"),  # noqa: SIM115
    ".zip": _zipped,
}
_OTHER_ENDINGS = IMAGE_ENDINGS | {
    *(".tar", ".tgz", ".zst", ".7z", ".parquet", ".feather", ".xlsx", ".xls")
}


def write_table(path: str, tables: Iterable[Table]) -> None:
    """Write the parts of a table to a file, completely or not at all."""

    def write(file: Any) -> None:
        with _packed(path, file) as packed:
            write_csv(tables, lambda text: packed.write(text.encode("utf-8", "backslashreplace")))

    atomic_write(path, write)


def write_csv(tables: Iterable[Table], write: Callable[[str], Any]) -> None:
    """Pass the parts of a table as CSV text to a function that writes them."""
    for i, table in enumerate(tables):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator=os.linesep)
        if i == 0:
            writer.writerow(table)
        writer.writerows(zip(*table.values(), strict=True))
        write(text.getvalue())
