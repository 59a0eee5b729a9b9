"""The training curve: loss, accuracy and learning rate over the epochs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from digitcnn._typing import ArrayLike, NDArray
from digitcnn.classifier import DigitCNNClassifier
from digitcnn.inspection._drawing import (
    BLUE,
    GREY,
    RED,
    need_matplotlib,
    network_of,
    open_stacked_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class TrainingCurveDisplay:
    """Loss, accuracy and learning rate over the epochs of a training.

    All panels share a horizontal axis in epochs. Training loss and accuracy are means over an epoch
    and are drawn at its middle; validation and learning rate are drawn at its end. Reductions of
    the learning rate are marked in each panel.

    Create it with `from_estimator`, or from plain numbers.

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
        Training loss of each batch, in the order of training. The batches are spread evenly over
        the epochs.
    learning_rate : array-like of shape (n_epochs,), default=None
        Learning rate at the end of each epoch.

    Attributes
    ----------
    reductions : ndarray of int
        The epochs, counted from 1, after which the learning rate was reduced. Empty if the rate
        changes in every epoch, as in a cycle.
    axes_ : ndarray of matplotlib Axes
        The panels: loss, accuracy and learning rate, those of them that were given.
    figure_ : matplotlib Figure
        The figure of these axes.
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

    axes_: NDArray[Any]
    figure_: Any
    reductions: NDArray[Any]

    def __init__(
        self,
        *,
        loss: ArrayLike,
        accuracy: ArrayLike | None = None,
        validation_loss: ArrayLike | None = None,
        validation_accuracy: ArrayLike | None = None,
        batch_loss: ArrayLike | None = None,
        learning_rate: ArrayLike | None = None,
    ) -> None:
        self.loss = np.asarray(loss)
        self.accuracy = _as_array(accuracy)
        self.validation_loss = _as_array(validation_loss)
        self.validation_accuracy = _as_array(validation_accuracy)
        self.batch_loss = _as_array(batch_loss)
        self.learning_rate = _as_array(learning_rate)
        self.reductions = _find_reductions([] if learning_rate is None else learning_rate)

    @classmethod
    def from_estimator(
        cls,
        estimator: DigitCNNClassifier | Pipeline,
        *,
        ax: "Axes | Sequence[Axes] | NDArray[np.object_] | None" = None,
    ) -> Self:
        """Draw the training of a fitted classifier.

        Parameters
        ----------
        estimator : DigitCNNClassifier or Pipeline
            A fitted classifier, or a pipeline that ends in one.
        ax : matplotlib Axes or array of Axes, default=None
            See `plot`.

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

    def plot(self, ax: "Axes | Sequence[Axes] | NDArray[np.object_] | None" = None) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            A single subplot is divided into the panels; an array has one for each panel. None
            creates a new figure.

        Returns
        -------
        TrainingCurveDisplay
            This display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the number of axes differs from the number of panels.
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

    def _plot_loss(self, ax: "Axes") -> None:
        if self.batch_loss is not None and len(self.batch_loss):
            n_batches = len(self.batch_loss)
            place = (np.arange(n_batches) + 0.5) * (len(self.loss) / n_batches)
            self.lines_["batch_loss"] = ax.plot(
                place, self.batch_loss, color=BLUE, alpha=0.5, linewidth=0.7, label="each batch"
            )[0]
        self._plot_pair(ax, "loss", "validation_loss")
        ax.set(ylabel="loss", yscale="log")
        ax.legend()

    def _plot_accuracy(self, ax: "Axes") -> None:
        self._plot_pair(ax, "accuracy", "validation_accuracy")
        ax.set(ylabel="accuracy")

    def _plot_learning_rate(self, ax: "Axes") -> None:
        rates = np.asarray(self.learning_rate, dtype=float)
        ends = np.arange(1, len(rates) + 1)
        if _stays(rates):
            # The rate falls in steps, and was constant during the first epoch.
            (line,) = ax.plot([0, *ends], [rates[0], *rates], color=GREY, drawstyle="steps-pre")
            ax.set(yscale="log")
        else:
            (line,) = ax.plot(ends, rates, color=GREY, marker="o", markersize=3.5)
        self.lines_["learning_rate"] = line
        ax.set(ylabel="learning rate")

    def _plot_pair(self, ax: "Axes", training: str, validation: str) -> None:
        """Plot a training curve at mid-epoch, and the validation curve at the end of epochs."""
        curves: tuple[tuple[str, float, dict[str, Any]], ...] = (
            (training, 0.5, {"color": BLUE, "marker": "o", "label": "training"}),
            (
                validation,
                1,
                {"color": RED, "marker": "s", "linestyle": "--", "label": "validation"},
            ),
        )
        for name, shift, style in curves:
            values = getattr(self, name)
            if values is not None:
                self.lines_[name] = ax.plot(
                    np.arange(len(values)) + shift, values, markersize=3.5, **style
                )[0]


def _as_array(values: ArrayLike | None) -> NDArray[Any] | None:
    return None if values is None else np.asarray(values)


def _stays(rates: np.ndarray) -> bool:
    """Whether a learning rate is equal in any two successive epochs."""
    return len(rates) == 1 or bool(np.any(rates[1:] == rates[:-1]))


def _find_reductions(learning_rate: ArrayLike) -> NDArray[np.int_]:
    """The epochs, counted from 1, after which a stepwise rate was reduced."""
    rates = np.asarray(learning_rate, dtype=float)
    if not _stays(rates):
        return np.array([], dtype=int)
    return np.flatnonzero(rates[1:] < rates[:-1]) + 1
