"""Training progress: a bar in a terminal, a line in a notebook, else one line per epoch."""

import logging
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from keras import callbacks, ops

from digitcnn._utils.workers import worker_number

# Seconds between two changes of a bar or of a notebook's line.
_INTERVAL = 0.2
# Least and largest width of the bar, in columns.
_BAR = (10, 40)
# A hint at verbose=1 follows after this many seconds, if as many remain.
_PATIENCE = 10.0
# Whether this process has shown the hint.
_is_explained = False


class _Timed(callbacks.Callback):
    """A callback that measures how far a training is and how long it takes.

    Parameters
    ----------
    epochs : int
        Number of epochs in the training.
    batches_per_epoch : int
    first_epoch : int
        Number of the first epoch; above 0 if the training continues an earlier one.
    """

    def __init__(self, epochs: int, batches_per_epoch: int, first_epoch: int) -> None:
        super().__init__()
        self.epochs = epochs
        self.batches_per_epoch = batches_per_epoch
        self.first_epoch = first_epoch

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._clock = _Clock(self.epochs * self.batches_per_epoch)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch - self.first_epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._clock.note(self._epoch * self.batches_per_epoch + batch + 1)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.close()

    def close(self) -> None:
        """End the display. Keras does not notify callbacks of a training that fails."""


class TrainingProgress(_Timed):
    """Show the progress of the training, the remaining time and the latest figures.

    It is a bar on standard error in a terminal, and a line below the cell in a notebook. Elsewhere,
    and in workers and threads, which share a terminal, it is one line per epoch on standard error.
    """

    _view: "_Bar | _NotebookLine | _Log | None" = None
    _shown = 0.0
    _pieces: tuple[str, ...] = ()
    _validation: tuple[str, ...] = ()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_train_begin(logs)
        display = _notebook_display()
        if display is not None:
            self._view = _NotebookLine(display)
        else:
            self._view = _Bar(self._clock) if _is_watched() else _Log()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_train_batch_end(batch, logs)
        if self._view is None or not self._view.changes:
            return
        if time.monotonic() - self._shown >= _INTERVAL:
            self._show(logs or {}, f"batch {batch + 1}/{self.batches_per_epoch}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs and "val_accuracy" in logs:
            self._validation = (f"validation {logs['val_accuracy']:.4f}",)
        self._show(logs or {})

    def close(self) -> None:
        view, self._view = self._view, None
        if view is not None:
            self._clock.stop()
            view.close(self._clock, self._pieces)

    def _show(self, logs: dict[str, Any], *more: str) -> None:
        if self._view is None:
            return
        rate = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))
        # The most important first: a narrow terminal cuts the rest.
        self._pieces = (
            f"epoch {self._epoch + 1}/{self.epochs}",
            f"accuracy {float(logs['accuracy']):.4f}",
            *self._validation,
            f"loss {float(logs['loss']):.3f}",
            f"rate {rate:.1e}",
            *more,
        )
        self._view.show(self._clock, self._pieces)
        self._shown = time.monotonic()


class ProgressHint(_Timed):
    """Hint at ``verbose=1`` during a long training without progress display.

    The hint appears once per process, in terminals and notebooks only: not in workers, and not if
    standard error is a file. It is a message of the logger ``digitcnn``, which can be disabled.
    """

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        global _is_explained
        super().on_train_batch_end(batch, logs)
        if _is_explained or self._clock.elapsed() < _PATIENCE:
            return
        left = self._clock.left()
        if left is None or left < _PATIENCE:
            return
        _is_explained = True
        if _notebook_display() is not None or _is_watched():
            logging.getLogger("digitcnn").warning(
                "digitcnn: the training takes about %s more; verbose=1 shows its progress",
                _as_clock(left),
            )


class _Clock:
    """Elapsed and remaining time of a training."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self._start = time.monotonic()
        self._is_stopped = False
        # Time and number of the first batch, which includes compilation. Its number is above 1
        # after resuming from a checkpoint.
        self._first: tuple[float, int] | None = None

    def note(self, done: int) -> None:
        self.done = done
        if self._first is None:
            self._first = time.monotonic(), done

    def stop(self) -> None:
        self._is_stopped = True

    def elapsed(self) -> float:
        return time.monotonic() - self._start

    def left(self) -> float | None:
        """Remaining seconds; None if they cannot be estimated yet."""
        if self.done >= self.total:
            return 0.0
        if self._first is None or self.done == self._first[1]:
            return None
        then, first = self._first
        return (time.monotonic() - then) * (self.total - self.done) / (self.done - first)

    def __str__(self) -> str:
        if self._is_stopped:
            return f"in {_as_clock(self.elapsed())}"
        left = self.left()
        return f"{'-:--:--' if left is None else _as_clock(left)} left"


def _as_clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


class _Unheard:
    """A stream that ignores errors: it may be closed, or None.

    A training does not fail because its terminal was closed.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, AttributeError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, AttributeError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Bar:
    """A progress bar, the remaining time, and as many figures as fit into the terminal."""

    changes = True

    def __init__(self, clock: _Clock) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=_Unheard(sys.stderr), force_terminal=True)  # type: ignore[arg-type]
        self._live = Live(console=console, auto_refresh=False)
        self._live.start()
        self.show(clock, ())

    def show(self, clock: _Clock, pieces: Sequence[str]) -> None:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        # One column stays free: some terminals wrap after writing the last one.
        width = self._live.console.width - 1
        text = str(clock)
        for piece in pieces:
            if _BAR[0] + 1 + len(f"{text}  {piece}") > width:
                break
            text = f"{text}  {piece}"
        columns = min(_BAR[1], width - len(text) - 1)
        line = Table.grid(padding=(0, 1))
        if columns > 0:
            line.add_row(ProgressBar(clock.total, clock.done, columns), text)
        else:
            line.add_row(text[:width])
        self._live.update(line, refresh=True)

    def close(self, clock: _Clock, pieces: Sequence[str]) -> None:
        self.show(clock, pieces)
        self._live.stop()


class _NotebookLine:
    """One line of text, which is updated."""

    changes = True

    def __init__(self, display: Callable[[str, bool], None]) -> None:
        self._display = display
        display("training", False)

    def show(self, clock: _Clock, pieces: Sequence[str]) -> None:
        self._display("  ".join([str(clock), *pieces]), True)

    close = show


class _Log:
    """Lines of text."""

    changes = False

    def show(self, clock: _Clock, pieces: Sequence[str]) -> None:
        stream = _Unheard(sys.stderr)
        stream.write("  ".join([*pieces, str(clock)]) + "\n")
        stream.flush()

    def close(self, clock: _Clock, pieces: Sequence[str]) -> None:
        """Do nothing: the last epoch has its line already."""


def _is_watched() -> bool:
    """Whether standard error is a terminal that only this thread writes to."""
    is_only = (
        threading.current_thread() is threading.main_thread()
        and multiprocessing.parent_process() is None
        and worker_number() is None
    )
    is_terminal = getattr(sys.stderr, "isatty", lambda: False)
    # These terminals cannot move the cursor back to the bar.
    return is_only and is_terminal() and os.environ.get("TERM") not in ("dumb", "unknown")


def _notebook_display() -> Callable[[str, bool], None] | None:
    """A function that shows or updates a line below a notebook's cell; None elsewhere."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython
    from IPython.display import display

    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):  # a terminal, or a plain script
        return None
    name = f"digitcnn-progress-{time.monotonic_ns()}"

    def show(line: str, again: bool) -> None:
        display({"text/plain": line}, raw=True, display_id=name, update=again)

    return show
