"""The reliability diagram: confidence against accuracy."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.calibration import CalibrationDisplay, calibration_curve

from digitcnn._typing import ArrayLike, FittedClassifier
from digitcnn._utils.labels import encode_labels
from digitcnn.calibration import calibration_error, confidence_and_correctness, wilson_interval
from digitcnn.inspection._drawing import need_matplotlib, open_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ReliabilityDisplay(CalibrationDisplay):
    """scikit-learn's reliability diagram, for the predicted one of several classes.

    scikit-learn's own diagram is for two classes. Here these are correct and wrong answers, and the
    predicted probability is the confidence: the probability of the predicted class [1]_. On the
    diagonal, confidence and accuracy agree; below it the classifier is overconfident, above it
    underconfident. Vertical lines are 95% confidence intervals (Wilson). The number of answers in
    each bin is above it; a good classifier has few answers in most bins.

    Create it with `from_estimator` or `from_predictions`.

    Parameters
    ----------
    prob_true : ndarray of shape (n_bins,)
        The accuracy in each bin. Empty bins are left out.
    prob_pred : ndarray of shape (n_bins,)
        The mean confidence in each bin.
    y_prob : ndarray of shape (n,)
        The confidence of each answer.
    counts : ndarray of shape (n_bins,)
        The number of answers in each bin.
    error : float
        The expected calibration error.
    estimator_name : str, default=None
        The name of the curve in the legend.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The curve.
    bars_ : matplotlib LineCollection
        The confidence intervals.
    ax_ : matplotlib Axes
        The axes with the curve.
    figure_ : matplotlib Figure
        The figure of these axes.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : The base class.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural networks",
       ICML 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from digitcnn.inspection import ReliabilityDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = GaussianNB().fit(X[:1000], y[:1000])
    >>> display = ReliabilityDisplay.from_estimator(clf, X[1000:], y[1000:])
    >>> bool(display.prob_true[-1] < display.prob_pred[-1])  # overconfident
    True
    """

    bars_: Any

    def __init__(
        self,
        prob_true: ArrayLike,
        prob_pred: ArrayLike,
        y_prob: ArrayLike,
        *,
        counts: ArrayLike,
        error: float,
        estimator_name: str | None = None,
    ) -> None:
        super().__init__(prob_true, prob_pred, y_prob, estimator_name=estimator_name)
        self.counts = np.asarray(counts)
        self.error = error

    @classmethod
    def from_estimator(
        cls,
        estimator: FittedClassifier,
        X: ArrayLike,
        y: ArrayLike,
        *,
        n_bins: int = 10,
        name: str | None = None,
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the reliability of a fitted classifier.

        Parameters
        ----------
        estimator : classifier or Pipeline
            A fitted classifier with `predict_proba`.
        X : array-like or DataFrame
            The images, as the estimator takes them. Use data that it was not trained on.
        y : array-like of shape (n,)
            The true labels.
        n_bins : int, default=10
            The number of bins, of equal width from 0 to 1.
        name : str, default=None
            The name of the curve in the legend. None is the name of the estimator's class.
        ax : matplotlib Axes, default=None
            See `plot`.
        **kwargs
            See `plot`.

        Returns
        -------
        ReliabilityDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are labels that the classifier does not know.
        """
        need_matplotlib(f"{cls.__name__}.from_estimator")
        return cls.from_predictions(
            y,
            estimator.predict_proba(X),
            estimator.classes_,
            n_bins=n_bins,
            name=type(estimator).__name__ if name is None else name,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        probabilities: ArrayLike,
        classes: ArrayLike,
        *,
        n_bins: int = 10,
        name: str | None = None,
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the reliability of predictions.

        Parameters
        ----------
        y_true : array-like of shape (n,)
            The true labels.
        probabilities : array-like of shape (n, n_classes)
            The predicted probabilities.
        classes : array-like of shape (n_classes,)
            The label of each column of `probabilities`.
        n_bins : int, default=10
            The number of bins, of equal width from 0 to 1.
        name : str, default=None
            The name of the curve in the legend.
        ax : matplotlib Axes, default=None
            See `plot`.
        **kwargs
            See `plot`.

        Returns
        -------
        ReliabilityDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are labels that are not in `classes`.
        """
        need_matplotlib(f"{cls.__name__}.from_predictions")
        probabilities = np.asarray(probabilities)
        y_encoded = encode_labels(y_true, np.asarray(classes), probabilities)
        confidences, correct = confidence_and_correctness(probabilities, y_encoded)
        edges = np.linspace(0, 1, n_bins + 1)
        counts = np.bincount(np.searchsorted(edges[1:-1], confidences))
        accuracy, confidence = calibration_curve(
            correct, confidences, pos_label=True, n_bins=n_bins
        )
        return cls(
            accuracy,
            confidence,
            confidences,
            counts=counts[counts > 0],
            error=calibration_error(probabilities, y_encoded, n_bins),
            estimator_name=name,
        ).plot(ax=ax, **kwargs)

    def plot(
        self,
        *,
        ax: "Axes | None" = None,
        name: str | None = None,
        ref_line: bool = True,
        show_counts: bool = True,
        **kwargs: Any,
    ) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None creates a new figure.
        name : str, default=None
            The name of the curve in the legend. None is `estimator_name`.
        ref_line : bool, default=True
            Whether to draw the diagonal.
        show_counts : bool, default=True
            Whether to write the number of answers above each bin. Use False for a second curve in
            the same axes.
        **kwargs
            For `matplotlib.axes.Axes.plot`.

        Returns
        -------
        ReliabilityDisplay
            This display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        need_matplotlib(f"{type(self).__name__}.plot")
        name = f"{name or self.estimator_name or 'answers'} (calibration error {self.error:.3f})"
        super().plot(ax=open_axes(ax, (5.5, 5.5)), name=name, ref_line=ref_line, **kwargs)
        ax = self.ax_
        correct = np.rint(np.asarray(self.prob_true) * self.counts).astype(int)
        pairs = zip(correct, self.counts, strict=True)
        low, high = np.array([wilson_interval(int(k), int(n)) for k, n in pairs]).T
        self.bars_ = ax.vlines(self.prob_pred, low, high, color=self.line_.get_color(), linewidth=1)
        ax.set(
            xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="accuracy", aspect="equal"
        )
        if show_counts:
            above = ax.secondary_xaxis("top")
            above.set_xticks(
                self.prob_pred, [f"{n:,}" for n in self.counts], rotation=90, fontsize="small"
            )
            above.set_xlabel("answers in the bin")
        return self
