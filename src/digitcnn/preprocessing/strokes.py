"""Which of the strokes in a picture are its digit's, and how sure it is that they are strokes."""

import cv2
import numpy as np

from digitcnn.preprocessing.shades import Shades, border, mean_depth

# Where a digit is: its middle lies so near to the picture's, as a normal deviation in parts of the
# picture's side; what reaches the border is rather a neighbour, or a ruling.
_OFF_MIDDLE = 0.25
_REACHES_BORDER = 0.4
_SPECK = 0.04  # Of the largest component's area: what is smaller is none of a digit's parts.
_LOW = 0.5  # Of the largest component's height: what is higher beside it is the next character.
_PARTS = 3  # A picture with more components of this size falls apart as noise does.
_GAP = 0.25  # Of the largest component's side: a digit's parts are no further apart.
# A frame: so large in the picture, with so much of its lines in the middle, and something so high.
_FRAME_SIDE, _FRAME_MIDDLE, _FRAMED = 0.6, 0.02, 0.25
_FRAME_LINES = 0.1  # Of the frame's side: its lines lie within that.
# Added to the noise: faint texture, or, where a background has none, a step of the bytes.
_TEXTURE, _STEP = 0.01, 1 / 255
_CLEAR = 50.0  # Times the noise: strokes need not be clearer.
_NEAR, _FAR = np.ones((3, 3), np.uint8), np.ones((9, 9), np.uint8)


def choose_group(shades: Shades) -> tuple[np.ndarray, float] | None:
    """The connected components that make up the digit: the largest near the middle, and its parts.

    Parameters
    ----------
    shades : Shades

    Returns
    -------
    group : ndarray of uint8 of shape (height, width)
        1 where the digit's strokes are.
    share : float
        The group's part of the contrast of all components, but for frames and what reaches the
        border; less where there are many components.

    Where there is no component, None instead of these.
    """
    mask = shades.mask
    n, components, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if n <= 2:
        return (mask, 1.0) if n == 2 else None
    left, top, width, height, area = stats[1:].T.astype(float)
    right, bottom = left + width, top + height
    rows, columns = mask.shape
    mass = np.bincount(components.ravel(), shades.contrast.ravel(), n)[1:]
    off = np.hypot((left + right) / columns - 1, (top + bottom) / rows - 1) / 2
    reaches = (left == 0) | (top == 0) | (right == columns) | (bottom == rows)
    is_frame = _are_frames(components, stats[1:])
    merit = mass * np.exp(-0.5 * (off / _OFF_MIDDLE) ** 2) * np.where(reaches, _REACHES_BORDER, 1)
    main = int(np.where(is_frame, 0, merit).argmax())
    chosen = np.arange(n - 1) == main
    is_large = area >= _SPECK * area[main]
    may_be = ~is_frame & is_large & (reaches[main] | ~reaches)
    side = max(width[main], height[main])
    while True:
        across = np.maximum(left - right[chosen].max(), left[chosen].min() - right)
        down = np.maximum(top - bottom[chosen].max(), top[chosen].min() - bottom)
        near = np.hypot(np.maximum(across, 0), np.maximum(down, 0)) <= _GAP * side
        is_part = (across <= 0) | (height < _LOW * height[main])
        new = may_be & near & is_part & ~chosen
        if not new.any():
            break
        chosen |= new
    counted = chosen | ~(is_frame | reaches)
    share = float(mass[chosen].sum() / mass[counted].sum())
    share *= min(1.0, _PARTS / int((counted & is_large).sum()))
    return np.concatenate([[0], chosen]).astype(np.uint8)[components], share


def _are_frames(components: np.ndarray, stats: np.ndarray) -> np.ndarray:
    """Which components are frames: large, empty but for their lines, and around something."""
    height, width = components.shape
    found = np.zeros(len(stats), bool)
    large = (stats[:, 2] >= _FRAME_SIDE * width) & (stats[:, 3] >= _FRAME_SIDE * height)
    for i in np.flatnonzero(large):
        left, top, across, down, area = stats[i]
        lines = int(_FRAME_LINES * across) + 1, int(_FRAME_LINES * down) + 1
        middle = components[
            top + lines[1] : top + down - lines[1], left + lines[0] : left + across - lines[0]
        ]
        inside = np.unique(middle[middle > 0]) - 1
        found[i] = (middle == i + 1).sum() <= _FRAME_MIDDLE * area and bool(
            (stats[inside, 3] >= _FRAMED * down).any()
        )
    return found


def rate_group(shades: Shades, group: np.ndarray, share: float) -> float:
    """How surely a group of components is strokes, and no noise, shadow or texture.

    Strokes are clear of the noise, end sharply, are long and thin, are most of what stands out, and
    cover little of the border.

    Parameters
    ----------
    shades : Shades
    group : ndarray of uint8 of shape (height, width)
        As `choose_group` gives it.
    share : float

    Returns
    -------
    float
        The product of these, from 0 up.
    """
    contrast = shades.contrast
    around = cv2.dilate(group, _FAR) - cv2.dilate(group, _NEAR)
    inside = cv2.mean(contrast, group)[0]
    noise = shades.noise + (_STEP if shades.is_even and not shades.noise else _TEXTURE)
    clear = (inside - cv2.mean(contrast, around)[0]) / noise
    _, _, width, height = cv2.boundingRect(group)
    thickness = 2 * mean_depth(group)
    edge = border(group)
    free = 1 - cv2.countNonZero(edge) / edge.size
    return min(clear, _CLEAR) * max(width, height) / thickness * share * free**2
