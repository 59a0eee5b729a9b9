"""Keras callbacks for the learning rate and early stopping."""

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import callbacks

from digitcnn._utils.sklearn_callbacks import FitTask
from digitcnn.training.plan import TrainingPlan


def schedule_callbacks(plan: TrainingPlan, *, has_validation: bool) -> list[Any]:
    """Make the callbacks for the learning-rate schedule and early stopping of a plan.

    Parameters
    ----------
    plan : TrainingPlan
    has_validation : bool
        Whether there is validation data.
    """
    made: list[Any] = []
    peak = plan.network.start_learning_rate
    if plan.schedule == "one_cycle" and peak is not None:
        made.append(OneCycle(peak, plan.epochs * plan.n_batches))
    elif plan.schedule == "plateau":
        made.append(
            plateau(
                factor=plan.plateau_factor,
                patience=plan.plateau_patience,
                min_learning_rate=plan.min_learning_rate,
                has_validation=has_validation,
            )
        )
    if plan.early_stopping:
        made.append(early_stopping(n_iter_no_change=plan.n_iter_no_change))
    return made


def plateau(
    *, factor: float, patience: int, min_learning_rate: float, has_validation: bool
) -> keras.callbacks.Callback:
    """A new `keras.callbacks.ReduceLROnPlateau` on the validation accuracy.

    Parameters
    ----------
    factor : float
        Factor by which the learning rate is multiplied.
    patience : int
        Epochs without a better accuracy before the rate is reduced.
    min_learning_rate : float
        Lowest learning rate.
    has_validation : bool
        Whether to monitor the validation accuracy rather than the training accuracy.
    """
    return callbacks.ReduceLROnPlateau(
        monitor="val_accuracy" if has_validation else "accuracy",
        mode="max",
        factor=factor,
        patience=patience,
        min_lr=min_learning_rate,
        verbose=0,
    )


def early_stopping(*, n_iter_no_change: int) -> keras.callbacks.Callback:
    """A new `keras.callbacks.EarlyStopping` on the validation accuracy, best weights restored."""
    return callbacks.EarlyStopping(
        monitor="val_accuracy",
        mode="max",
        patience=n_iter_no_change,
        restore_best_weights=True,
        verbose=0,
    )


def one_cycle(fraction: float, *, warm_up: float = 0.25, start: float = 0.1) -> float:
    """The one-cycle learning rate [1]_, as a fraction of its peak.

    It rises linearly in the first part of the training and falls along half a cosine in the rest.

    Parameters
    ----------
    fraction : float
        Completed fraction of the training, 0 to 1.
    warm_up : float, default=0.25
        Fraction of the training in which the rate rises.
    start : float, default=0.1
        Initial rate, as a fraction of the peak.

    Returns
    -------
    float
        From 0 to 1.

    References
    ----------
    .. [1] L. N. Smith, N. Topin, "Super-convergence: very fast training of neural networks using
       large learning rates", 2018.

    Examples
    --------
    >>> from digitcnn.training.schedules import one_cycle
    >>> [round(one_cycle(f), 3) for f in (0.0, 0.25, 0.625, 1.0)]
    [0.1, 1.0, 0.5, 0.0]
    """
    if fraction < warm_up:
        return start + (1.0 - start) * fraction / warm_up
    return 0.5 * (1.0 + float(np.cos(np.pi * (fraction - warm_up) / (1.0 - warm_up))))


_TWO_SCHEDULES = (
    "expected one schedule of the learning rate, got schedule={schedule!r} and {other}. Give "
    "schedule=None to leave the learning rate to the callback"
)


def check_one_schedule(schedule: str, used: list[Any] | None) -> None:
    """Refuse callbacks that set the learning rate in addition to a schedule.

    Parameters
    ----------
    schedule : {"one_cycle", "plateau"}
    used : list of keras.callbacks.Callback or None
        Callbacks of the user.

    Raises
    ------
    ValueError
        If one of them is a Keras callback for the learning rate.
    """
    for one in used or []:
        if isinstance(one, callbacks.LearningRateScheduler | callbacks.ReduceLROnPlateau):
            other = f"the callback {type(one).__name__}"
            raise ValueError(_TWO_SCHEDULES.format(schedule=schedule, other=other))


class OneCycle(callbacks.Callback):
    """Set the learning rate of each batch by `one_cycle`.

    If something else has changed the rate too, it warns, once per training.

    Parameters
    ----------
    peak : float
        Largest learning rate.
    n_batches : int
        Number of batches in the training.
    """

    def __init__(self, peak: float, n_batches: int) -> None:
        super().__init__()
        self.peak = peak
        self.n_batches = n_batches
        self.done: int = 0
        # The rate that was set last; None after the warning.
        self._rate: float | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.done = 0
        self._rate = self._read_rate()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._rate is not None and self._read_rate() != self._rate:
            self._rate = None
            other = "a callback that sets the learning rate"
            warnings.warn(_TWO_SCHEDULES.format(schedule="one_cycle", other=other), stacklevel=2)
        # Evaluated at the middle of the batch, so that no batch has a rate of 0.
        part = one_cycle((self.done + 0.5) / self.n_batches)
        self.model.optimizer.learning_rate = self.peak * part
        self.done += 1
        if self._rate is not None:
            self._rate = self._read_rate()

    def _read_rate(self) -> float:
        return float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))


# State of these callbacks between epochs: numbers, None or lists of arrays.
_MEMORY: dict[type, tuple[str, ...]] = {
    callbacks.EarlyStopping: ("best", "best_epoch", "best_weights", "stopped_epoch", "wait"),
    callbacks.ReduceLROnPlateau: ("best", "cooldown_counter", "wait"),
    OneCycle: ("done",),
}


def get_memory(used: list[Any]) -> list[dict[str, Any]]:
    """Get the state of the callbacks of a training, one dict for each in `_MEMORY`.

    Parameters
    ----------
    used : list of keras.callbacks.Callback
        All callbacks of the training.
    """
    return [{name: getattr(one, name) for name in _MEMORY[type(one)]} for one in _with_memory(used)]


def set_memory(used: list[Any], memory: list[dict[str, Any]]) -> None:
    """Restore the state that `get_memory` returned.

    Call it after `on_train_begin`, which resets the callbacks.

    Raises
    ------
    ValueError
        If the state is of other callbacks.
    """
    for one, remembered in zip(_with_memory(used), memory, strict=True):
        if set(remembered) != set(_MEMORY[type(one)]):
            raise ValueError(f"{sorted(remembered)} is not what {type(one).__name__} remembers")
        for name, value in remembered.items():
            setattr(one, name, value)


def _with_memory(used: list[Any]) -> list[Any]:
    return [one for one in used if type(one) in _MEMORY]


class EpochTasks(callbacks.Callback):
    """Forward the begin and the end of each epoch to scikit-learn's callbacks.

    The training stops if one of them requests it.

    Parameters
    ----------
    task : digitcnn._utils.sklearn_callbacks.FitTask
        The fit.
    fitted : callable
        Returns the attributes of an estimator fitted so far, from the figures of an epoch.
    """

    def __init__(self, task: FitTask, fitted: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        super().__init__()
        self.task = task
        self.fitted = fitted

    @property
    def is_followed(self) -> bool:
        """Whether scikit-learn's callbacks follow the epochs."""
        return self.task.is_followed

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.task.begin_epoch()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.task.end_epoch(lambda: self.fitted(logs or {})):
            self.model.stop_training = True
