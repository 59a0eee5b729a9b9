"""The training curve: loss, accuracy and learning rate over the epochs."""

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from digitcnn.inspection._drawing import (
    BLUE,
    GREY,
    RED,
    need_matplotlib,
    network_of,
    open_stacked_axes,
)


class TrainingCurveDisplay:
    """Loss, accuracy and learning rate over the epochs of a training.

    All panels share a time axis, in epochs. The training's loss and accuracy are means over an
    epoch and are drawn at its middle; validation and learning rate are drawn at its end. Reductions
    of the learning rate are marked in every panel.

    It is made by `from_estimator`, or from plain numbers.

    Parameters
    ----------
    loss : array-like of shape (n_epochs,)
        Training loss of each epoch.
    accuracy : array-like of shape (n_epochs,), default=None
        Training accuracy of each epoch.
    validation_loss : array-like of shape (n_epochs,), default=None
        Validation loss after each epoch.
    validation_accuracy : array-like of shape (n_epochs,), default=None
        Validation accuracy after each epoch.
    batch_loss : array-like of shape (n_batches,), default=None
        Training loss of each batch, all epochs after one another. The batches are spread evenly
        over the epochs.
    learning_rate : array-like of shape (n_epochs,), default=None
        Learning rate at the end of each epoch.

    Attributes
    ----------
    reductions : ndarray of int
        The numbers of epochs after which the learning rate was reduced. Of a rate that changes in
        every epoch, as in a cycle, there are none.
    axes_ : ndarray of matplotlib Axes
        The panels: loss, accuracy and learning rate, as far as they were given.
    figure_ : matplotlib Figure
        The figure that they are in.
    lines_ : dict of str to matplotlib Line2D
        The curves, by the names of the parameters.

    Examples
    --------
    >>> from digitcnn.inspection import TrainingCurveDisplay
    >>> display = TrainingCurveDisplay(
    ...     loss=[0.9, 0.4, 0.3, 0.2], learning_rate=[0.01, 0.01, 0.01, 0.005]
    ... ).plot()
    >>> display.reductions
    array([3])
    """

    def __init__(
        self,
        *,
        loss: Any,
        accuracy: Any = None,
        validation_loss: Any = None,
        validation_accuracy: Any = None,
        batch_loss: Any = None,
        learning_rate: Any = None,
    ) -> None:
        self.loss = loss
        self.accuracy = accuracy
        self.validation_loss = validation_loss
        self.validation_accuracy = validation_accuracy
        self.batch_loss = batch_loss
        self.learning_rate = learning_rate
        self.reductions = _find_reductions([] if learning_rate is None else learning_rate)

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Draw the training of a fitted classifier.

        Parameters
        ----------
        estimator : DigitCNNClassifier or Pipeline
            Fitted; a pipeline that ends in one.
        ax : matplotlib Axes or array of Axes, default=None
            As in `plot`.

        Returns
        -------
        TrainingCurveDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If it is another estimator.
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        """
        need_matplotlib(f"{cls.__name__}.from_estimator")
        clf = network_of(estimator)
        check_is_fitted(clf)
        history = clf.history_
        return cls(
            loss=history["loss"],
            accuracy=history.get("accuracy"),
            validation_loss=history.get("val_loss"),
            validation_accuracy=history.get("val_accuracy"),
            batch_loss=clf.batch_loss_curve_,
            learning_rate=history.get("learning_rate"),
        ).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            A single one is divided into the panels; an array has one for each. None makes a new
            figure.

        Returns
        -------
        TrainingCurveDisplay
            This display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are more or fewer axes than panels.
        """
        need_matplotlib(f"{type(self).__name__}.plot")
        from matplotlib.ticker import MaxNLocator

        has_accuracy = self.accuracy is not None or self.validation_accuracy is not None
        heights = [3.0] + [2.0] * has_accuracy + [1.3] * (self.learning_rate is not None)
        figsize = (7.0, 0.7 + 0.9 * sum(heights))
        self.axes_ = open_stacked_axes(ax, heights, figsize)
        self.figure_ = self.axes_[0].figure
        self.lines_: dict[str, Any] = {}
        panels = iter(self.axes_)
        self._plot_loss(next(panels))
        if has_accuracy:
            self._plot_accuracy(next(panels))
        if self.learning_rate is not None:
            self._plot_learning_rate(next(panels))
        for panel in self.axes_:
            for epoch in self.reductions:
                panel.axvline(
                    epoch, color=GREY, linestyle=":", linewidth=1, zorder=1, label="rate reduced"
                )
        if len(self.reductions):
            self.axes_[-1].legend(handles=self.axes_[-1].lines[-1:], loc="lower left")
        self.axes_[-1].set(xlabel="epochs", xlim=(0, len(self.loss)))
        self.axes_[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        return self

    def _plot_loss(self, ax: Any) -> None:
        if self.batch_loss is not None and len(self.batch_loss):
            place = (np.arange(len(self.batch_loss)) + 0.5) * (
                len(self.loss) / len(self.batch_loss)
            )
            self.lines_["batch_loss"] = ax.plot(
                place, self.batch_loss, color=BLUE, alpha=0.5, linewidth=0.7, label="each batch"
            )[0]
        self._plot_pair(ax, "loss", "validation_loss")
        ax.set(ylabel="loss", yscale="log")
        ax.legend()

    def _plot_accuracy(self, ax: Any) -> None:
        self._plot_pair(ax, "accuracy", "validation_accuracy")
        ax.set(ylabel="accuracy")

    def _plot_learning_rate(self, ax: Any) -> None:
        rates = np.asarray(self.learning_rate, dtype=float)
        ends = np.arange(1, len(rates) + 1)
        if _stays(rates):
            # It goes down in steps, and was in the first epoch what it was at its end.
            (line,) = ax.plot([0, *ends], [rates[0], *rates], color=GREY, drawstyle="steps-pre")
            ax.set(yscale="log")
        else:
            (line,) = ax.plot(ends, rates, color=GREY, marker="o", markersize=3.5)
        self.lines_["learning_rate"] = line
        ax.set(ylabel="learning rate")

    def _plot_pair(self, ax: Any, training: str, validation: str) -> None:
        """A figure of the training, mid-epoch, and that of the validation, at the epoch's end."""
        for name, shift, style in (
            (training, 0.5, {"color": BLUE, "marker": "o", "label": "training"}),
            (
                validation,
                1,
                {"color": RED, "marker": "s", "linestyle": "--", "label": "validation"},
            ),
        ):
            values = getattr(self, name)
            if values is not None:
                self.lines_[name] = ax.plot(
                    np.arange(len(values)) + shift, values, markersize=3.5, **style
                )[0]


def _stays(rates: np.ndarray) -> bool:
    """Whether a learning rate keeps its value from any epoch to the next."""
    return len(rates) == 1 or bool(np.any(rates[1:] == rates[:-1]))


def _find_reductions(learning_rate: Any) -> np.ndarray:
    """The epochs, counted from 1, after which a rate that otherwise stays was reduced."""
    rates = np.asarray(learning_rate, dtype=float)
    if not _stays(rates):
        return np.array([], dtype=int)
    return np.flatnonzero(rates[1:] < rates[:-1]) + 1
