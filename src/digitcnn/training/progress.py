"""The training's progress: a bar in a terminal, a line in a notebook, a line an epoch elsewhere."""

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
# Columns of the bar: as many as the figures leave, within these.
_BAR = (10, 40)
# Seconds of training after which silence is explained, if as many are left.
_PATIENCE = 10.0
# Whether it was, in this process.
_is_explained = False


class _Timed(callbacks.Callback):
    """A callback that knows how much of a training is done, and how long it took.

    Parameters
    ----------
    epochs : int
        Epochs in the whole training.
    batches_per_epoch : int
    first_epoch : int
        The number of its first one: a training that goes on from an earlier one counts its own.
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
        """End what is shown. Keras does not tell a callback of a training that has failed."""


class TrainingProgress(_Timed):
    """How far the training is, the time left and its figures, as it goes on.

    In a terminal it is a bar on standard error, in a notebook a line below the cell. Elsewhere, and
    in workers and threads, which share a terminal, it is a line on standard error for each epoch.
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
        # The most important first: not everywhere is room for all.
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
    """Says how to see the progress of a training that is long and silent.

    It says so once in a process, to somebody who sits before a terminal or a notebook: never in a
    worker, and never into a file. The message is one of the logger ``digitcnn``, which can be
    turned off.
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
    """The time that a training has taken, and will take."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self._start = time.monotonic()
        self._is_stopped = False
        # When the first batch was done, in which functions are compiled, and which one it was: a
        # later one where a checkpoint was taken up.
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
        """Seconds; None while nothing is known."""
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
    """A stream that it is no error to write to when nobody reads it any more, or that is not there.

    A training does not end because its terminal did.
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
    """A bar of rich's, the time left, and as many figures as the terminal has room for."""

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

        # One column is left free: some terminals begin a new line behind the last one.
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
    """One line of text, which is shown anew."""

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
        """Nothing is left to say after the last epoch's line."""


def _is_watched() -> bool:
    """Whether standard error is a terminal, to which nobody else writes at the same time."""
    is_only = (
        threading.current_thread() is threading.main_thread()
        and multiprocessing.parent_process() is None
        and worker_number() is None
    )
    is_terminal = getattr(sys.stderr, "isatty", lambda: False)
    # Of others than these a bar's place can be found again.
    return is_only and is_terminal() and os.environ.get("TERM") not in ("dumb", "unknown")


def _notebook_display() -> Callable[[str, bool], None] | None:
    """What shows a line below a notebook's cell, new or in the place of the last one."""
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
