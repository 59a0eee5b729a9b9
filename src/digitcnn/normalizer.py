"""Pictures of digits from any source, redrawn as MNIST's were made."""

import math
import numbers
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

_MIN_CONTRAST = 16  # Of 255: fainter than that, an 8-bit picture is a blank sheet and its noise.
_NOISE_DEVIATIONS = 4.0
_NOISY_LINE = 0.05  # A line with less ink than this part of the fullest line's is specks.
_FADE = 0.2  # How much of the range is cut below a stroke that is drawn twice as large or more.
_SLOPE_GAIN = 0.7  # A plane is a better paper than one shade if it leaves no more than this part.
_FITTING_ROUNDS = 12
_ROUNDING = 1e-6
_CHUNK_NUMBERS = 1 << 20


class DigitNormalizer(TransformerMixin, BaseEstimator):
    """Redraw pictures of one digit each, of any size, as MNIST's pictures were made.

    The ink is told from the paper, the picture is cropped to the ink, scaled with its proportions
    into a square of ``box`` pixels and set into ``size`` by ``size`` pixels with its centre of mass
    in the middle; strokes are light on a black background. A network that was trained on MNIST
    reads digits from elsewhere far better so.

    Parameters
    ----------
    image_shape : "auto", "pad" or tuple of int, default="auto"
        Height and width of the pictures of a two-dimensional ``X``, in pixels. "auto" asks for a
        square number of columns; "pad" adds empty pixels up to the next square number.
    size : int, default=28
        Side of the pictures that come out, in pixels.
    box : int, default=20
        Side of the square that the ink is fitted into, in pixels; at most ``size``.
    invert : "auto" or bool, default="auto"
        Whether the ink is darker than the paper. "auto" finds it out for each picture: the paper is
        what the border mostly shows, the ink what differs from it most.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of a two-dimensional ``X`` seen by ``fit``; not set for other input.

    See Also
    --------
    DigitCSVTransformer : Reads pixels from tables.

    Notes
    -----
    Each picture is measured against itself, so that the range of its numbers does not matter. What
    lies within four deviations of the paper's own noise is paper; on clean paper the faintest
    stroke is kept. Paper in uneven light is taken for a plane, fitted to the border. A picture of
    one colour, and an 8-bit picture of less than 16 of 255 steps of contrast, has no ink and
    becomes all zeros. MNIST's own pictures pass nearly unchanged. Leave a pixel of paper around the
    ink where you can: of pictures cut to the ink itself, one or two in a hundred (upright ones
    above all) show more ink than paper at their border and are misread.

    Pictures are resampled with Keys's cubic [2]_, made as wide as a pixel of the smaller of the two
    grids, which smooths when enlarging and averages when shrinking.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to
       document recognition", Proceedings of the IEEE 86(11), 1998.
    .. [2] R. Keys, "Cubic convolution interpolation for digital image processing", IEEE
       Transactions on Acoustics, Speech, and Signal Processing 29(6), 1981.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data
    >>> DigitNormalizer().fit_transform(X).shape
    (1797, 784)
    """

    def __init__(
        self,
        image_shape: str | tuple[int, int] = "auto",
        size: int = 28,
        box: int = 20,
        invert: str | bool = "auto",
    ) -> None:
        self.image_shape = image_shape
        self.size = size
        self.box = box
        self.invert = invert

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters and the pictures; nothing else is learnt.

        Parameters
        ----------
        X : array-like of shape (n, h * w) or (n, h, w), or list of arrays of shape (h, w)
            Pictures, as for :meth:`transform`.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : DigitNormalizer
            The transformer itself.

        Raises
        ------
        ValueError
            If a parameter or a picture is not as described.
        """
        self._check_parameters()
        self._check_images(X, reset=True)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Redraw pictures.

        Parameters
        ----------
        X : array-like of shape (n, h * w) or (n, h, w), or list of arrays of shape (h, w)
            Pictures with one number a pixel, in any range. The arrays of a list may differ in size.

        Returns
        -------
        ndarray of uint8 of shape (n, size * size)
            The redrawn pictures, 0 for paper and up to 255 for ink.

        Raises
        ------
        ValueError
            If a parameter or a picture is not as described.
        """
        self._check_parameters()
        images = self._check_images(X, reset=False)
        out = np.empty((len(images), self.size * self.size), np.uint8)
        if isinstance(images, np.ndarray):
            self._redraw(images, out)
            return out
        groups: dict[Any, list[int]] = {}
        for i, image in enumerate(images):
            groups.setdefault((image.shape, image.dtype), []).append(i)
        for members in groups.values():
            drawn = np.empty((len(members), out.shape[1]), np.uint8)
            self._redraw(np.stack([images[i] for i in members]), drawn)
            out[members] = drawn
        return out

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns that come out.

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        ndarray of str
            "pixel0", "pixel1" and so on, row by row.
        """
        return np.array([f"pixel{i}" for i in range(self.size * self.size)], dtype=object)

    def _check_parameters(self) -> None:
        for name in ("size", "box"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}.")
        if self.box > self.size:
            raise ValueError(f"box must be at most size ({self.size}), got {self.box}.")
        if self.invert not in ("auto", True, False):
            raise ValueError(f"invert must be 'auto', True or False, got {self.invert!r}.")

    def _check_images(self, X: Any, reset: bool) -> np.ndarray | list[np.ndarray]:
        """Give (n, h, w), or a list of (h, w) where a list of pictures came in."""
        if isinstance(X, list | tuple) and any(np.ndim(x) == 2 for x in X if hasattr(x, "shape")):
            for i, image in enumerate(X):
                if np.ndim(image) != 2:
                    raise ValueError(f"picture {i} has {np.ndim(image)} dimensions, not 2.")
            return [check_array(image, input_name=f"picture {i}") for i, image in enumerate(X)]
        if getattr(X, "ndim", 2) == 3:
            images: np.ndarray = check_array(X, allow_nd=True)
            if 0 in images.shape:
                raise ValueError(f"pictures of shape {images.shape[1:]} have no pixels.")
            return images
        table = validate_data(self, X, reset=reset)
        return self._shape_rows(table)

    def _shape_rows(self, table: np.ndarray) -> np.ndarray:
        n, width = table.shape
        side = math.isqrt(width)
        if isinstance(self.image_shape, str):
            if self.image_shape not in ("auto", "pad"):
                raise ValueError(
                    f"image_shape must be 'auto', 'pad' or (height, width), got "
                    f"{self.image_shape!r}."
                )
            if side * side == width:
                return table.reshape(n, side, side)
            if self.image_shape == "auto":
                raise ValueError(
                    f"{width} columns make no square picture. Was the label column left in? "
                    "For pictures that are not square, set image_shape=(height, width)."
                )
            padding = (side + 1) ** 2 - width
            return np.pad(table, ((0, 0), (0, padding))).reshape(n, side + 1, side + 1)
        if math.prod(self.image_shape) != width or len(self.image_shape) != 2:
            raise ValueError(f"image_shape={self.image_shape!r} does not fit {width} columns.")
        return table.reshape(n, *self.image_shape)

    def _redraw(self, images: np.ndarray, out: np.ndarray) -> None:
        _, height, width = images.shape
        # Bounds the memory: the largest arrays are pictures, and weights of size by side.
        step = max(1, _CHUNK_NUMBERS // (max(height, self.size) * max(width, self.size)))
        for start in range(0, len(images), step):
            drawn = _draw(images[start : start + step], self.size, self.box, self.invert)
            out[start : start + step] = drawn.reshape(-1, self.size * self.size)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def _draw(images: np.ndarray, size: int, box: int, invert: str | bool) -> np.ndarray:
    """Redraw pictures (n, h, w) as uint8 (n, size, size)."""
    ink = _find_ink(images, invert)
    peaks = ink.max(axis=(1, 2))
    blank = peaks <= (_MIN_CONTRAST - 1 if images.dtype == np.uint8 else 0)
    ink[blank, 0, 0] = 1.0  # Anything that can be scaled; it is wiped out below.
    ink /= ink.max(axis=(1, 2), keepdims=True)
    rows, columns = ink.sum(axis=2), ink.sum(axis=1)
    tops, bottoms = _extent(rows)
    lefts, rights = _extent(columns)
    sides = np.maximum(bottoms - tops, rights - lefts)
    # Enlarged strokes fade out half a pixel beyond their edge: room is left for that.
    scales = np.where(sides < box, (box + 1) / (sides + 1), box / sides)
    down = _weights(rows, tops, bottoms, scales, size)
    across = _weights(columns, lefts, rights, scales, size)
    drawn = np.maximum(down @ ink @ across.transpose(0, 2, 1), 0)
    drawn /= np.maximum(drawn.max(axis=(1, 2), keepdims=True), np.finfo(np.float32).tiny)
    fade = (_FADE * np.clip(scales - 1, 0, 1)).astype(np.float32)[:, None, None]
    drawn = np.maximum(drawn - fade, 0) / (1 - fade)
    drawn[blank] = 0
    return np.rint(255 * drawn).astype(np.uint8)


def _find_ink(images: np.ndarray, invert: str | bool) -> np.ndarray:
    """How far each pixel stands out from its picture's paper, as new float32 (n, h, w)."""
    ink = images.astype(np.float32)
    paper, noise = _find_paper(ink)
    ink -= paper
    if invert == "auto":
        lighter = np.square(np.maximum(ink, 0)).sum(axis=(1, 2))
        darker = np.square(np.minimum(ink, 0)).sum(axis=(1, 2))
        ink[darker > lighter] *= -1
    elif invert:
        ink *= -1
    ink[ink <= _NOISE_DEVIATIONS * noise[:, None, None]] = 0
    noisy = np.flatnonzero(noise > 2 * _ROUNDING * np.abs(images).max(axis=(1, 2)))
    if len(noisy):
        # Noise over many pixels has a few specks that stand out; they must not widen the crop.
        for axis in (1, 2):
            lines = ink[noisy].sum(axis=3 - axis)
            specks = lines < _NOISY_LINE * lines.max(axis=1, keepdims=True)
            first, last = _extent(np.where(specks, 0, lines))
            place = np.arange(ink.shape[axis])
            inside = (place >= first[:, None]) & (place < last[:, None])
            ink[noisy] *= np.expand_dims(inside, 3 - axis)
    return ink


def _find_paper(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The paper of pictures (n, h, w), as (n, h, w) or (n, 1, 1), and its noise, as (n,).

    It is what the border mostly shows: one shade, or, in uneven light, a plane.
    """
    _, height, width = images.shape
    on_border = np.ones((height, width), dtype=bool)
    on_border[1:-1, 1:-1] = False
    border = images[:, on_border]
    shade = np.median(border, axis=1)[:, None]
    noise = _deviation(border - shade)
    # Where more than half of the border is of one and the same shade there is no slope to find.
    sloping = np.flatnonzero(noise > 0)
    if not len(sloping):
        return shade[:, :, None], noise
    rows, columns = np.indices((height, width), dtype=np.float32)
    places = np.stack([np.ones_like(rows), rows / height, columns / width], axis=-1)
    planes = _fit_planes(places[on_border], border[sloping])
    residue = _deviation(border[sloping] - planes @ places[on_border].T)
    better = residue < _SLOPE_GAIN * noise[sloping]
    paper = np.broadcast_to(shade[:, :, None], images.shape).copy()
    paper[sloping[better]] = np.einsum("nk,hwk->nhw", planes[better], places)
    # A plane in float32 is off by its rounding.
    rounding = _ROUNDING * np.abs(border[sloping]).max(axis=1)
    noise[sloping[better]] = np.maximum(residue, rounding)[better]
    return paper, noise


def _fit_planes(places: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Planes of least absolute deviation, which strokes on the border do not tilt, as (n, 3).

    By least squares in which, again and again, each pixel weighs the less the farther it lay off.
    """
    weights = np.ones_like(values)
    scale = np.maximum(np.ptp(values, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    planes = np.zeros((len(values), 3), dtype=np.float32)
    for _ in range(_FITTING_ROUNDS):
        weighted = weights[:, :, None] * places
        # So that a picture of one row or column, on which no plane stands, has a solution.
        squares = places.T @ weighted + 1e-6 * np.eye(3, dtype=np.float32)
        moments = np.einsum("nmk,nm->nk", weighted, values)
        planes = np.linalg.solve(squares, moments[:, :, None])[:, :, 0]
        off = np.abs(values - planes @ places.T) / scale
        weights = 1.0 / np.maximum(off, 1e-3)
    fitted: np.ndarray = planes.astype(np.float32)
    return fitted


def _deviation(residues: np.ndarray) -> np.ndarray:
    """The median absolute deviation from 0, scaled to be a normal distribution's standard one."""
    deviation: np.ndarray = 1.4826 * np.median(np.abs(residues), axis=1)
    return deviation


def _extent(profiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First line that has ink, and one past the last, in each of the profiles (n, lines)."""
    has_ink = profiles > 0
    return has_ink.argmax(axis=1), profiles.shape[1] - has_ink[:, ::-1].argmax(axis=1)


def _weights(
    profiles: np.ndarray, first: np.ndarray, last: np.ndarray, scales: np.ndarray, size: int
) -> np.ndarray:
    """How much of each line goes into each line of the new picture, (n, size, lines)."""
    lines = np.arange(profiles.shape[1]) + 0.5
    centre = profiles @ lines / profiles.sum(axis=1)
    # Whole steps keep sharp what needs no scaling. MNIST's middle is the middle of pixel size // 2.
    start = np.round(size // 2 + 0.5 - (centre - first) * scales)
    start = np.clip(start, 0, np.maximum(0, size - np.ceil((last - first) * scales)))
    sources = (np.arange(size) + 0.5 - start[:, None]) / scales[:, None] + first[:, None]
    sharpness = np.minimum(scales, 1)[:, None, None]
    return _cubic((lines - sources[:, :, None]) * sharpness) * sharpness.astype(np.float32)


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Keys's interpolation kernel, float32."""
    d = np.abs(distance, dtype=np.float32)
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((2.5 - 0.5 * d) * d - 4) * d + 2
    kernel: np.ndarray = np.where(d < 1, near, np.where(d < 2, far, 0)).astype(np.float32)
    return kernel
