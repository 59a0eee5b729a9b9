"""The reliability diagram: confidence against accuracy."""

from typing import Any, Self

import numpy as np
from sklearn.calibration import CalibrationDisplay, calibration_curve

from digitcnn._utils.labels import encode_labels
from digitcnn.calibration import calibration_error, confidence_and_correctness, wilson_interval
from digitcnn.inspection._drawing import need_matplotlib, open_axes


class ReliabilityDisplay(CalibrationDisplay):
    """scikit-learn's reliability diagram, for the most probable of many classes.

    scikit-learn's own is for two classes. Here the two are that an answer is right and that it is
    wrong, and its probability is the confidence, the probability of the likeliest class [1]_. On
    the diagonal a confidence is what it says; below it the classifier is too sure, above it not
    sure enough. Bars are 95% confidence intervals (Wilson's), and over each bin stands how many
    answers are in it: a good reader leaves few in most.

    It is made by `from_estimator` or `from_predictions`.

    Parameters
    ----------
    prob_true : ndarray of shape (n_bins,)
        Part of the answers in each bin that were right. Empty bins are left out.
    prob_pred : ndarray of shape (n_bins,)
        Mean confidence in each bin.
    y_prob : ndarray of shape (n,)
        Confidence of each answer.
    counts : ndarray of shape (n_bins,)
        How many answers are in each bin.
    error : float
        Expected calibration error.
    estimator_name : str, default=None
        What to call the curve.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The curve.
    bars_ : matplotlib LineCollection
        The intervals.
    ax_ : matplotlib Axes
        The axes that it is in.
    figure_ : matplotlib Figure
        The figure that it is in.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : What it is made of.

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
    >>> bool(display.prob_true[-1] < display.prob_pred[-1])  # far too sure
    True
    """

    def __init__(
        self,
        prob_true: Any,
        prob_pred: Any,
        y_prob: Any,
        *,
        counts: Any,
        error: float,
        estimator_name: str | None = None,
    ) -> None:
        super().__init__(prob_true, prob_pred, y_prob, estimator_name=estimator_name)
        self.counts = counts
        self.error = error

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        n_bins: int = 10,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the reliability of a fitted classifier.

        Parameters
        ----------
        estimator : classifier or Pipeline
            Fitted, with `predict_proba`.
        X : array-like or DataFrame
            What it takes: images that it was not trained on.
        y : array-like of shape (n,)
            The true labels.
        n_bins : int, default=10
            Bins of equal width from 0 to 1.
        name : str, default=None
            What to call the curve. None is the estimator's class.
        ax : matplotlib Axes, default=None
            As in `plot`.
        **kwargs
            As in `plot`.

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
        y_true: Any,
        probabilities: Any,
        classes: Any,
        *,
        n_bins: int = 10,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the reliability of answers that were given.

        Parameters
        ----------
        y_true : array-like of shape (n,)
            The true labels.
        probabilities : array-like of shape (n, n_classes)
            What was answered.
        classes : array-like of shape (n_classes,)
            The label of each column of `probabilities`.
        n_bins : int, default=10
            Bins of equal width from 0 to 1.
        name : str, default=None
            What to call the curve.
        ax : matplotlib Axes, default=None
            As in `plot`.
        **kwargs
            As in `plot`.

        Returns
        -------
        ReliabilityDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are labels that are no class.
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
        ax: Any = None,
        name: str | None = None,
        ref_line: bool = True,
        show_counts: bool = True,
        **kwargs: Any,
    ) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        name : str, default=None
            What to call the curve. None is `estimator_name`.
        ref_line : bool, default=True
            Whether to draw the diagonal.
        show_counts : bool, default=True
            Whether to write over the bins how many answers are in each. False is for a second
            curve in the same axes.
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
