"""The training's progress: a line that changes, in a terminal or in a notebook."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from keras import callbacks, ops
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

# Seconds between two changes of a notebook's line.
_INTERVAL = 0.2


class TrainingProgress(callbacks.Callback):
    """Epochs, batches, loss, accuracy, learning rate and the time left, as the training goes on.

    In a terminal it is a bar on standard error, in a notebook a line below the cell. Elsewhere it
    writes nothing.

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
        self._view: _Bar | _NotebookLine | None = None
        self._after_epoch = ""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        console = Console(file=_Unheard(sys.stderr))  # type: ignore[arg-type]
        total = self.epochs * self.batches_per_epoch
        show = _notebook_display()
        if show is not None:
            self._view = _NotebookLine(total, show)
        elif console.is_terminal:
            self._view = _Bar(total, console)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch - self.first_epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._view is None:
            return
        logs = logs or {}
        self._view.update(
            self._epoch * self.batches_per_epoch + batch + 1,
            f"epoch {self._epoch + 1}/{self.epochs} batch {batch + 1}/{self.batches_per_epoch}",
            f"loss {float(logs['loss']):.3f} accuracy {float(logs['accuracy']):.4f}"
            f"{self._after_epoch} rate {self._learning_rate():.1e}",
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs and "val_accuracy" in logs:
            self._after_epoch = f" validation {logs['val_accuracy']:.4f}"

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._view is not None:
            self._view.close()
            self._view = None

    def _learning_rate(self) -> float:
        return float(ops.convert_to_numpy(self.model.optimizer.learning_rate))


class _Unheard:
    """A stream that it is no error to write to when nobody reads it any more.

    A training does not end because its terminal did.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Bar:
    """rich's bar."""

    def __init__(self, total: int, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task("training", total=total, figures="")
        self._progress.start()

    def update(self, done: int, place: str, figures: str) -> None:
        self._progress.update(self._task, completed=done, description=place, figures=figures)

    def close(self) -> None:
        self._progress.stop()


class _NotebookLine:
    """One line of text, which is shown anew some times a second."""

    def __init__(self, total: int, show: Callable[[str, bool], None]) -> None:
        self._total = total
        self._show = show
        self._start = time.monotonic()
        self._shown = 0.0
        self._done_before: int | None = None
        self._line = "training"
        show(self._line, False)

    def update(self, done: int, place: str, figures: str) -> None:
        elapsed = time.monotonic() - self._start
        if self._done_before is None:  # more than none where a checkpoint was taken up
            self._done_before = done - 1
        left = elapsed * (self._total - done) / (done - self._done_before)
        self._line = f"{place} {figures} {_clock(elapsed)} left {_clock(left)}"
        if elapsed - self._shown >= _INTERVAL:
            self._shown = elapsed
            self._show(self._line, True)

    def close(self) -> None:
        self._show(self._line, True)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


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
