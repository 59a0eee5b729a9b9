"""The errors that matter most, as pictures."""

from typing import Any, Self

import numpy as np

from digitcnn._utils.labels import encode_labels
from digitcnn.inspection._drawing import (
    INK_ON_PAPER,
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


class ErrorGalleryDisplay:
    """The most confident errors of a classifier.

    Errors are ordered by how far the probability of the answer leads that of the truth. A large
    lead is a digit that the network has learned wrongly, or a wrong label; a small one is a digit
    that could be either.

    It is made by `from_estimator` or `from_predictions`.

    Parameters
    ----------
    pictures : list of n ndarray
        The images that were misclassified, the most confident first.
    rows : array-like of shape (n,)
        Their rows in the data.
    predictions, truths : array-like of shape (n,)
        What they were read as, and what they are.
    prediction_probabilities, truth_probabilities : array-like of shape (n,)
        Of both.
    n_errors : int
        How many errors there are in all.
    n_images : int
        How many images were read.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes that they are in.
    figure_ : matplotlib Figure
        The figure that it is in.
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

    def __init__(
        self,
        pictures: Any,
        *,
        rows: Any,
        predictions: Any,
        truths: Any,
        prediction_probabilities: Any,
        truth_probabilities: Any,
        n_errors: int,
        n_images: int,
    ) -> None:
        self.pictures = pictures
        self.rows = rows
        self.predictions = predictions
        self.truths = truths
        self.prediction_probabilities = prediction_probabilities
        self.truth_probabilities = truth_probabilities
        self.n_errors = n_errors
        self.n_images = n_images

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        n_errors: int = 6,
        image_shape: tuple[int, ...] | None = None,
        n_columns: int = 6,
        cmap: Any = INK_ON_PAPER,
        ax: Any = None,
    ) -> Self:
        """Draw the errors of a fitted classifier.

        Parameters
        ----------
        estimator : classifier or Pipeline
            Fitted, with `predict_proba`.
        X : array-like or DataFrame
            What the estimator takes. Arrays and lists of pictures are shown as they are. Of a
            pipeline that is given anything else, what its last step is given is shown.
        y : array-like of shape (n,)
            The true labels.
        n_errors : int, default=6
            How many to show, at most.
        image_shape : tuple of int (height, width) or (height, width, channels), default=None
            What rows of pixels in X are; they are then shown as they are, in a pipeline too. None
            takes rows for squares, or for what the classifier does.
        n_columns : int, default=6
            As in `plot`.
        cmap : str or matplotlib Colormap, default="gray_r"
            As in `plot`.
        ax : matplotlib Axes, default=None
            As in `plot`.

        Returns
        -------
        ErrorGalleryDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are labels that the classifier does not know, or no pictures to show.
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
        X: Any,
        y_true: Any,
        probabilities: Any,
        classes: Any,
        *,
        n_errors: int = 6,
        image_shape: tuple[int, ...] | None = None,
        n_columns: int = 6,
        cmap: Any = INK_ON_PAPER,
        ax: Any = None,
    ) -> Self:
        """Draw the errors among answers that were given.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, height, width, channels), \
                or list of pictures
            The images. Those of a list may differ in size.
        y_true : array-like of shape (n,)
            Their labels.
        probabilities : array-like of shape (n, n_classes)
            What was answered.
        classes : array-like of shape (n_classes,)
            The label of each column of `probabilities`.
        n_errors : int, default=6
            How many to show, at most.
        image_shape : tuple of int (height, width) or (height, width, channels), default=None
            What rows of pixels are; None takes them for squares.
        n_columns : int, default=6
            As in `plot`.
        cmap : str or matplotlib Colormap, default="gray_r"
            As in `plot`.
        ax : matplotlib Axes, default=None
            As in `plot`.

        Returns
        -------
        ErrorGalleryDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are labels that are no class, or no pictures to show.
        """
        need_matplotlib(f"{cls.__name__}.from_predictions")
        pictures, classes = pictures_of(X, image_shape), np.asarray(classes)
        probabilities = np.asarray(probabilities, dtype=float)
        y_encoded = encode_labels(y_true, classes, probabilities)
        if len(pictures) != len(y_encoded):
            raise ValueError(
                f"X has {len(pictures)} images, but y_true has {len(y_encoded)} labels"
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

    def plot(self, *, n_columns: int = 6, cmap: Any = INK_ON_PAPER, ax: Any = None) -> Self:
        """Draw it.

        Parameters
        ----------
        n_columns : int, default=6
            Images in a line, at most.
        cmap : str or matplotlib Colormap, default="gray_r"
            Colours of the pixels. The default shows 0 as paper; ``"gray"`` is for dark ink on
            light paper.
        ax : matplotlib Axes, default=None
            None makes a new figure.

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
            ax.text(0.5, 0.5, "nothing to show", alpha=0.6, ha="center", va="center")
            return self
        limits, pitch = limits_of(self.pictures), 1.75
        for i, picture in enumerate(self.pictures):
            left, top = 1.3 * (i % n_columns) + 0.15, pitch * (i // n_columns) + 0.22
            self.images_.append(draw_picture(ax, picture, (left, top), limits, cmap))
            middle = left + 0.5
            row = f"row {self.rows[i]}"
            read = f"read {self.predictions[i]}  {self.prediction_probabilities[i]:.3f}"
            truth = f"truth {self.truths[i]}  {self.truth_probabilities[i]:.3f}"
            below = {"ha": "center", "va": "top"}
            ax.text(middle, top - 0.04, row, ha="center", va="bottom", alpha=0.6, fontsize="small")
            ax.text(middle, top + 1.05, read, color=RED, weight="bold", **below)
            ax.text(middle, top + 1.25, truth, **below)
        bare_axes(ax, 1.3 * n_columns, pitch * n_lines)
        return self

    def _title(self) -> str:
        if not self.n_errors:
            return f"All {self.n_images:,} images were read correctly"
        rate = self.n_errors / self.n_images
        title = f"{self.n_errors:,} of {self.n_images:,} images read wrongly ({rate:.2%})"
        if len(self.pictures) < self.n_errors:
            title += f"; the {len(self.pictures)} most confident ones"
        return title
