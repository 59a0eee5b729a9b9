"""The confusion matrix, with colours for the errors only."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay

from digitcnn._typing import ArrayLike, FittedClassifier
from digitcnn.inspection._drawing import GREY, need_matplotlib, open_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap


class ConfusionDisplay(ConfusionMatrixDisplay):
    """scikit-learn's confusion matrix, with colours for the errors only.

    The diagonal of a good classifier's confusion matrix dominates the colour scale and hides the
    errors. Here the diagonal has numbers but no colour, the colours range from no error to the most
    frequent one, and cells without errors are empty.

    Parameters
    ----------
    confusion_matrix : ndarray of shape (n_classes, n_classes)
        Rows are true classes, columns are predicted classes.
    display_labels : ndarray of shape (n_classes,), default=None
        The labels; None numbers the classes from 0.

    Attributes
    ----------
    im_ : matplotlib AxesImage
        The image of the matrix.
    text_ : ndarray of shape (n_classes, n_classes) of matplotlib Text, or None
        The numbers in the cells.
    ax_ : matplotlib Axes
        The axes with the matrix.
    figure_ : matplotlib Figure
        The figure of these axes.

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay : The base class, with all parameters.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from digitcnn.inspection import ConfusionDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = GaussianNB().fit(X[:1000], y[:1000])
    >>> display = ConfusionDisplay.from_estimator(clf, X[1000:], y[1000:])
    >>> most_frequent_error = display.im_.get_clim()[1]
    """

    @classmethod
    def from_estimator(
        cls,
        estimator: FittedClassifier,
        X: ArrayLike,
        y: ArrayLike,
        *,
        cmap: "str | Colormap" = "Oranges",
        **kwargs: Any,
    ) -> Self:
        """Draw the confusion matrix of a fitted classifier.

        Parameters
        ----------
        estimator : classifier or Pipeline
            A fitted classifier.
        X : array-like or DataFrame
            The images, as the estimator takes them.
        y : array-like of shape (n,)
            The true labels.
        cmap : str or matplotlib Colormap, default="Oranges"
            Colours of the errors.
        **kwargs
            As in `sklearn.metrics.ConfusionMatrixDisplay.from_estimator`.

        Returns
        -------
        ConfusionDisplay
        """
        need_matplotlib(f"{cls.__name__}.from_estimator")
        display: Self = super().from_estimator(estimator, X, y, cmap=cmap, **kwargs)
        return display

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        cmap: "str | Colormap" = "Oranges",
        **kwargs: Any,
    ) -> Self:
        """Draw the confusion matrix of predictions.

        Parameters
        ----------
        y_true : array-like of shape (n,)
            The true labels.
        y_pred : array-like of shape (n,)
            The predicted labels.
        cmap : str or matplotlib Colormap, default="Oranges"
            Colours of the errors.
        **kwargs
            As in `sklearn.metrics.ConfusionMatrixDisplay.from_predictions`.

        Returns
        -------
        ConfusionDisplay
        """
        need_matplotlib(f"{cls.__name__}.from_predictions")
        display: Self = super().from_predictions(y_true, y_pred, cmap=cmap, **kwargs)
        return display

    def plot(
        self, *, cmap: "str | Colormap" = "Oranges", ax: "Axes | None" = None, **kwargs: Any
    ) -> Self:
        """Draw the display.

        Parameters
        ----------
        cmap : str or matplotlib Colormap, default="Oranges"
            Colours of the errors.
        ax : matplotlib Axes, default=None
            None creates a new figure.
        **kwargs
            As in `sklearn.metrics.ConfusionMatrixDisplay.plot`.

        Returns
        -------
        ConfusionDisplay
            This display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        need_matplotlib(f"{type(self).__name__}.plot")
        from matplotlib.ticker import MaxNLocator

        ax = open_axes(ax, (6.4, 5.2))
        super().plot(cmap=cmap, ax=ax, **kwargs)
        is_right = np.eye(len(self.confusion_matrix), dtype=bool)
        errors = np.ma.masked_array(self.confusion_matrix, mask=is_right)
        most = np.max(errors.filled(0))
        self.im_.set_data(errors)
        self.im_.set_clim(0, most or 1)
        if self.im_.colorbar is not None and errors.dtype.kind in "iu":
            self.im_.colorbar.locator = MaxNLocator(integer=True)
            self.im_.colorbar.update_ticks()
        if self.text_ is not None:
            for text, value, right in zip(
                self.text_.flat, self.confusion_matrix.flat, is_right.flat, strict=True
            ):
                if right:
                    text.set(color=GREY)
                elif not value:
                    text.set(text="")
                else:
                    red, green, blue, _ = self.im_.to_rgba(value)
                    is_light = 0.3 * red + 0.6 * green + 0.1 * blue > 0.5
                    text.set(color="black" if is_light else "white")
        return self
