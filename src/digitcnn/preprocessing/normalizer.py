"""Pictures of digits from any source, redrawn as MNIST's were made."""

import math
import numbers
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from scipy import ndimage
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from digitcnn._utils.images import list_pictures, looks_channels_first

_MIN_CONTRAST = 16  # Of 255: fainter than that, an 8-bit picture may be a blank sheet's noise.
_NOISE_DEVIATIONS = 4.0
_NOISY_LINE = 0.05  # A line with less ink than this part of the fullest line's is specks.
_FADE = 0.2  # How much of the range is cut below a stroke that is drawn twice as large or more.
_SLOPE_GAIN = 0.7  # A plane is a better paper than one shade if it leaves no more than this part.
_FITTING_ROUNDS = 12
_ROUNDING = 1e-6
_CROSSING = 0.25  # Of the strongest ink: where the border has more, strokes may reach it.
_SHADES = 64  # Steps of the histogram that divides a picture into light and dark.
_STRUCTURE_SIDE = 96  # Larger pictures are looked at in every second, third ... pixel.
_THICKNESS_WEIGHT = 0.5  # Of the logarithm of the ratio, beside signs that go from -1 to 1.
# Two shades explain a picture of strokes better than one of noise, whose strokes fall apart.
_SURELY_TWO_SHADES, _MAYBE_TWO_SHADES = 0.8, 0.7
_WHOLE_STROKE = 0.75
_SOFT_EDGE = 2  # Pixels.
_REACH = 0.05  # Of the border's pixels.
_MOST_INK = 0.7  # Of a faint picture: more is a sheet with specks.
# On so few pixels noise cannot be told from strokes; but a picture becomes so small by averaging,
# which takes most of its noise away.
_FEW_PIXELS = 144
# Of a larger one that has no ink by its border's word, strokes show two shades as clearly as this.
_TWO_SHADES_AFTER_ALL = 0.75
_LUMINANCE = (0.299, 0.587, 0.114)  # Of red, green and blue, as ITU-R BT.601 has them.
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
        what the border shows, the ink what differs from it most. Where strokes reach the border,
        the ink is what shows less there, hangs together and is thin.

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
    one colour has no ink and becomes all zeros; so does an 8-bit picture of less than 16 of 255
    steps of contrast, unless these steps draw a connected stroke. On 144 pixels or fewer nothing
    else is taken for noise. MNIST's own pictures pass nearly unchanged. Pictures may be cropped to
    the ink: MNIST's digits are then read as accurately as with a margin, to within 0.1 percentage
    points, light on dark or dark on light (``benchmarks/normalizer.py``).

    Colours become grey by their luminance. What is transparent becomes paper: white under dark
    strokes, black under light ones.

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
        X : array-like of shape (n, h * w), (n, h, w) or (n, h, w, channels), or list of pictures
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
        for _ in self._grouped(X, reset=True):
            pass
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Redraw pictures.

        Parameters
        ----------
        X : array-like of shape (n, h * w), (n, h, w) or (n, h, w, channels), or list of pictures
            Pictures, in any range: rows of grey pixels, or pictures with 1 (grey), 2 (grey,
            opacity), 3 (RGB) or 4 (RGBA) channels. A list, a tuple or an array of objects may hold
            arrays of shape (h, w) or (h, w, channels), Pillow's images and nested lists, of one
            size or of many.

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
        parts = [(rows, self._redraw(images)) for rows, images in self._grouped(X, reset=False)]
        if len(parts) == 1:
            return parts[0][1]
        out = np.empty((sum(len(rows) for rows, _ in parts), self.size * self.size), np.uint8)
        for rows, drawn in parts:
            out[rows] = drawn
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
        is_flag = isinstance(self.invert, numbers.Integral | np.bool_) and self.invert in (0, 1)
        if not (is_flag or (isinstance(self.invert, str) and self.invert == "auto")):
            raise ValueError(f"invert must be 'auto', True or False, got {self.invert!r}.")
        shape = self.image_shape
        if isinstance(shape, str):
            is_right = shape in ("auto", "pad")
        else:
            is_pair = isinstance(shape, tuple | list) and len(shape) == 2
            is_right = is_pair and all(isinstance(side, numbers.Integral) for side in shape)
        if not is_right:
            raise ValueError(
                f"image_shape must be 'auto', 'pad' or (height, width), got {shape!r}."
            )

    def _grouped(self, X: Any, reset: bool) -> Iterator[tuple[Any, np.ndarray]]:
        """Give pictures of one size and type at a time, and their places in X."""
        pictures = list_pictures(X)
        if pictures is None:
            if getattr(X, "ndim", 2) < 3:
                X = self._shape_rows(validate_data(self, X, reset=reset))
            yield range(len(X)), _check_pictures(X)
            return
        groups: dict[Any, list[int]] = {}
        for i, picture in enumerate(pictures):
            groups.setdefault((picture.shape, picture.dtype), []).append(i)
        for rows in groups.values():
            images = np.stack([pictures[i] for i in rows])
            try:
                images = _check_pictures(images)
            except ValueError:
                for i in rows if images.size else ():
                    check_array(pictures[i], allow_nd=True, input_name=f"picture {i}")
                raise
            yield rows, images

    def _shape_rows(self, table: np.ndarray) -> np.ndarray:
        n, width = table.shape
        side = math.isqrt(width)
        if isinstance(self.image_shape, str):
            if side * side == width:
                return table.reshape(n, side, side)
            if self.image_shape == "auto":
                hint = "Was the label column left in?"
                if n == width:
                    hint = "If X is a single picture, give X[np.newaxis]."
                raise ValueError(
                    f"{width} columns make no square picture. {hint} "
                    "For pictures that are not square, set image_shape=(height, width)."
                )
            padding = (side + 1) ** 2 - width
            return np.pad(table, ((0, 0), (0, padding))).reshape(n, side + 1, side + 1)
        if math.prod(self.image_shape) != width:
            raise ValueError(f"image_shape={self.image_shape!r} does not fit {width} columns.")
        return table.reshape(n, *self.image_shape)

    def _redraw(self, images: np.ndarray) -> np.ndarray:
        height, width = images.shape[1:3]
        out = np.empty((len(images), self.size * self.size), np.uint8)
        # Bounds the memory: the largest arrays are pictures, and weights of size by side.
        step = max(1, _CHUNK_NUMBERS // (max(height, self.size) * max(width, self.size)))
        for start in range(0, len(images), step):
            grey = _to_grey(images[start : start + step])
            drawn = _draw(grey, self.size, self.box, self.invert)
            out[start : start + step] = drawn.reshape(len(drawn), -1)
        return out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def _check_pictures(images: Any) -> np.ndarray:
    """Check the numbers and the shape of pictures (n, h, w) or (n, h, w, channels)."""
    checked: np.ndarray = check_array(images, allow_nd=True, ensure_min_features=0)
    if 0 in checked.shape:
        raise ValueError(f"pictures of shape {checked.shape[1:]} have no pixels.")
    if checked.ndim == 3:
        return checked
    if checked.ndim != 4:
        raise ValueError(
            "expected pictures of shape (n, height, width) or (n, height, width, channels), got "
            f"{checked.shape}."
        )
    if looks_channels_first(checked.shape[1:]):
        if checked.shape[1] == 1:
            return checked[:, 0]
        raise ValueError(
            f"expected pictures of shape (n, height, width, channels), got {checked.shape}, which "
            "looks like channels first. Use np.moveaxis(X, 1, -1)."
        )
    if checked.shape[3] > 4:
        raise ValueError(
            "expected 1 channel (grey), 2 (grey, opacity), 3 (RGB) or 4 (RGBA), got "
            f"{checked.shape[3]}."
        )
    return checked


def _to_grey(images: np.ndarray) -> np.ndarray:
    """Pictures (n, h, w) of pictures that may have colours and opacity, (n, h, w, channels)."""
    if images.ndim == 3:
        return images
    channels = images.shape[3]
    if channels == 1:
        return images[..., 0]
    is_bytes = images.dtype == np.uint8
    images = images.astype(np.float32)
    grey = images[..., 0] if channels < 3 else images[..., :3] @ np.array(_LUMINANCE, np.float32)
    if channels in (2, 4):
        # What is transparent shows a paper that what is drawn stands out from.
        white = 255.0 if images.max() > 1 else 1.0
        opacity = images[..., -1] / np.float32(white)
        drawn = opacity.sum(axis=(1, 2))
        mean = (grey * opacity).sum(axis=(1, 2)) / np.where(drawn > 0, drawn, 1)
        paper = np.where(mean < white / 2, np.float32(white), np.float32(0))
        grey = grey * opacity + paper[:, None, None] * (1 - opacity)
    # Bytes stay bytes: faint ones are told from noise by their steps.
    return np.rint(grey).astype(np.uint8) if is_bytes else grey


def _draw(images: np.ndarray, size: int, box: int, invert: str | bool) -> np.ndarray:
    """Redraw pictures (n, h, w) as uint8 (n, size, size)."""
    ink = _find_ink(images, invert)
    peaks = ink.max(axis=(1, 2))
    blank = peaks <= 0
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
        is_turned = darker > lighter
    else:
        is_turned = np.full(len(ink), bool(invert))
    ink[is_turned] *= -1
    # Where strokes reach the border, it does not say by itself what is paper.
    peaks = np.abs(ink).max(axis=(1, 2))
    crossing = np.abs(_border(ink)).max(axis=1) >= _CROSSING * peaks
    crossing |= _is_lost(ink, noise)
    crossed = np.flatnonzero(crossing & (peaks > 0))
    if len(crossed):
        pictures = images[crossed].astype(np.float32)
        _find_crossing_ink(pictures, invert, is_turned[crossed], crossed, ink, noise)
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
    if images.dtype == np.uint8:
        # So few steps may be noise, or all that a picture of another scale (0..1, 0..16) has.
        faint = np.flatnonzero((peaks > 0) & (ink.max(axis=(1, 2)) < _MIN_CONTRAST))
        strokes = ink[faint] > 0
        area = strokes.sum(axis=(1, 2))
        is_whole = _largest_piece(strokes)[0] >= _WHOLE_STROKE * area
        ink[faint[~is_whole | (area > _MOST_INK * ink[0].size)]] = 0
    return ink


def _find_crossing_ink(
    images: np.ndarray,
    invert: str | bool,
    is_turned: np.ndarray,
    places: np.ndarray,
    ink: np.ndarray,
    noise: np.ndarray,
) -> None:
    """Find the ink of pictures whose strokes reach the border, by the look of the strokes.

    Each picture is divided into light and dark. Of the two the ink is the one that shows less at
    the border and in the corners, hangs together, and is thin. `ink` and `noise` are written to at
    `places`, where two shades explain a picture; elsewhere the border's word stands.
    """
    # The paper's slope, if it has one, is gone from `ink`; but strokes may have feigned the slope.
    level, score = _divide(images)
    flat = ink[places]
    flat_level, flat_score = _divide(flat)
    sloping = 1 - flat_score < _SLOPE_GAIN * (1 - score)
    flat[~sloping] = images[~sloping]
    level, score = np.where(sloping, [flat_level, flat_score], [level, score]).astype(np.float32)
    light = flat >= level[:, None, None]
    light_sign, light_share, light_reaches = _stroke_signs(light)
    dark_sign, dark_share, dark_reaches = _stroke_signs(~light)
    # Pictures whose slope was taken away have been turned already.
    by_border = ~sloping & is_turned
    is_dark = dark_sign > light_sign if invert == "auto" else by_border
    share = np.where(is_dark, dark_share, light_share)
    may_be = (score >= _MAYBE_TWO_SHADES) & (share >= _WHOLE_STROKE) & (is_dark == by_border)
    sure = (score >= _SURELY_TWO_SHADES) | may_be
    # Else what crosses the border is noise, and the border is the place to measure it.
    sure &= np.where(is_dark, dark_reaches, light_reaches)
    # But where the border leaves no ink at all, a picture with strokes must not come out empty.
    sure |= _is_lost(ink[places], noise[places]) & _has_strokes(images, score, share)
    flat[is_dark] *= -1
    level = np.where(is_dark, -level, level)
    strokes = light ^ is_dark[:, None, None]
    flat, level, strokes, places = flat[sure], level[sure], strokes[sure], places[sure]
    # The soft edge of a stroke is no paper. Where there is nothing else, the faintest pixel is.
    paper = ~ndimage.binary_dilation(strokes, np.ones((1, 2 * _SOFT_EDGE + 1, 2 * _SOFT_EDGE + 1)))
    none = ~paper.any(axis=(1, 2))
    paper[none] = flat[none] == flat[none].min(axis=(1, 2), keepdims=True)
    shade = _median_where(flat, paper)
    flat -= shade[:, None, None]
    deviation = 1.4826 * _median_where(np.abs(flat), paper)
    ink[places] = flat
    # No stroke is noise.
    noise[places] = np.minimum(deviation, (1 - _ROUNDING) * (level - shade) / _NOISE_DEVIATIONS)


def _is_lost(ink: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Whether all that stands out from the paper of pictures (n, h, w) is taken for its noise."""
    lost: np.ndarray = (noise > 0) & (ink.max(axis=(1, 2)) <= _NOISE_DEVIATIONS * noise)
    return lost


def _has_strokes(images: np.ndarray, score: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Whether pictures (n, h, w) that have no ink by their border's word have some all the same."""
    span = np.ptp(images, axis=(1, 2))
    clear = span >= _MIN_CONTRAST / 255 * np.abs(images).max(axis=(1, 2))
    if images[0].size <= _FEW_PIXELS:
        return clear
    whole: np.ndarray = clear & (score >= _TWO_SHADES_AFTER_ALL) & (share >= _WHOLE_STROKE)
    return whole


def _divide(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Otsu's division of pictures (n, h, w) into dark and light.

    The level from which on a pixel is light, as (n,), and the part of the variance that the two
    shades explain, as (n,).
    """
    n = len(images)
    low, high = images.min(axis=(1, 2)), images.max(axis=(1, 2))
    span = np.maximum(high - low, np.finfo(np.float32).tiny)
    steps = (images - low[:, None, None]) * (_SHADES / span)[:, None, None]
    steps = np.minimum(steps.astype(np.intp), _SHADES - 1).reshape(n, -1)
    keys = steps + _SHADES * np.arange(n)[:, None]
    counts = np.bincount(keys.ravel(), minlength=n * _SHADES).reshape(n, _SHADES)
    shades = np.arange(_SHADES)
    below, sums = counts.cumsum(axis=1), (counts * shades).cumsum(axis=1)
    total, mean = below[:, -1:], sums[:, -1:] / below[:, -1:]
    sizes = np.maximum(below * (total - below), 1)
    between = np.square(mean * below - sums) / sizes
    best = between[:, :-1].argmax(axis=1)
    variance = (counts * np.square(shades - mean)).sum(axis=1) / total[:, 0]
    score = between[np.arange(n), best] / np.maximum(variance, np.finfo(float).tiny)
    level = low + (best + 1) * (span / _SHADES)
    # Rounding must not leave a shade without a pixel.
    level = np.clip(level.astype(np.float32), np.nextafter(low, np.inf, dtype=np.float32), high)
    return level, score


def _stroke_signs(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How much masks (n, h, w) look like strokes.

    Besides their largest piece's part of them, and whether it reaches the border.

    Paper lies at the border and in the corners, and strokes divide it; strokes hang together, and
    few of their pixels lie far from their edge.
    """
    n, height, width = masks.shape
    border = _border(masks).mean(axis=1)
    corners = masks[:, [0, 0, -1, -1], [0, -1, 0, -1]].mean(axis=1)
    step = -(-max(height, width) // _STRUCTURE_SIDE)
    masks = masks[:, ::step, ::step]
    area = np.maximum(masks.sum(axis=(1, 2)), 1)
    largest, reaches = _largest_piece(masks)
    share = largest / area
    depth, rest = np.zeros(n), np.pad(masks, ((0, 0), (1, 1), (1, 1)))
    while rest.any():
        depth += rest.sum(axis=(1, 2))
        inner = np.zeros_like(rest)
        inner[:, 1:-1, 1:-1] = (
            rest[:, 1:-1, 1:-1] & rest[:, :-2, 1:-1] & rest[:, 2:, 1:-1]
            & rest[:, 1:-1, :-2] & rest[:, 1:-1, 2:]
        )  # fmt: skip
        rest = inner
    thickness = np.maximum(depth / area, 1)
    return share - border - corners - _THICKNESS_WEIGHT * np.log(thickness), share, reaches


def _largest_piece(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the largest connected piece of each of the masks (n, h, w).

    And whether it reaches the border, but for a soft edge, by more than a chain of specks.
    """
    neighbours = np.zeros((3, 3, 3), bool)
    neighbours[1] = ndimage.generate_binary_structure(2, 1)
    pieces, n_pieces = ndimage.label(masks, neighbours)
    sizes = np.bincount(pieces.ravel(), minlength=n_pieces + 1)
    owners = np.zeros(n_pieces + 1, np.intp)
    owners[pieces[masks]] = np.nonzero(masks)[0]
    largest = np.zeros(len(masks), np.intp)
    np.maximum.at(largest, owners[1:], sizes[1:])
    outer = _border(pieces, _SOFT_EDGE)
    within = (outer > 0) & (sizes[outer] == largest[:, None])
    return largest, within.mean(axis=1) >= _REACH


def _border(images: np.ndarray, width: int = 1) -> np.ndarray:
    """The outermost pixels of pictures (n, h, w), as (n, pixels)."""
    edge = np.ones(images.shape[1:], dtype=bool)
    edge[width:-width, width:-width] = False
    return images[:, edge]


def _median_where(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The lower median of the pixels in a mask, one at least, of each of the pictures (n, h, w)."""
    flat = np.where(masks, images, np.inf).reshape(len(images), math.prod(images.shape[1:]))
    ordered = np.sort(flat, axis=1)
    middle = (masks.sum(axis=(1, 2)) - 1) // 2
    median: np.ndarray = ordered[np.arange(len(images)), middle]
    return median


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
