"""Selection of the strokes of a digit in its picture, and a score of their likelihood."""

import cv2
import numpy as np

from digitcnn.preprocessing.shades import Shades, border, mean_depth

# Prior of a digit's position: the standard deviation of its centre from the picture's, as a
# fraction of the side; components at the border are more likely neighbours or rulings.
_OFF_MIDDLE = 0.25
_REACHES_BORDER = 0.4
_SPECK = 0.04  # fraction of the largest component's area; smaller ones are specks
_LOW = 0.5  # fraction of the largest component's height; higher ones beside it are characters
_PARTS = 3  # more components of this size look like noise
_GAP = 0.25  # largest gap between the parts of a digit, as a fraction of the largest side
# A frame: least side as a fraction of the picture's, largest fraction of its pixels in its middle,
# least height of its content as a fraction of its own.
_FRAME_SIDE, _FRAME_MIDDLE, _FRAMED = 0.6, 0.02, 0.25
_FRAME_LINES = 0.1  # largest width of a frame's lines, as a fraction of its side
# Added to the noise: faint texture, or one grey level for a background without texture.
_TEXTURE, _STEP = 0.01, 1 / 255
_CLEAR = 50.0  # multiple of the noise above which clearer strokes score no higher
_NEAR, _FAR = np.ones((3, 3), np.uint8), np.ones((9, 9), np.uint8)


def choose_group(shades: Shades) -> tuple[np.ndarray, float] | None:
    """Choose the connected components of the digit: the largest near the middle, and its parts.

    Parameters
    ----------
    shades : Shades

    Returns
    -------
    group : ndarray of uint8 of shape (height, width)
        1 for the strokes of the digit.
    share : float
        The group's fraction of the contrast of all components, except frames and components at the
        border; reduced if there are many components.

    Returns None if there is no component.
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
    """Which components are frames: large, empty inside their lines, and around something."""
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
    """Score how likely a group of components is strokes rather than noise, shadow or texture.

    Strokes are clear of the noise, have sharp edges, are long and thin, have most of the contrast,
    and cover little of the border.

    Parameters
    ----------
    shades : Shades
    group : ndarray of uint8 of shape (height, width)
        As returned by `choose_group`.
    share : float

    Returns
    -------
    float
        The product of the factors, at least 0.
    """
    contrast = shades.contrast
    around = cv2.dilate(group, _FAR) - cv2.dilate(group, _NEAR)
    inside = cv2.mean(contrast, group)[0]
    noise = shades.noise + (_STEP if shades.is_even and not shades.noise else _TEXTURE)
    # Strokes are no clearer because there is ink of the other polarity beside them.
    clear = (inside - cv2.mean(np.maximum(contrast, 0), around)[0]) / noise
    _, _, width, height = cv2.boundingRect(group)
    thickness = 2 * mean_depth(group)
    edge = border(group)
    free = 1 - cv2.countNonZero(edge) / edge.size
    return float(min(clear, _CLEAR) * max(width, height) / thickness * share * free**2)
