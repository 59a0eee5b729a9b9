"""Shared by the displays: matplotlib on first use, axes, and small pictures of digits."""

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.pipeline import Pipeline

from digitcnn._typing import ArrayLike
from digitcnn._utils.images import to_pictures
from digitcnn._utils.pictures import list_pictures
from digitcnn._utils.refusals import not_installed
from digitcnn.classifier import DigitCNNClassifier

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

# Colours that colour-blind people can tell apart, legible on white and on black: close to Okabe and
# Ito's blue and vermilion. Everything else has the colours of the user's style.
BLUE, RED = "#1f7bbf", "#cf5a00"
GREY = "0.5"
# The colormap of images whose background is 0: a light background and dark strokes.
DARK_ON_LIGHT = "gray_r"


def need_matplotlib(caller: str) -> None:
    """Check that matplotlib is installed, before any work is done for a drawing.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise not_installed(caller, ["matplotlib"], "plots") from error


def open_axes(ax: "Axes | None", figsize: tuple[float, float]) -> "Axes":
    """The axes given, or those of a new figure of `figsize` inches."""
    if ax is not None:
        return ax
    from matplotlib import pyplot

    axes: Axes = pyplot.subplots(figsize=figsize, layout="constrained")[1]
    return axes


def open_stacked_axes(ax: Any, heights: list[float], figsize: tuple[float, float]) -> np.ndarray:
    """Axes below each other that share their horizontal axis.

    Parameters
    ----------
    ax : matplotlib Axes, array of Axes, or None
        None creates a new figure. A single subplot is divided; an array is used as it is.
    heights : list of float
        Heights of the axes, relative to each other.
    figsize : tuple of two floats
        Size of a new figure in inches.

    Returns
    -------
    ndarray of Axes, of the length of `heights`

    Raises
    ------
    ValueError
        If the number of axes is different, or if the single one cannot be divided.
    """
    n = len(heights)
    if ax is None:
        from matplotlib import pyplot

        grid: np.ndarray = pyplot.subplots(
            n, 1, sharex=True, squeeze=False, figsize=figsize, height_ratios=heights,
            layout="constrained",
        )[1]  # fmt: skip
        return grid[:, 0]
    given = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(given) == n:
        return given
    if len(given) != 1:
        raise ValueError(f"expected {n} axes, or one to divide, got {len(given)}")
    place = given[0].get_subplotspec()
    if place is None:
        raise ValueError(
            "expected axes created by a figure's subplots, got axes that cannot be divided. Pass "
            f"{n} axes"
        )
    given[0].set_axis_off()
    grid = place.subgridspec(n, 1, height_ratios=heights)
    figure = given[0].figure
    first = figure.add_subplot(grid[0])
    rest = [figure.add_subplot(grid[i], sharex=first) for i in range(1, n)]
    for above in [first, *rest][:-1]:
        above.tick_params(labelbottom=False)
    return np.array([first, *rest], dtype=object)


def are_pictures(X: ArrayLike) -> bool:
    """Whether X contains pictures, not rows of pixels."""
    if isinstance(X, list | tuple):
        return len(X) > 0 and np.ndim(X[0]) >= 2
    return getattr(X, "ndim", 2) >= 3


def pictures_of(X: ArrayLike, image_shape: str | tuple[int, ...] | None = None) -> Any:
    """Rows of pixels, or pictures, as pictures.

    Parameters
    ----------
    X : array-like of shape (n, pixels), (n, height, width) or (n, height, width, channels), or \
            list of pictures
        Pictures in a list may differ in size.
    image_shape : tuple of int, "pad" or None, default=None
        The shape of rows, as for `to_pictures`; None takes them as square images.

    Returns
    -------
    ndarray of shape (n, height, width, channels), or list of ndarray

    Raises
    ------
    ValueError
        If the rows do not have that shape.
    """
    pictures = list_pictures(X)
    return to_pictures(X, image_shape or "auto") if pictures is None else pictures


def row_shape_of(clf: Any) -> str | tuple[int, ...]:
    """The image shape of a classifier's rows of pixels, as for `to_pictures`.

    A `DigitCNNClassifier` knows its images' shape; other classifiers are taken to have squares.
    """
    if not isinstance(clf, DigitCNNClassifier):
        return "auto"
    return "pad" if clf._fit_parameters["image_shape"] == "pad" else clf.image_shape_


def split_pipeline(estimator: Any, X: ArrayLike) -> tuple[Any, Any]:
    """The last step of a pipeline, and X as transformed by the steps before it."""
    if not isinstance(estimator, Pipeline):
        return estimator, X
    before = estimator[:-1]
    return estimator[-1], before.transform(X) if len(before) else X


def network_of(estimator: Any) -> DigitCNNClassifier:
    """The `DigitCNNClassifier`: the estimator, or the last step of a pipeline.

    Raises
    ------
    TypeError
        If it is something else.
    """
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(last, DigitCNNClassifier):
        raise TypeError(
            "expected a DigitCNNClassifier, or a Pipeline that ends in one, got a "
            f"{type(last).__name__}"
        )
    return last


def draw_picture(
    ax: "Axes",
    picture: np.ndarray,
    corner: tuple[float, float],
    limits: Any,
    cmap: "str | Colormap",
) -> Any:
    """Draw a picture into the unit square to the right of and below a corner.

    The picture's proportions are kept.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes whose vertical axis points down.
    picture : ndarray of shape (height, width) or (height, width, channels)
        Three channels are RGB, four are RGBA; of other numbers of channels the mean is shown.
    corner : tuple of two floats
        Left and top.
    limits : tuple of two floats
        The values at the two ends of the colormap.
    cmap : str or matplotlib Colormap

    Returns
    -------
    matplotlib AxesImage
    """
    from matplotlib.patches import Rectangle

    height, width = picture.shape[:2]
    low, high = limits
    if picture.ndim == 3 and picture.shape[2] in (3, 4):
        picture = np.clip((picture.astype(float) - low) / max(high - low, 1e-12), 0, 1)
    elif picture.ndim == 3:
        picture = picture.mean(axis=2)
    w, h = width / max(height, width), height / max(height, width)
    left, top = corner[0] + (1 - w) / 2, corner[1] + (1 - h) / 2
    ax.add_patch(Rectangle((left, top), w, h, fill=False, edgecolor=GREY, linewidth=0.6, zorder=3))
    return ax.imshow(picture, cmap=cmap, vmin=low, vmax=high, extent=(left, left + w, top + h, top))


def limits_of(pictures: Any) -> tuple[float, float]:
    """The smallest and the largest value in pictures that are shown together."""
    return (
        float(min(np.min(picture) for picture in pictures)),
        float(max(np.max(picture) for picture in pictures)),
    )


def bare_axes(ax: "Axes", width: float, height: float) -> None:
    """Show `width` by `height` of the plane from the upper left corner, without ticks or frame."""
    ax.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[], aspect="equal")
    ax.spines[:].set_visible(False)
