"""The coverage curve: the error rate of the accepted answers against their number."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from digitcnn._typing import ArrayLike, FittedClassifier
from digitcnn._utils.labels import encode_labels
from digitcnn.abstaining import AbstainingClassifier
from digitcnn.calibration import confidence_and_correctness, confidence_threshold
from digitcnn.inspection._drawing import (
    GREY,
    need_matplotlib,
    open_axes,
    split_pipeline,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class CoverageDisplay:
    """The error rate of a classifier that rejects uncertain images, against its coverage [1]_.

    The coverage is the fraction of the images that get an answer: those with the highest
    confidence. At the right end all images get one, and the error rate is the classifier's own.
    Images of equal confidence are answered together.

    Create it with `from_estimator` or `from_predictions`.

    Parameters
    ----------
    coverage : array-like of shape (n,)
        Fractions of the images that are answered, in ascending order.
    error_rate : array-like of shape (n,)
        The error rate of the answers at each coverage.
    threshold : float, default=None
        A confidence threshold to mark: images at or above it are answered.
    threshold_coverage, threshold_error_rate : float, default=None
        The coverage and the error rate at this threshold. The error rate is NaN where nothing is
        answered.
    target_error_rate : float, default=None
        An error rate to mark.
    name : str, default=None
        The name of the curve in the legend.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The curve.
    threshold_line_ : matplotlib Line2D or None
        The mark of the threshold.
    target_error_rate_line_ : matplotlib Line2D or None
        The mark of the target error rate.
    ax_ : matplotlib Axes
        The axes with the curve.
    figure_ : matplotlib Figure
        The figure of these axes.

    See Also
    --------
    digitcnn.AbstainingClassifier : Rejects images with a low confidence.

    References
    ----------
    .. [1] R. El-Yaniv, Y. Wiener, "On the foundations of noise-free selective classification",
       Journal of Machine Learning Research 11, 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from digitcnn import AbstainingClassifier
    >>> from digitcnn.inspection import CoverageDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> inner = LogisticRegression(max_iter=300)
    >>> clf = AbstainingClassifier(inner, target_error_rate=0.02, random_state=0)
    >>> display = CoverageDisplay.from_estimator(clf.fit(X[:1000], y[:1000]), X[1000:], y[1000:])
    >>> bool(display.threshold_error_rate < display.error_rate[-1])
    True
    """

    ax_: Any
    figure_: Any
    line_: Any
    target_error_rate_line_: Any
    threshold_line_: Any

    def __init__(
        self,
        coverage: ArrayLike,
        error_rate: ArrayLike,
        *,
        threshold: float | None = None,
        threshold_coverage: float | None = None,
        threshold_error_rate: float | None = None,
        target_error_rate: float | None = None,
        name: str | None = None,
    ) -> None:
        self.coverage = np.asarray(coverage)
        self.error_rate = np.asarray(error_rate)
        self.threshold = threshold
        self.threshold_coverage = threshold_coverage
        self.threshold_error_rate = threshold_error_rate
        self.target_error_rate = target_error_rate
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: FittedClassifier,
        X: ArrayLike,
        y: ArrayLike,
        *,
        target_error_rate: float | None = None,
        name: str | None = None,
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the coverage curve of a fitted classifier.

        Parameters
        ----------
        estimator : classifier or Pipeline
            A fitted classifier with `predict_proba`. The threshold of an `AbstainingClassifier`, or
            of a pipeline that ends in one, is marked.
        X : array-like or DataFrame
            The images, as the estimator takes them. Use test data that trained neither the network
            nor the threshold.
        y : array-like of shape (n,)
            The true labels.
        target_error_rate : float, default=None
            An error rate to mark, between 0 and 1, together with the confidence threshold that the
            validation data gives for it: see `DigitCNNClassifier.confidence_threshold`. None is an
            `AbstainingClassifier`'s own.
        name : str, default=None
            The name of the curve in the legend. None is the name of the estimator's class.
        ax : matplotlib Axes, default=None
            See `plot`.
        **kwargs
            See `plot`.

        Returns
        -------
        CoverageDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are labels that the classifier does not know, or if the classifier has no
            validation data to choose a threshold for `target_error_rate`.
        """
        need_matplotlib(f"{cls.__name__}.from_estimator")
        last, given = split_pipeline(estimator, X)
        threshold = None
        is_abstaining = isinstance(last, AbstainingClassifier)
        if is_abstaining and target_error_rate in (None, last.target_error_rate):
            threshold, target_error_rate = last.threshold_, last.target_error_rate
        elif target_error_rate is not None:
            threshold = confidence_threshold(getattr(last, "classifier_", last), target_error_rate)
        return cls.from_predictions(
            y,
            last.predict_proba(given),
            last.classes_,
            threshold=threshold,
            target_error_rate=target_error_rate,
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
        threshold: float | None = None,
        target_error_rate: float | None = None,
        name: str | None = None,
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the coverage curve of predictions.

        Parameters
        ----------
        y_true : array-like of shape (n,)
            The true labels.
        probabilities : array-like of shape (n, n_classes)
            The predicted probabilities.
        classes : array-like of shape (n_classes,)
            The label of each column of `probabilities`.
        threshold : float, default=None
            A confidence threshold to mark: images at or above it are answered.
        target_error_rate : float, default=None
            An error rate to mark.
        name : str, default=None
            The name of the curve in the legend.
        ax : matplotlib Axes, default=None
            See `plot`.
        **kwargs
            See `plot`.

        Returns
        -------
        CoverageDisplay

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
        order = np.argsort(-confidences, kind="stable")
        answered = np.arange(1, len(order) + 1)
        rates = np.cumsum(~correct[order]) / answered
        # Images of equal confidence are answered together or not at all.
        is_last = np.append(np.diff(confidences[order]) < 0, True)
        at_threshold: dict[str, Any] = {}
        if threshold is not None:
            is_answered = confidences >= threshold
            wrong = ~correct[is_answered]
            at_threshold = {
                "threshold": threshold,
                "threshold_coverage": float(is_answered.mean()),
                "threshold_error_rate": float(wrong.mean()) if len(wrong) else float("nan"),
            }
        display = cls(
            (answered / len(order))[is_last],
            rates[is_last],
            **at_threshold,
            target_error_rate=target_error_rate,
            name=name,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, *, ax: "Axes | None" = None, **kwargs: Any) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None creates a new figure.
        **kwargs
            For `matplotlib.axes.Axes.plot`.

        Returns
        -------
        CoverageDisplay
            This display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        need_matplotlib(f"{type(self).__name__}.plot")
        from matplotlib.ticker import PercentFormatter

        ax = open_axes(ax, (6.4, 4.2))
        self.ax_, self.figure_ = ax, ax.figure
        style = {"label": self.name, **kwargs}
        self.line_ = ax.plot(self.coverage, self.error_rate, **style)[0]
        self.target_error_rate_line_ = self.threshold_line_ = None
        if self.target_error_rate is not None:
            self.target_error_rate_line_ = ax.axhline(
                self.target_error_rate,
                color=GREY,
                linestyle=":",
                label=f"{100 * self.target_error_rate:.3g}% target",
            )
        if self.threshold is not None:
            x = float(self.threshold_coverage or 0)
            y = np.nan if self.threshold_error_rate is None else self.threshold_error_rate
            label = f"confidence ≥ {self.threshold:.3g}: {x:.1%} answered"
            if x:
                label += f", {y:.2%} wrong"
            self.threshold_line_ = ax.plot(
                [x], [y],
                color=self.line_.get_color(), marker="D", markersize=8, linestyle="", label=label,
            )[0]  # fmt: skip
        ax.xaxis.set_major_formatter(PercentFormatter(1.0))
        ax.yaxis.set_major_formatter(PercentFormatter(1.0))
        ax.set(xlabel="coverage (answered images)", ylabel="error rate of the answers")
        if ax.get_legend_handles_labels()[0]:
            ax.legend()
        return self
