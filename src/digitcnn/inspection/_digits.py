"""Displays of labelled digits, and of the distortions that training applies."""

from typing import Any, Self

import numpy as np
from sklearn.base import clone

from digitcnn._utils.images import check_images, resolve_image_shape, to_images
from digitcnn._utils.pixel_range import resolve_pixel_range
from digitcnn.inspection._drawing import (
    BLUE,
    INK_ON_PAPER,
    RED,
    bare_axes,
    draw_picture,
    limits_of,
    need_matplotlib,
    network_of,
    open_axes,
    pictures_of,
    split_pipeline,
)
from digitcnn.training.data import check_prediction_data


class DigitGridDisplay:
    """Some images of each class, a row a class, and how many images each class has.

    It is made by `from_data`. A wrong label stands out from its row.

    Parameters
    ----------
    pictures : list of n_classes lists of ndarray
        The images to show of each class, of shape (height, width) or (height, width, channels).
    classes : array-like of shape (n_classes,)
        The labels.
    counts : array-like of shape (n_classes,)
        How many images each class has in the data.

    Attributes
    ----------
    axes_ : ndarray of two matplotlib Axes
        The images, and the counts.
    figure_ : matplotlib Figure
        The figure that they are in.
    images_ : list of matplotlib AxesImage
        The images, class by class.
    bars_ : matplotlib BarContainer
        The counts.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from digitcnn.inspection import DigitGridDisplay
    >>> display = DigitGridDisplay.from_data(*load_digits(return_X_y=True), n_columns=5)
    >>> display.counts[:3]
    array([178, 182, 177])
    """

    def __init__(self, pictures: Any, classes: Any, counts: Any) -> None:
        self.pictures = pictures
        self.classes = classes
        self.counts = counts

    @classmethod
    def from_data(
        cls,
        X: Any,
        y: Any,
        *,
        n_columns: int = 10,
        image_shape: tuple[int, ...] | None = None,
        cmap: Any = INK_ON_PAPER,
        ax: Any = None,
    ) -> Self:
        """Draw labelled images.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, height, width, channels), \
                or list of pictures
            Images. Those of a list may differ in size.
        y : array-like of shape (n,)
            Their labels.
        n_columns : int, default=10
            Images to show of each class: evenly spread over the data.
        image_shape : tuple of int (height, width) or (height, width, channels), default=None
            What rows of pixels are; None takes them for squares.
        cmap : str or matplotlib Colormap, default="gray_r"
            Colours of the pixels. The default shows 0 as paper; ``"gray"`` is for dark ink on
            light paper.
        ax : matplotlib Axes, default=None
            As in `plot`.

        Returns
        -------
        DigitGridDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the images are no pictures, or there are not as many labels.
        """
        need_matplotlib(f"{cls.__name__}.from_data")
        pictures, y = pictures_of(X, image_shape), np.asarray(y)
        if len(pictures) != len(y) or not len(y):
            raise ValueError(f"X has {len(pictures)} images, but y has {len(y)} labels")
        classes, counts = np.unique(y, return_counts=True)
        shown = []
        for label in classes:
            indices = np.flatnonzero(y == label)
            spread = np.linspace(0, len(indices) - 1, min(n_columns, len(indices))).round()
            shown.append([pictures[i] for i in indices[spread.astype(int)]])
        return cls(shown, classes, counts).plot(cmap=cmap, ax=ax)

    def plot(self, *, cmap: Any = INK_ON_PAPER, ax: Any = None) -> Self:
        """Draw it.

        Parameters
        ----------
        cmap : str or matplotlib Colormap, default="gray_r"
            Colours of the pixels.
        ax : matplotlib Axes, default=None
            Where the images go; the counts stand beside it. None makes a new figure.

        Returns
        -------
        DigitGridDisplay
            This display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        need_matplotlib(f"{type(self).__name__}.plot")
        n_rows, n_columns = len(self.classes), max(map(len, self.pictures))
        ax = open_axes(ax, (0.5 * n_columns + 2.4, 0.5 * n_rows + 0.6))
        limits = limits_of([picture for row in self.pictures for picture in row])
        self.images_ = [
            draw_picture(ax, picture, (1.08 * j, 1.08 * i), limits, cmap)
            for i, row in enumerate(self.pictures)
            for j, picture in enumerate(row)
        ]
        bare_axes(ax, 1.08 * n_columns, 1.08 * n_rows)
        middles = 1.08 * np.arange(n_rows) + 0.5
        ax.set_yticks(middles, [str(label) for label in self.classes])
        ax.tick_params(axis="y", length=0)
        beside = ax.inset_axes((1.02, 0, 0.35, 1), sharey=ax)
        self.bars_ = beside.barh(middles, self.counts, height=0.6, color=BLUE)
        beside.bar_label(self.bars_, [f"{count:,}" for count in self.counts], padding=3)
        beside.set(xticks=[], xlim=(0, 1.6 * max(self.counts)))
        beside.tick_params(axis="y", left=False, labelleft=False)
        beside.spines[:].set_visible(False)
        beside.set_title("images", fontsize="medium", loc="left")
        self.axes_, self.figure_ = np.array([ax, beside], dtype=object), ax.figure
        return self


class DistortionDisplay:
    """One digit, and many of its distortions as training applies them.

    It is made by `from_estimator`. The distortions are those of training, with the estimator's own
    parameters, from ``rotation_range`` to ``corruption_rate``.

    Parameters
    ----------
    picture : ndarray of shape (height, width, channels)
        The digit as it is, in 0..1.
    distorted : ndarray of shape (n, height, width, channels)
        Its distortions, in 0..1.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes that they are in.
    figure_ : matplotlib Figure
        The figure that it is in.
    images_ : list of matplotlib AxesImage
        The digit as it is, and its distortions.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from digitcnn import DigitCNNClassifier
    >>> from digitcnn.inspection import DistortionDisplay
    >>> clf = DigitCNNClassifier(pixel_range=(0, 16), rotation_range=30)
    >>> display = DistortionDisplay.from_estimator(clf, load_digits().images[0], n=7)
    >>> display.distorted.shape
    (7, 8, 8, 1)
    """

    def __init__(self, picture: np.ndarray, distorted: np.ndarray) -> None:
        self.picture = picture
        self.distorted = distorted

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        image: Any,
        *,
        n: int = 23,
        random_state: int | None = None,
        n_columns: int = 8,
        cmap: Any = INK_ON_PAPER,
        ax: Any = None,
    ) -> Self:
        """Distort an image as training would.

        Parameters
        ----------
        estimator : DigitCNNClassifier or Pipeline
            Fitted or not. In a pipeline that ends in one, the steps before it come first: they are
            to be fitted, where they learn anything.
        image : array-like of shape (pixels,), (height, width) or (height, width, channels)
            One image, on the scale of the training data.
        n : int, default=23
            How many distortions of it.
        random_state : int or None, default=None
            Draws them. None is different each time.
        n_columns : int, default=8
            As in `plot`.
        cmap : str or matplotlib Colormap, default="gray_r"
            As in `plot`.
        ax : matplotlib Axes, default=None
            As in `plot`.

        Returns
        -------
        DistortionDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If it is another estimator.
        ValueError
            If the image is not what the estimator takes.
        """
        need_matplotlib(f"{cls.__name__}.from_estimator")
        from digitcnn._utils.pixel_range import scale
        from digitcnn.augmentation.batches import DigitBatches
        from digitcnn.training.plan import plan_distortion

        clf = network_of(estimator)
        picture, clf = _prepare(clf, split_pipeline(estimator, np.asarray(image)[None])[1])
        batches = DigitBatches(
            np.repeat(picture, n, axis=0),
            np.zeros(n, np.int32),
            None,
            pixel_range=clf.pixel_range_,
            batch_size=n,
            distortion=plan_distortion(clf._parameters(), clf.image_shape_),
            corruption_rate=clf.corruption_rate,
            seed=int(np.random.SeedSequence(random_state).generate_state(1)[0]),
        )
        distorted = batches[0][0]
        display = cls(scale(picture, clf.pixel_range_)[0], distorted)
        return display.plot(n_columns=n_columns, cmap=cmap, ax=ax)

    def plot(self, *, n_columns: int = 8, cmap: Any = INK_ON_PAPER, ax: Any = None) -> Self:
        """Draw it.

        Parameters
        ----------
        n_columns : int, default=8
            Images in a line.
        cmap : str or matplotlib Colormap, default="gray_r"
            Colours of the pixels.
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        DistortionDisplay
            This display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        need_matplotlib(f"{type(self).__name__}.plot")
        pictures = [self.picture, *self.distorted]
        n_columns = min(n_columns, len(pictures))
        n_rows = -(-len(pictures) // n_columns)
        ax = open_axes(ax, (0.9 * n_columns, 0.9 * n_rows + 0.3))
        self.images_ = [
            draw_picture(
                ax, picture, (1.08 * (i % n_columns), 1.08 * (i // n_columns)), (0, 1), cmap
            )
            for i, picture in enumerate(pictures)
        ]
        bare_axes(ax, 1.08 * n_columns, 1.08 * n_rows)
        frame = ax.patches[-len(pictures)]
        frame.set(edgecolor=RED, linewidth=2.5)
        ax.text(0, -0.08, "as it is", color=RED, va="bottom")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _prepare(clf: Any, X: Any) -> tuple[np.ndarray, Any]:
    """Images in the shape that the network takes, and the classifier, or one that knows the shape.

    A classifier that is not fitted finds out about shape and scale from the images.
    """
    if hasattr(clf, "image_shape_"):
        return check_prediction_data(clf, X, "image"), clf
    rows, given_shape = check_images(X)
    clf = clone(clf)
    clf.image_shape_ = resolve_image_shape(clf.image_shape, rows.shape[1], given_shape)
    clf.pixel_range_ = resolve_pixel_range(clf.pixel_range, rows)
    return to_images(rows, clf.image_shape_), clf
