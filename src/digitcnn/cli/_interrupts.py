"""Ctrl-C while a model is trained and saved."""

import math
import signal
import threading
import time
from typing import Any, Self

import numpy as np

# Seconds within which a second Ctrl-C counts as the first one.
_PATIENCE = 5.0


class Interrupts:
    """Handles Ctrl-C while a model is trained and saved.

    The first one ends the training. Further ones within a few seconds do nothing.
    """

    def __init__(self) -> None:
        self._last = -math.inf
        self._before = signal.getsignal(signal.SIGINT)
        # Only the main thread may set a handler, and one set outside Python cannot be restored.
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
        """Train, and return whether an interrupt ended it; further ones are ignored."""
        try:
            clf.fit(X, y, **watched)
            # Inside the try: an interrupt before this call is caught, a later one is ignored.
            self.ignore()
        except KeyboardInterrupt:
            self.ignore()
            return True
        except Exception:
            # Some libraries turn an interrupt into an error of their own.
            if not self.has_just_come():
                raise
            self.ignore()
            return True
        return False

    def has_just_come(self) -> bool:
        """Whether Ctrl-C was pressed in the last few seconds."""
        return time.monotonic() - self._last < _PATIENCE

    def _raise(self, *_: object) -> None:
        if not self.has_just_come():
            self._last = time.monotonic()
            raise KeyboardInterrupt
