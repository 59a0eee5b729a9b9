"""Occlusion maps: how much a classifier's answer depends on each part of a picture."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from digitcnn._typing import ArrayLike, FittedClassifier, NDArray
from digitcnn.inspection._drawing import bare_axes, need_matplotlib, open_axes, pictures_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

# The default size of a patch as a fraction of the shorter side: 4 pixels of 28.
_PATCH = 1 / 7
# Pixels of the copies that are classified in one call: 512 images of 28x28.
_MOST_PIXELS = 512 * 784


def occlusion_map(
    estimator: FittedClassifier,
    image: ArrayLike,
    *,
    label: Any = None,
    patch_size: int | None = None,
    stride: int = 1,
    fill: float | None = None,
    log: bool = True,
    image_shape: tuple[int, ...] | None = None,
) -> NDArray[np.float64]:
    """How much the probability of a label drops when parts of an image are hidden [1]_.

    A square patch hides each part of the image in turn, and the copies are classified, a bounded
    number at a time. Each pixel gets the mean drop over the patches that hide it.

    Parameters
    ----------
    estimator : classifier or Pipeline
        A fitted classifier with `predict_proba`.
    image : array-like of shape (pixels,), (height, width) or (height, width, channels)
        One image: an element of the array that the estimator takes.
    label : object, default=None
        The label whose evidence is computed. None is the predicted label.
    patch_size : int, default=None
        Side of the patch in pixels. None is a seventh of the image's shorter side.
    stride : int, default=1
        Pixels between neighbouring patches, at most the patch's size. A larger stride needs fewer
        copies. The last position in each direction is always included.
    fill : float, default=None
        The value of the patch. None is the background: the median along the image's border.
    log : bool, default=True
        Whether to compute the drop of the natural logarithm of the probability. The probability
        itself hardly drops while the classifier stays confident.
    image_shape : tuple of int (height, width) or (height, width, channels), default=None
        The shape of a row of pixels; None takes it as a square image.

    Returns
    -------
    ndarray of shape (height, width), float64
        Positive where the hidden pixels are evidence for the label, negative where they are
        evidence against it.

    Raises
    ------
    ValueError
        If the label is not among the classifier's, the patch does not fit into the image, or the
        row does not have that shape.

    References
    ----------
    .. [1] M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks",
       ECCV 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from digitcnn.inspection import occlusion_map
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = LogisticRegression(max_iter=300).fit(X[:1000], y[:1000])
    >>> occlusion_map(clf, X[1001], patch_size=2).shape
    (8, 8)
    """
    form = np.asarray(image)
    picture = pictures_of(form[None], image_shape)[0]
    height, width = picture.shape[:2]
    size = max(1, round(min(height, width) * _PATCH)) if patch_size is None else patch_size
    if not 1 <= size <= min(height, width):
        raise ValueError(f"expected patch_size from 1 to {min(height, width)}, got {size}")
    if not 1 <= stride <= size:
        raise ValueError(f"expected stride from 1 to {size}, the patch's size, got {stride}")
    tops, lefts = _starts(height, size, stride), _starts(width, size, stride)
    corners = [(top, left) for top in tops for left in lefts]
    background = np.asarray(_border_median(picture) if fill is None else fill, picture.dtype)
    drop, times = np.zeros((height, width)), np.zeros((height, width))
    at_once = max(2, _MOST_PIXELS // picture.size)
    whole: Any = None
    while corners:
        # The first copy of the first batch is the unchanged image.
        some = corners[: at_once - (whole is None)]
        corners = corners[len(some) :]
        copies = np.repeat(picture[None], len(some) + (whole is None), axis=0)
        for copy, (top, left) in zip(copies[whole is None :], some, strict=True):
            copy[top : top + size, left : left + size] = background
        answers = np.asarray(estimator.predict_proba(copies.reshape(-1, *form.shape)), dtype=float)
        if whole is None:
            column = _column(estimator.classes_, label, answers[0])
        values = answers[:, column]
        if log:
            values = np.log(np.maximum(values, np.finfo(np.float32).tiny))
        if whole is None:
            whole, values = values[0], values[1:]
        for value, (top, left) in zip(values, some, strict=True):
            drop[top : top + size, left : left + size] += whole - value
            times[top : top + size, left : left + size] += 1
    drop /= times
    return drop


class OcclusionDisplay:
    """The evidence in a picture for a classifier's answer, from `occlusion_map`.

    A part is evidence for the label if hiding it makes the label less likely, and evidence against
    it if hiding it makes the label more likely. The outline is that of the strokes.

    Create it with `from_estimator`.

    Parameters
    ----------
    picture : ndarray of shape (height, width) or (height, width, channels)
        The image.
    occlusion : ndarray of shape (height, width)
        The drop of the label's probability, or of its logarithm, for each pixel.
    label : object, default=None
        The label whose evidence is shown.
    log : bool, default=True
        Whether the drop is that of the logarithm of the probability.

    Attributes
    ----------
    im_ : matplotlib AxesImage
        The image of the map.
    ax_ : matplotlib Axes
        The axes with the map.
    figure_ : matplotlib Figure
        The figure of these axes.

    References
    ----------
    .. [1] M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks",
       ECCV 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from digitcnn.inspection import OcclusionDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = LogisticRegression(max_iter=300).fit(X[:1000], y[:1000])
    >>> display = OcclusionDisplay.from_estimator(clf, X[1001], patch_size=2)
    >>> int(display.label)
    4
    """

    ax_: Any
    figure_: Any
    im_: Any

    def __init__(
        self,
        picture: NDArray[Any],
        occlusion: NDArray[np.float64],
        *,
        label: Any = None,
        log: bool = True,
    ) -> None:
        self.picture = picture
        self.occlusion = occlusion
        self.label = label
        self.log = log

    @classmethod
    def from_estimator(
        cls,
        estimator: FittedClassifier,
        image: ArrayLike,
        *,
        label: Any = None,
        patch_size: int | None = None,
        stride: int = 1,
        fill: float | None = None,
        log: bool = True,
        image_shape: tuple[int, ...] | None = None,
        cmap: "str | Colormap" = "PuOr_r",
        colorbar: bool = True,
        ax: "Axes | None" = None,
    ) -> Self:
        """Compute and draw the occlusion map of an image.

        Parameters
        ----------
        estimator : classifier or Pipeline
            A fitted classifier with `predict_proba`.
        image : array-like of shape (pixels,), (height, width) or (height, width, channels)
            One image: an element of the array that the estimator takes.
        label : object, default=None
            The label whose evidence is shown. None is the predicted label.
        patch_size : int, default=None
            Side of the patch in pixels, see `occlusion_map`.
        stride : int, default=1
            Pixels between neighbouring patches.
        fill : float, default=None
            The value of the patch. None is the background.
        log : bool, default=True
            Whether to show the drop of the logarithm of the probability.
        image_shape : tuple of int, default=None
            The shape of a row of pixels; None takes it as a square image.
        cmap : str or matplotlib Colormap, default="PuOr_r"
            See `plot`.
        colorbar : bool, default=True
            See `plot`.
        ax : matplotlib Axes, default=None
            See `plot`.

        Returns
        -------
        OcclusionDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            As `occlusion_map`.
        """
        need_matplotlib(f"{cls.__name__}.from_estimator")
        form = np.asarray(image)
        if label is None:
            probabilities = np.asarray(estimator.predict_proba(form[None]))
            label = estimator.classes_[probabilities[0].argmax()]
        occlusion = occlusion_map(
            estimator,
            image,
            label=label,
            patch_size=patch_size,
            stride=stride,
            fill=fill,
            log=log,
            image_shape=image_shape,
        )
        display = cls(pictures_of(form[None], image_shape)[0], occlusion, label=label, log=log)
        return display.plot(cmap=cmap, colorbar=colorbar, ax=ax)

    def plot(
        self, *, cmap: "str | Colormap" = "PuOr_r", colorbar: bool = True, ax: "Axes | None" = None
    ) -> Self:
        """Draw the display.

        Parameters
        ----------
        cmap : str or matplotlib Colormap, default="PuOr_r"
            A diverging colormap; its middle stands for no change.
        colorbar : bool, default=True
            Whether to draw a colour bar.
        ax : matplotlib Axes, default=None
            None creates a new figure.

        Returns
        -------
        OcclusionDisplay
            This display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        need_matplotlib(f"{type(self).__name__}.plot")
        ax = open_axes(ax, (4.8, 4.0))
        self.ax_, self.figure_ = ax, ax.figure
        height, width = self.occlusion.shape
        most = float(np.abs(self.occlusion).max()) or 1.0
        extent = (0, width, height, 0)
        self.im_ = ax.imshow(self.occlusion, cmap=cmap, vmin=-most, vmax=most, extent=extent)
        grey = np.asarray(self.picture, dtype=float).reshape(height, width, -1).mean(axis=2)
        low, high = grey.min(), grey.max()
        if high > low:
            # Padding closes the outline of strokes that touch the border.
            grey = np.pad(grey, 1, constant_values=_border_median(grey))
            rows, columns = np.arange(height + 2) - 0.5, np.arange(width + 2) - 0.5
            level = (low + high) / 2
            ax.contour(columns, rows, grey, levels=[level], colors="black", linewidths=1.5)
        bare_axes(ax, width, height)
        if colorbar:
            what = "log-probability" if self.log else "probability"
            self.figure_.colorbar(self.im_, ax=ax, label=f"drop of the {what} when hidden")
        if self.label is not None:
            ax.set_title(f"evidence for {self.label}")
        return self


def _starts(length: int, size: int, stride: int) -> list[int]:
    """The first pixels of the patches along an axis; the last patch ends at its last pixel."""
    return sorted({*range(0, length - size + 1, stride), length - size})


def _border_median(picture: np.ndarray) -> Any:
    """The median along the border, of each channel."""
    border = np.concatenate([picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1]])
    return np.median(border, axis=0)


def _column(classes: np.ndarray, label: Any, probabilities: np.ndarray) -> int:
    if label is None:
        return int(probabilities.argmax())
    found = np.flatnonzero(classes == label)
    if not len(found):
        raise ValueError(f"expected label to be one of {classes.tolist()}, got {label!r}")
    return int(found[0])
