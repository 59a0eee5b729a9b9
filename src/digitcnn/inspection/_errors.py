"""The most confident errors, as pictures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from digitcnn._typing import ArrayLike, FittedClassifier, NDArray
from digitcnn._utils.labels import encode_labels
from digitcnn.inspection._drawing import (
    DARK_ON_LIGHT,
    RED,
    are_pictures,
    bare_axes,
    draw_picture,
    limits_of,
    need_matplotlib,
    open_axes,
    pictures_of,
    row_shape_of,
    split_pipeline,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap


class ErrorGalleryDisplay:
    """The most confident errors of a classifier, as pictures.

    The errors are sorted by the probability of the predicted label minus that of the true label. A
    large difference points to a digit that the network learned wrongly, or to a wrong label; a
    small one to a digit that could be either.

    Create it with `from_estimator` or `from_predictions`.

    Parameters
    ----------
    pictures : list of n ndarray
        The misclassified images, the most confident error first.
    rows : array-like of shape (n,)
        Their rows in the data, counted from 0.
    predictions, truths : array-like of shape (n,)
        Their predicted labels and their true labels.
    prediction_probabilities, truth_probabilities : array-like of shape (n,)
        The predicted probabilities of these labels.
    n_errors : int
        The number of all errors.
    n_images : int
        The number of all images.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the images.
    figure_ : matplotlib Figure
        The figure of these axes.
    images_ : list of matplotlib AxesImage
        The images.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from digitcnn.inspection import ErrorGalleryDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = GaussianNB().fit(X[:1000], y[:1000])
    >>> display = ErrorGalleryDisplay.from_estimator(clf, X[1000:], y[1000:])
    >>> bool((display.predictions != display.truths).all())
    True
    """

    ax_: Any
    figure_: Any
    images_: list[Any]

    def __init__(
        self,
        pictures: Sequence[NDArray[Any]],
        *,
        rows: ArrayLike,
        predictions: ArrayLike,
        truths: ArrayLike,
        prediction_probabilities: ArrayLike,
        truth_probabilities: ArrayLike,
        n_errors: int,
        n_images: int,
    ) -> None:
        self.pictures = pictures
        self.rows = np.asarray(rows)
        self.predictions = np.asarray(predictions)
        self.truths = np.asarray(truths)
        self.prediction_probabilities = np.asarray(prediction_probabilities)
        self.truth_probabilities = np.asarray(truth_probabilities)
        self.n_errors = n_errors
        self.n_images = n_images

    @classmethod
    def from_estimator(
        cls,
        estimator: FittedClassifier,
        X: ArrayLike,
        y: ArrayLike,
        *,
        n_errors: int = 6,
        image_shape: tuple[int, ...] | None = None,
        n_columns: int = 6,
        cmap: "str | Colormap" = DARK_ON_LIGHT,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw the most confident errors of a fitted classifier.

        Parameters
        ----------
        estimator : classifier or Pipeline
            A fitted classifier with `predict_proba`.
        X : array-like or DataFrame
            The images, as the estimator takes them. Arrays and lists of pictures are shown as they
            are. For other input of a pipeline, such as a table, its last step's input is shown.
        y : array-like of shape (n,)
            The true labels.
        n_errors : int, default=6
            The maximum number of errors to show.
        image_shape : tuple of int (height, width) or (height, width, channels), default=None
            The shape of rows of pixels in X, which are then shown as they are, also for a pipeline.
            None takes the shape that the classifier was fitted on; for other classifiers rows are
            square images.
        n_columns : int, default=6
            See `plot`.
        cmap : str or matplotlib Colormap, default="gray_r"
            See `plot`.
        ax : matplotlib Axes, default=None
            See `plot`.

        Returns
        -------
        ErrorGalleryDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are labels that the classifier does not know, or if X cannot be shown as
            pictures.
        """
        need_matplotlib(f"{cls.__name__}.from_estimator")
        last, given = split_pipeline(estimator, X)
        probabilities = last.predict_proba(given)
        if image_shape is None and not are_pictures(X):
            X = pictures_of(given, row_shape_of(last))
        return cls.from_predictions(
            X,
            y,
            probabilities,
            last.classes_,
            n_errors=n_errors,
            image_shape=image_shape,
            n_columns=n_columns,
            cmap=cmap,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        X: ArrayLike,
        y_true: ArrayLike,
        probabilities: ArrayLike,
        classes: ArrayLike,
        *,
        n_errors: int = 6,
        image_shape: tuple[int, ...] | None = None,
        n_columns: int = 6,
        cmap: "str | Colormap" = DARK_ON_LIGHT,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw the most confident errors of predictions.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, height, width, channels), \
                or list of pictures
            The images. Pictures in a list may differ in size.
        y_true : array-like of shape (n,)
            The true labels.
        probabilities : array-like of shape (n, n_classes)
            The predicted probabilities.
        classes : array-like of shape (n_classes,)
            The label of each column of `probabilities`.
        n_errors : int, default=6
            The maximum number of errors to show.
        image_shape : tuple of int (height, width) or (height, width, channels), default=None
            The shape of rows of pixels; None takes them as square images.
        n_columns : int, default=6
            See `plot`.
        cmap : str or matplotlib Colormap, default="gray_r"
            See `plot`.
        ax : matplotlib Axes, default=None
            See `plot`.

        Returns
        -------
        ErrorGalleryDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are labels that are not in `classes`, or if X cannot be shown as pictures.
        """
        need_matplotlib(f"{cls.__name__}.from_predictions")
        pictures, classes = pictures_of(X, image_shape), np.asarray(classes)
        probabilities = np.asarray(probabilities, dtype=float)
        y_encoded = encode_labels(y_true, classes, probabilities)
        if len(pictures) != len(y_encoded):
            raise ValueError(
                f"expected a label for each of {len(pictures)} images in X, got {len(y_encoded)} "
                "in y_true"
            )
        answer = probabilities.argmax(axis=1)
        everyone = np.arange(len(y_encoded))
        lead = probabilities[everyone, answer] - probabilities[everyone, y_encoded]
        wrong = np.flatnonzero(answer != y_encoded)
        rows = wrong[np.argsort(-lead[wrong], kind="stable")][:n_errors]
        return cls(
            [pictures[i] for i in rows],
            rows=rows,
            predictions=classes[answer[rows]],
            truths=classes[y_encoded[rows]],
            prediction_probabilities=probabilities[rows, answer[rows]],
            truth_probabilities=probabilities[rows, y_encoded[rows]],
            n_errors=len(wrong),
            n_images=len(y_encoded),
        ).plot(n_columns=n_columns, cmap=cmap, ax=ax)

    def plot(
        self,
        *,
        n_columns: int = 6,
        cmap: "str | Colormap" = DARK_ON_LIGHT,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw the display.

        Parameters
        ----------
        n_columns : int, default=6
            The maximum number of images in a row.
        cmap : str or matplotlib Colormap, default="gray_r"
            Colormap of the pixels. The default shows 0 as white; ``"gray"`` suits images of dark
            strokes on a light background.
        ax : matplotlib Axes, default=None
            None creates a new figure.

        Returns
        -------
        ErrorGalleryDisplay
            This display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        need_matplotlib(f"{type(self).__name__}.plot")
        n = len(self.pictures)
        n_columns = max(1, min(n_columns, n))
        n_lines = -(-n // n_columns)
        ax = open_axes(ax, (max(4.5, 1.5 * n_columns), 0.4 + max(0.6, 2.02 * n_lines)))
        self.ax_, self.figure_ = ax, ax.figure
        self.images_ = []
        ax.set_title(self._title())
        if not n:
            bare_axes(ax, 1, 1)
            ax.set(aspect="auto")
            ax.text(0.5, 0.5, "no errors to show", alpha=0.6, ha="center", va="center")
            return self
        limits, pitch = limits_of(self.pictures), 1.75
        for i, picture in enumerate(self.pictures):
            left, top = 1.3 * (i % n_columns) + 0.15, pitch * (i // n_columns) + 0.22
            self.images_.append(draw_picture(ax, picture, (left, top), limits, cmap))
            middle = left + 0.5
            row = f"row {self.rows[i]}"
            predicted = f"pred {self.predictions[i]}  {self.prediction_probabilities[i]:.3f}"
            truth = f"true {self.truths[i]}  {self.truth_probabilities[i]:.3f}"
            below: dict[str, Any] = {"ha": "center", "va": "top"}
            ax.text(middle, top - 0.04, row, ha="center", va="bottom", alpha=0.6, fontsize="small")
            ax.text(middle, top + 1.05, predicted, color=RED, weight="bold", **below)
            ax.text(middle, top + 1.25, truth, **below)
        bare_axes(ax, 1.3 * n_columns, pitch * n_lines)
        return self

    def _title(self) -> str:
        if not self.n_errors:
            return f"All {self.n_images:,} images classified correctly"
        rate = self.n_errors / self.n_images
        title = f"{self.n_errors:,} of {self.n_images:,} images misclassified ({rate:.2%})"
        if len(self.pictures) < self.n_errors:
            title += f"; the {len(self.pictures)} most confident errors"
        return title
