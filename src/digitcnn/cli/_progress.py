"""How far a command is with many files: a line on a terminal, which is shown anew."""

import os
import sys
import time
from typing import Self

from digitcnn.cli._output import columns_of

_INTERVAL = 0.2  # Seconds between two changes.


class FileProgress:
    """A line with the number of files that are done and the time left.

    It is shown where standard error is a terminal and nothing else is written to it at the same
    time, and disappears in the end.

    Parameters
    ----------
    total : int
        How many files there are.
    is_shown : bool, default=True
        False shows nothing.
    """

    def __init__(self, total: int, *, is_shown: bool = True) -> None:
        self._total = total
        self._done = 0
        self._start = time.monotonic()
        self._last = 0.0
        self._is_there = False
        is_terminal = getattr(sys.stderr, "isatty", lambda: False)
        is_able = os.environ.get("TERM") not in ("dumb", "unknown")
        self._is_shown = is_shown and total > 1 and is_able and is_terminal()

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
        self._is_there = True
        self._write("\r" + text[: columns_of(sys.stderr) - 1] + "\x1b[K")

    def clear(self) -> None:
        """Take the line away, before something else is written."""
        if self._is_there:
            self._is_there = False
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, AttributeError):
            self._is_shown = False
