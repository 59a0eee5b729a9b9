"""Ctrl-C while a model is trained and written."""

import math
import signal
import threading
import time
from typing import Any, Self

import numpy as np

# Seconds in which a second Ctrl-C counts as the first one: until the training has ended.
_PATIENCE = 5.0


class Interrupts:
    """Handles Ctrl-C while a model is trained and written.

    The first one ends the training. Further ones, pressed in impatience, do nothing.
    """

    def __init__(self) -> None:
        self._last = -math.inf
        self._before = signal.getsignal(signal.SIGINT)
        # Only the main thread may set a handler, and one that is not Python's cannot be set again.
        is_main = threading.current_thread() is threading.main_thread()
        self._is_ours = is_main and self._before is not None

    def __enter__(self) -> Self:
        if self._is_ours and self._before is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._raise)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_ours:
            signal.signal(signal.SIGINT, self._before)

    def ignore(self) -> None:
        """Ignore every Ctrl-C from now on."""
        if self._is_ours:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def fit(self, clf: Any, X: Any, y: np.ndarray, watched: dict[str, Any]) -> bool:
        """Train, and tell whether an interrupt ended it; further ones are ignored."""
        try:
            clf.fit(X, y, **watched)
            # In here: an interrupt has either come by now, or is ignored.
            self.ignore()
        except KeyboardInterrupt:
            self.ignore()
            return True
        except Exception:
            # Some libraries turn an interrupt into another error.
            if not self.has_just_come():
                raise
            self.ignore()
            return True
        return False

    def has_just_come(self) -> bool:
        """Whether there was a Ctrl-C in the last seconds."""
        return time.monotonic() - self._last < _PATIENCE

    def _raise(self, *_: object) -> None:
        if not self.has_just_come():
            self._last = time.monotonic()
            raise KeyboardInterrupt
