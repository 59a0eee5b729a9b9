"""The progress of a command over many files: a line in the terminal that is updated."""

import os
import sys
import time
from typing import Self

from digitcnn.cli._output import columns_of, is_terminal

_INTERVAL = 0.2  # Seconds between two updates.


class FileProgress:
    """A line with the number of files that are done and the remaining time.

    It is shown only if standard error is a terminal, and removed at the end.

    Parameters
    ----------
    total : int
        The number of files.
    is_shown : bool, default=True
        False shows nothing: results that are printed to the same terminal would be mixed up with
        the line.
    """

    def __init__(self, total: int, *, is_shown: bool = True) -> None:
        self._total = total
        self._done = 0
        self._start = time.monotonic()
        self._last = 0.0
        self._width = 0  # Characters that are shown.
        is_able = os.environ.get("TERM") not in ("dumb", "unknown")
        self._is_shown = is_shown and total > 1 and is_able and is_terminal(sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def step(self) -> None:
        """Count a file."""
        self._done += 1
        now = time.monotonic()
        if not self._is_shown or now - self._last < _INTERVAL:
            return
        self._last = now
        left = round((now - self._start) * (self._total - self._done) / self._done)
        hours, minutes, seconds = left // 3600, left // 60 % 60, left % 60
        text = f"{self._done:,} of {self._total:,} files, {hours}:{minutes:02d}:{seconds:02d} left"
        text = text[: columns_of(sys.stderr) - 1]
        # Spaces hide the rest of a longer line: not every console of Windows has escape sequences.
        self._write(f"\r{text.ljust(self._width)}")
        self._width = len(text)

    def clear(self) -> None:
        """Remove the line, before something else is printed."""
        if self._width:
            self._write(f"\r{' ' * self._width}\r")
            self._width = 0

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, AttributeError):
            self._is_shown = False
