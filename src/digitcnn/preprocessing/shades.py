"""Pictures as bytes, and the contrast of their pixels to the background."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

_SIDE = 256  # longer side, in pixels, to which larger pictures are reduced by averaging
_DIM = 127  # bytes up to this may have a smaller range, as 0..1 or 0..16
_SMALLEST, _LARGEST = 1e-30, 1e30  # sums and squares of numbers outside may overflow
# Window sizes, as fractions of the shorter side. See `uneven_shades`.
_WIDE, _NARROW = 0.4, 0.2
_DARKEST = 64  # lower bound, of 255, of the background in the ratio to it
# Least fraction of the variance that is between two shades; for noise it is less, unless it is
# smooth.
_TWO_SHADES, _MAYBE_TWO_SHADES = 0.8, 0.7
_ROUGH = 0.5  # roughness; independent noise has 1
# With so few pixels noise and strokes look alike. But such small pictures are made by averaging,
# which removes most of the noise.
_FEW_PIXELS = 160
_SMALL_CROP = 1024  # pixels
_SOFT_EDGE = np.ones((5, 5), np.uint8)
_DEVIATIONS = 4.0  # standard deviations of the noise; less contrast is background
_MAYBE = 0.6  # fraction of the threshold above which a pixel is certainly drawn
_FAINTEST = 0.05  # least contrast of strokes in uneven light, as a fraction of the background


@dataclass(frozen=True, slots=True)
class Shades:
    """Contrast of a picture's pixels to its background, in one segmentation."""

    contrast: np.ndarray  # float32, (height, width); of strokes positive, 1 at most
    noise: float  # standard deviation of the background's contrast
    faintest: float  # contrast that is surely none of the noise
    mask: np.ndarray  # uint8, (height, width); 1 where strokes may be
    is_even: bool  # whether the background is taken for one shade
    is_beyond_doubt: bool = False


def to_bytes(picture: np.ndarray, longest_side: int = _SIDE) -> np.ndarray:
    """Convert a picture to bytes, and reduce it if it is larger than a size.

    Parameters
    ----------
    picture : ndarray of shape (height, width, channels)
        Real numbers of any range: grey, grey and opacity, RGB or RGBA.
    longest_side : int, default=256
        Largest height and width of the new picture, in pixels.

    Returns
    -------
    ndarray of uint8 of shape (new height, new width, 1 or 3)
        The highest number becomes 255, except for bytes that reach 128. 0 remains 0, unless there
        are negative numbers or the contrast would be lost in bytes. Transparent pixels become white
        under dark strokes and black under light ones.
    """
    is_bytes = picture.dtype == np.uint8
    if not is_bytes and picture.dtype != np.uint16:
        largest = max(abs(float(picture.max())), abs(float(picture.min())))
        if largest > 0 and not _SMALLEST < largest < _LARGEST:
            picture = picture / np.abs(picture).max()
        picture = picture.astype(np.float32, copy=False)
    if picture.shape[2] in (2, 4):
        picture = _opaque(picture)
    height, width, channels = picture.shape
    scale = longest_side / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        picture = picture.reshape(size[1], size[0], channels)
    if picture.dtype == np.uint8 and picture.max() > _DIM:
        return picture
    low, high = float(picture.min()), float(picture.max())
    black = 0.0 if is_bytes else (low if low < 0 else max(0.0, 2 * low - high))
    if high <= black:
        return np.zeros(picture.shape, np.uint8)
    return np.rint((picture.astype(np.float64) - black) * (255 / (high - black))).astype(np.uint8)


def _opaque(picture: np.ndarray) -> np.ndarray:
    """Draw a picture with opacity on a background that contrasts with it."""
    white = 255.0 if picture.max() > 1 else 1.0
    colours = picture[..., :-1].astype(np.float32)
    opacity = picture[..., -1:].astype(np.float32) / np.float32(white)
    mean = (colours * opacity).sum() / max(float(opacity.sum()) * colours.shape[2], 1e-30)
    background = np.float32(white if mean < white / 2 else 0)
    opaque: np.ndarray = colours * opacity + background * (1 - opacity)
    return opaque


def two_shades(picture: np.ndarray, invert: str | bool) -> Shades | None:
    """Segment strokes and background as two shades, by Otsu's threshold.

    Parameters
    ----------
    picture : ndarray of uint8 of shape (height, width, channels)
    invert : "auto" or bool
        Whether the strokes are the darker shade. "auto" chooses the shade that covers less of the
        border and the corners, is connected and is thin.

    Returns
    -------
    Shades or None
        None if the picture does not consist of two shades.
    """
    grey = picture[..., 0]
    if picture.shape[2] > 1:
        _, deviations = cv2.meanStdDev(picture)
        grey = np.ascontiguousarray(picture[..., int(deviations.argmax())])
    _, light = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    n_light = cv2.countNonZero(light)
    if n_light in (0, grey.size):
        return None
    mean, deviation = (float(x[0, 0]) for x in cv2.meanStdDev(grey))
    light_mean = cv2.mean(grey, light)[0]
    explained = n_light / (grey.size - n_light) * ((light_mean - mean) / deviation) ** 2
    if grey.size > _FEW_PIXELS:
        if explained < _MAYBE_TWO_SHADES:
            return None
        if explained < _TWO_SHADES and _roughness(grey, deviation) > _ROUGH:
            return None
    edge = border(light)
    n_border = cv2.countNonZero(edge)
    if invert != "auto":
        is_dark = bool(invert)
    elif n_border in (0, edge.size):
        is_dark = n_border > 0
    else:
        is_dark = _stroke_sign(1 - light) > _stroke_sign(light)
    # Otsu's criterion is constant in a gap between the two shades.
    level = (cv2.minMaxLoc(grey, 1 - light)[1] + cv2.minMaxLoc(grey, light)[0]) / 2
    if is_dark:
        grey, level = 255 - grey, 255 - level
    lowest, highest, _, _ = cv2.minMaxLoc(border(grey))
    # Drawn on one shade, or a crop too small for uneven light.
    is_plain = lowest == highest < level
    is_beyond_doubt = (
        is_plain
        or grey.size <= _FEW_PIXELS
        or (grey.size <= _SMALL_CROP and explained >= _TWO_SHADES and lowest < level)
    )
    if is_plain:
        shade, noise = lowest, 0.0
    else:
        # The soft edges of strokes are not background. If nothing else remains, the faintest pixel
        # is.
        background = grey[cv2.dilate((grey > level).astype(np.uint8), _SOFT_EDGE) == 0]
        shade = _median(background) if len(background) else float(grey.min())
        noise = 1.4826 * _median(np.abs(background - shade)) if len(background) else 0.0
    # A stroke is never noise.
    faintest = min(_DEVIATIONS * noise, level - shade)
    contrast = grey.astype(np.float32)
    contrast -= np.float32(shade)
    mask = (contrast > max(faintest, _MAYBE * (level - shade))).astype(np.uint8)
    contrast *= np.float32(1 / 255)
    return Shades(
        contrast, faintest / _DEVIATIONS / 255, faintest / 255, mask, True, is_beyond_doubt
    )


def uneven_shades(picture: np.ndarray, is_dark: bool) -> Shades | None:
    """Segment strokes from a background that varies, in uneven light.

    The background is the median of a wide window [1]_, or, where that is less different, the
    closing (opening, under light strokes) by a narrow one [2]_: the median takes a shadow's corners
    for strokes, the closing the space between strokes. The contrast is relative to the background,
    the largest over the channels. Among the pixels clear of the noise, Otsu's threshold [3]_ finds
    those that are certainly drawn; fainter ones belong to strokes if they are connected to these
    [4]_.

    Parameters
    ----------
    picture : ndarray of uint8 of shape (height, width, channels)
    is_dark : bool
        Whether the strokes are darker than the background.

    Returns
    -------
    Shades or None
        None if no pixel is clear of the noise.

    References
    ----------
    .. [1] T. Huang, G. Yang and G. Tang, "A fast two-dimensional median filtering algorithm", IEEE
       Transactions on Acoustics, Speech, and Signal Processing 27(1), 1979.
    .. [2] J. Serra, "Image Analysis and Mathematical Morphology", Academic Press, 1982.
    .. [3] N. Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions on
       Systems, Man, and Cybernetics 9(1), 1979.
    .. [4] J. Canny, "A computational approach to edge detection", IEEE Transactions on Pattern
       Analysis and Machine Intelligence 8(6), 1986.
    """
    if not is_dark:
        picture = 255 - picture
    light = _paper(picture).astype(np.float32)
    contrast = ((light - picture) / np.maximum(light, _DARKEST)).max(axis=2)
    contrast -= _median(contrast.ravel())
    noise = 1.4826 * _median(np.abs(contrast).ravel())
    faintest = max(_DEVIATIONS * noise, _FAINTEST)
    clear = contrast[contrast > faintest]
    if not len(clear):
        return None
    highest = float(clear.max())
    steps = (clear * (255 / highest)).astype(np.uint8)
    level, _ = cv2.threshold(steps, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    sure = (level + 0.5) / 255 * highest
    maybe = (contrast > max(faintest, _MAYBE * sure)).astype(np.uint8)
    n, components = cv2.connectedComponents(maybe, connectivity=8)
    is_stroke = np.zeros(n, np.uint8)
    is_stroke[components[contrast > sure]] = 1
    is_stroke[0] = 0
    return Shades(contrast, noise, faintest, is_stroke[components], False)


def _paper(picture: np.ndarray) -> np.ndarray:
    """Estimate the background under dark strokes in uneven light, in the picture's shape."""
    height, width = picture.shape[:2]
    scale = _SIDE / max(height, width)
    small = picture
    if scale < 1:  # pages: light changes slowly
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    side = min(small.shape[:2])
    wide, narrow = (max(3, int(part * side) | 1) for part in (_WIDE, _NARROW))
    smooth = cv2.medianBlur(small, 3)
    closed = cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, np.ones((narrow, narrow), np.uint8))
    paper = np.minimum(cv2.medianBlur(small, wide), closed)
    if scale < 1:
        paper = cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR)
    light: np.ndarray = paper.reshape(picture.shape)
    return light


def _stroke_sign(mask: np.ndarray) -> float:
    """Score how much a mask looks like strokes.

    Background covers the border and the corners, and strokes divide it; strokes are connected, and
    few of their pixels are far from their edge.
    """
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    share = stats[1:, cv2.CC_STAT_AREA].max() / cv2.countNonZero(mask)
    corners = (int(mask[0, 0]) + int(mask[0, -1]) + int(mask[-1, 0]) + int(mask[-1, -1])) / 4
    edge = border(mask)
    covered = cv2.countNonZero(edge) / edge.size
    thickness = max(1.0, mean_depth(mask, cv2.DIST_L1))
    return float(share - covered - corners - 0.5 * math.log(thickness))


def _roughness(grey: np.ndarray, deviation: float) -> float:
    """Variance of the differences of neighbouring pixels, relative to independent pixels."""
    grey = grey.astype(np.float32)
    steps = (np.diff(grey, axis=axis) for axis in (0, 1) if grey.shape[axis] > 1)
    return max(float(np.square(step).mean()) for step in steps) / (2 * deviation**2)


def mean_depth(mask: np.ndarray, metric: int = cv2.DIST_L2) -> float:
    """Mean distance of a mask's pixels from those outside it, or outside the picture.

    Parameters
    ----------
    mask : ndarray of uint8 of shape (height, width)
    metric : int, default=cv2.DIST_L2
        A distance type of OpenCV.
    """
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    distances = cv2.sumElems(cv2.distanceTransform(padded, metric, 3))[0]
    return float(distances / cv2.countNonZero(mask))


def border(image: np.ndarray) -> np.ndarray:
    """The outermost pixels of an image (height, width)."""
    return np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])


def _median(values: np.ndarray) -> float:
    """The lower median."""
    middle = (len(values) - 1) // 2
    return float(np.partition(values, middle)[middle])
