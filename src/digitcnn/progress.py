"""The training's progress as a line in the terminal."""

import sys
from typing import Any

from keras import callbacks
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class TrainingProgress(callbacks.Callback):
    """A bar on standard error, with loss, accuracy and the time left.

    Where standard error is no terminal it writes nothing.

    Parameters
    ----------
    epochs : int
        Epochs in the whole training.
    batches_per_epoch : int
    """

    def __init__(self, epochs: int, batches_per_epoch: int) -> None:
        super().__init__()
        self.epochs = epochs
        self.batches_per_epoch = batches_per_epoch
        self._progress: Progress | None = None
        self._epoch = 0
        self._after_epoch = ""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        console = Console(file=sys.stderr)
        if not console.is_terminal:
            return
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task(
            "training",
            total=self.epochs * self.batches_per_epoch,
            epoch=f"1/{self.epochs}",
            figures="",
        )
        self._progress.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._progress is None:
            return
        logs = logs or {}
        figures = f"loss {float(logs['loss']):.3f} accuracy {float(logs['accuracy']):.4f}"
        self._progress.update(
            self._task,
            completed=self._epoch * self.batches_per_epoch + batch + 1,
            epoch=f"{self._epoch + 1}/{self.epochs}",
            figures=figures + self._after_epoch,
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs and "val_accuracy" in logs:
            self._after_epoch = f" validation {logs['val_accuracy']:.4f}"

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
