"""The outputs of ``digitcnn read``: lines of text, a table, and pictures with boxes."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from digitcnn._utils.atomic import atomic_write
from digitcnn.cli._output import printable, show
from digitcnn.cli._table import Table, write_table
from digitcnn.reading import Line, Page
from digitcnn.reading.description import is_doubtful

STDIN = "-"
_COLUMNS = (
    *("file", "page", "line", "text", "confidence", "doubtful", "x", "y", "width", "height"),
)


def print_page(page: Page, start: str, min_confidence: float) -> None:
    """Print each line. (?) marks numbers that are doubtful as a whole, but in no single digit."""
    for line in page.lines:
        texts = []
        for number in line.numbers:
            text = number.masked(min_confidence)
            is_shown = "?" in text or not is_doubtful(number, min_confidence)
            texts.append(text if is_shown else f"{text}(?)")
        show(start + printable(" ".join(texts)))


class LineTable:
    """A table with a row for each line."""

    def __init__(self) -> None:
        self.table: Table = {name: [] for name in _COLUMNS}

    def __len__(self) -> int:
        return len(self.table["file"])

    def add(self, file: str, number: int, page: Page, min_confidence: float) -> None:
        """Add the lines of a page; page numbers count from 1."""
        for i, line in enumerate(page.lines, 1):
            for name, cell in zip(
                _COLUMNS, (file, number, i, *_cells(line, min_confidence)), strict=True
            ):
                self.table[name].append(cell)

    def write(self, path: str) -> None:
        """Write the table to a CSV."""
        write_table(path, [self.table])


def _cells(line: Line, min_confidence: float) -> tuple[Any, ...]:
    n_doubtful = sum(is_doubtful(number, min_confidence) for number in line.numbers)
    box = (round(side, 1) for side in line.box)
    return line.masked(min_confidence), round(line.confidence, 4), n_doubtful, *box


class Overlays:
    """A folder of pictures with what was read in them. It overwrites no input.

    Parameters
    ----------
    folder : pathlib.Path
    files : list of str
        The inputs of the command.
    """

    def __init__(self, folder: Path, files: list[str]) -> None:
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(f"{folder}: expected a folder for --overlay, got a file")
        self._folder = folder
        self._inputs: dict[tuple[int, int], str] = {}
        for file in files:
            with suppress(OSError):
                found = os.stat(file)
                self._inputs[found.st_dev, found.st_ino] = file
        paths = [self._path(file, 1, 1) for file in files]
        if len(set(paths)) < len(paths):
            raise ValueError(
                "expected pictures with different names for --overlay, got two of the same name "
                "from different folders. Read each folder in a command of its own"
            )
        for path in paths:
            self._check(path)
        # By device and number: two names may lead to one file, as where case does not matter.
        self._written: set[tuple[int, int]] = set()

    def write(
        self, file: str, number: int, n_pages: int, page: Page, min_confidence: float
    ) -> None:
        """Write a page of a file."""
        path = self._path(file, number, n_pages)
        if self._check(path) in self._written:
            raise ValueError(
                f"{path}: expected pages with different names for --overlay, got two of the same "
                "name. Read these files in a command of their own"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        image = page.draw(min_confidence or 0.9)
        atomic_write(path, lambda opened: image.save(opened, format="PNG"))
        found = path.stat()
        self._written.add((found.st_dev, found.st_ino))

    def _path(self, file: str, number: int, n_pages: int) -> Path:
        name = "picture" if file == STDIN else Path(file).name
        return self._folder / (f"{name}.png" if n_pages == 1 else f"{name}-{number}.png")

    def _check(self, path: Path) -> tuple[int, int] | None:
        """Refuse an input; device and number of another file; None if there is none."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        number = found.st_dev, found.st_ino
        if number in self._inputs:
            raise ValueError(overwritten(path, self._inputs[number]))
        return number


def overwritten(path: Path, file: str) -> str:
    """The error of an output that would overwrite an input."""
    return (
        f"{path}: is an input of this command ({file}), and the output would overwrite it. Give "
        "the output another name or folder"
    )


def start_of_lines(file: str | None, number: int, n_pages: int) -> str:
    """The prefix of each printed line: the file's name and the page's number, where needed."""
    parts = [] if file is None else [printable(file)]
    if n_pages > 1:
        parts.append(f"page {number}")
    return f"{', '.join(parts)}: " if parts else ""
