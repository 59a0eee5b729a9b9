"""The distortions that training applies to a digit."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from digitcnn._typing import ArrayLike, NDArray
from digitcnn._utils.images import check_images, resolve_image_shape, to_images
from digitcnn._utils.pixel_range import resolve_pixel_range
from digitcnn.classifier import DigitCNNClassifier
from digitcnn.inspection._drawing import (
    DARK_ON_LIGHT,
    RED,
    bare_axes,
    draw_picture,
    need_matplotlib,
    network_of,
    open_axes,
    split_pipeline,
)
from digitcnn.training.data import check_prediction_data

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap


class DistortionDisplay:
    """One digit, and random distortions of it as training applies them.

    Create it with `from_estimator`. The augmentation has the estimator's parameters, from
    ``rotation_range`` to ``corruption_rate``.

    Parameters
    ----------
    picture : ndarray of shape (height, width, channels)
        The original digit, in 0..1.
    distorted : ndarray of shape (n, height, width, channels)
        Its distortions, in 0..1.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the images.
    figure_ : matplotlib Figure
        The figure of these axes.
    images_ : list of matplotlib AxesImage
        The original digit and its distortions.

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

    ax_: Any
    figure_: Any
    images_: list[Any]

    def __init__(self, picture: NDArray[Any], distorted: NDArray[Any]) -> None:
        self.picture = picture
        self.distorted = distorted

    @classmethod
    def from_estimator(
        cls,
        estimator: DigitCNNClassifier | Pipeline,
        image: ArrayLike,
        *,
        n: int = 23,
        random_state: int | None = None,
        n_columns: int = 8,
        cmap: "str | Colormap" = DARK_ON_LIGHT,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw an image and its distortions.

        Parameters
        ----------
        estimator : DigitCNNClassifier or Pipeline
            Fitted or not; a pipeline must end in a `DigitCNNClassifier`. Its steps before that
            transform the image first, so steps that learn from data must be fitted.
        image : array-like of shape (pixels,), (height, width) or (height, width, channels)
            One image, on the scale of the training data.
        n : int, default=23
            The number of distortions.
        random_state : int or None, default=None
            The seed of the distortions. None gives different ones in each call.
        n_columns : int, default=8
            See `plot`.
        cmap : str or matplotlib Colormap, default="gray_r"
            See `plot`.
        ax : matplotlib Axes, default=None
            See `plot`.

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
            If the image does not have the shape or scale that the estimator takes.
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

    def plot(
        self,
        *,
        n_columns: int = 8,
        cmap: "str | Colormap" = DARK_ON_LIGHT,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw the display.

        Parameters
        ----------
        n_columns : int, default=8
            The number of images in a row.
        cmap : str or matplotlib Colormap, default="gray_r"
            Colormap of the pixels.
        ax : matplotlib Axes, default=None
            None creates a new figure.

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
        ax.text(0, -0.08, "original", color=RED, va="bottom")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _prepare(clf: Any, X: ArrayLike) -> tuple[np.ndarray, Any]:
    """Images in the network's shape, and the classifier with image shape and pixel range set.

    For a classifier that is not fitted, both are found from the images and set on a clone.
    """
    if hasattr(clf, "image_shape_"):
        return check_prediction_data(clf, X, "image"), clf
    rows, given_shape = check_images(X)
    clf = clone(clf)
    clf.image_shape_ = resolve_image_shape(clf.image_shape, rows.shape[1], given_shape)
    clf.pixel_range_ = resolve_pixel_range(clf.pixel_range, rows)
    return to_images(rows, clf.image_shape_), clf
