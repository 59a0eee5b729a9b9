"""The digits of a data set, class by class."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from digitcnn._typing import ArrayLike, NDArray
from digitcnn.inspection._drawing import (
    BLUE,
    DARK_ON_LIGHT,
    bare_axes,
    draw_picture,
    limits_of,
    need_matplotlib,
    open_axes,
    pictures_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap


class DigitGridDisplay:
    """Examples of each class, one row for each, and the number of images of each class.

    Create it with `from_data`. Use it to check data: wrong labels stand out in their row.

    Parameters
    ----------
    pictures : list of n_classes lists of ndarray
        The images to show for each class, of shape (height, width) or (height, width, channels).
    classes : array-like of shape (n_classes,)
        The labels.
    counts : array-like of shape (n_classes,)
        The number of images of each class in the data.

    Attributes
    ----------
    axes_ : ndarray of two matplotlib Axes
        The axes with the images and the axes with the counts.
    figure_ : matplotlib Figure
        The figure of these axes.
    images_ : list of matplotlib AxesImage
        The images, class by class.
    bars_ : matplotlib BarContainer
        The bars of the counts.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from digitcnn.inspection import DigitGridDisplay
    >>> display = DigitGridDisplay.from_data(*load_digits(return_X_y=True), n_columns=5)
    >>> display.counts[:3]
    array([178, 182, 177])
    """

    axes_: NDArray[Any]
    figure_: Any
    images_: list[Any]
    bars_: Any

    def __init__(
        self, pictures: Sequence[Sequence[NDArray[Any]]], classes: ArrayLike, counts: ArrayLike
    ) -> None:
        self.pictures = pictures
        self.classes = np.asarray(classes)
        self.counts = np.asarray(counts)

    @classmethod
    def from_data(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        *,
        n_columns: int = 10,
        image_shape: tuple[int, ...] | None = None,
        cmap: "str | Colormap" = DARK_ON_LIGHT,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw labelled images.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, height, width, channels), \
                or list of pictures
            The images. Pictures in a list may differ in size.
        y : array-like of shape (n,)
            Their labels.
        n_columns : int, default=10
            The number of images to show for each class. They are spread evenly over the data.
        image_shape : tuple of int (height, width) or (height, width, channels), default=None
            The shape of rows of pixels; None takes them as square images.
        cmap : str or matplotlib Colormap, default="gray_r"
            Colormap of the pixels. The default shows 0 as white; ``"gray"`` suits images of dark
            strokes on a light background.
        ax : matplotlib Axes, default=None
            See `plot`.

        Returns
        -------
        DigitGridDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If X cannot be shown as pictures, or if X and y differ in length.
        """
        need_matplotlib(f"{cls.__name__}.from_data")
        pictures, y = pictures_of(X, image_shape), np.asarray(y)
        if len(pictures) != len(y) or not len(y):
            raise ValueError(
                f"expected a label for each of {len(pictures)} images in X, got {len(y)} in y"
            )
        classes, counts = np.unique(y, return_counts=True)
        shown = []
        for label in classes:
            indices = np.flatnonzero(y == label)
            spread = np.linspace(0, len(indices) - 1, min(n_columns, len(indices))).round()
            shown.append([pictures[i] for i in indices[spread.astype(int)]])
        return cls(shown, classes, counts).plot(cmap=cmap, ax=ax)

    def plot(self, *, cmap: "str | Colormap" = DARK_ON_LIGHT, ax: "Axes | None" = None) -> Self:
        """Draw the display.

        Parameters
        ----------
        cmap : str or matplotlib Colormap, default="gray_r"
            Colormap of the pixels.
        ax : matplotlib Axes, default=None
            The axes of the images; the counts are drawn beside them. None creates a new figure.

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
