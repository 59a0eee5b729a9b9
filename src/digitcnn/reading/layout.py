"""The writing on a page: components of its ink, without rulings, frames and specks."""

from dataclasses import dataclass

import cv2
import numpy as np

from digitcnn.reading.polygons import box_around

# Least length of a ruling, relative to the page's side and to a digit's height.
_RULING_PART, _RULING_HEIGHTS = 0.5, 4.0
# Relative to a digit's height:
_PART = 0.45  # least height of a digit; lower components are parts of digits, separators or specks
_SPECK = 0.06  # largest side of a speck
_PART_GAP = 0.25  # largest distance of a part from its digit
_STACKED = 1.35  # largest height of two halves of one digit together
_HIGHEST = 3.0  # largest height of a component
# Least share of its width that a part has above or below its digit, and one half above the other.
_INSIDE, _SAME = 0.5, 0.7
# Largest thickness of a stroke, relative to the component's larger side; the same for a component
# that fills so much of its box. Thicker ones are shadows and solid things.
_THICKEST, _BAR, _FULL = 0.45, 0.2, 0.93
_SOLID = 0.005  # Least area of something solid, relative to the picture.
# A frame or a grid: least side relative to the picture's, most ink in it, least other ink.
_FRAME_SIDE, _FRAME_FILL, _FRAMED = 0.6, 0.2, 0.15
_MANY = 2.2  # Least width of a picture of several digits, relative to its height.


@dataclass(frozen=True, slots=True)
class Components:
    """Groups of strokes. A group is a digit, several digits that touch, or something else.

    Attributes
    ----------
    labels : ndarray of int32 of shape (height, width)
        i + 1 for the strokes of group i, and 0 for everything else.
    boxes : ndarray of float of shape (n, 4)
        Left, top, right and bottom.
    height : float
        Height of a typical digit, in pixels.
    ink : ndarray of uint8 of shape (height, width)
        1 for ink and specks, 0 for paper and rulings.
    solid : ndarray of uint8 of shape (height, width)
        1 for large things that are too thick for strokes.
    """

    labels: np.ndarray
    boxes: np.ndarray
    height: float
    ink: np.ndarray
    solid: np.ndarray


def find_components(mask: np.ndarray) -> Components:
    """The groups of strokes in a page's ink.

    Parameters
    ----------
    mask : ndarray of uint8 of shape (height, width)
        1 for ink.
    """
    n, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    typical = typical_height(stats[1:], mask.shape)
    cleaned = without_rulings(mask, typical)
    if cleaned is not mask:
        mask = cleaned
        n, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        typical = typical_height(stats[1:], mask.shape)
    if n <= 1 or not typical:
        return Components(
            np.zeros(mask.shape, np.int32), np.zeros((0, 4)), 0.0, mask, np.zeros_like(mask)
        )
    left, top, width, height, area = stats[1:].T.astype(float)
    boxes = np.column_stack([left, top, left + width, top + height])
    # Frames.
    is_none = (area < 0.12 * width * height) & (np.minimum(width, height) > 1.5 * typical)
    depth = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    thickness = 4 * np.bincount(labels.ravel(), depth.ravel(), n)[1:] / area
    is_thick = thickness > _THICKEST * np.maximum(width, height)
    # A filled rectangle is not a 1.
    is_thick |= (thickness > _BAR * np.maximum(width, height)) & (area > _FULL * width * height)
    is_none |= is_thick
    is_solid = np.concatenate([[0], is_thick & (area > _SOLID * mask.size)]).astype(np.uint8)
    kept = (np.maximum(width, height) > _SPECK * typical) & (height < _HIGHEST * typical)
    owners = _join_parts(boxes, typical, kept & ~is_none)
    used = np.unique(owners[owners >= 0])
    places = np.zeros(n, np.int32)
    for i, owner in enumerate(used):
        places[1:][owners == owner] = i + 1
    joined = np.array([box_around(boxes[owners == owner]) for owner in used]).reshape(-1, 4)
    return Components(places[labels], joined, typical, mask, is_solid[labels])


def typical_height(stats: np.ndarray, shape: tuple[int, ...]) -> float:
    """The typical height of components, given by left, top, width, height and area, (n, 5).

    This is the median weighted by ink, of which specks have little. A frame or grid around the rest
    does not count.
    """
    if not len(stats):
        return 0.0
    width, height, area = stats[:, 2], stats[:, 3], stats[:, 4]
    is_wide = (width >= _FRAME_SIDE * shape[1]) & (height >= _FRAME_SIDE * shape[0])
    is_frame = is_wide & (area < _FRAME_FILL * width * height)
    if area[~is_frame].sum() > _FRAMED * area[is_frame].sum():
        stats = stats[~is_frame]
    heights = stats[:, 3].astype(float)
    order = np.argsort(heights)
    ink = np.cumsum(stats[order, 4])
    return float(heights[order][np.searchsorted(ink, ink[-1] / 2)])


def without_rulings(mask: np.ndarray, typical: float) -> np.ndarray:
    """Ink without ruled lines and frames. Strokes that cross them stay whole."""
    lines = np.zeros_like(mask)
    for axis in (1, 0):
        turned = mask if axis == 1 else mask.T
        length = int(max(_RULING_HEIGHTS * typical, 12))
        side = turned.shape[1]
        # A stroke may be as wide as a picture of few digits, but not as one of many digits.
        if length >= side and not side > _MANY * turned.shape[0]:
            continue
        length = min(length, side // 2)
        # In pixels, lines that are not quite level have steps.
        thick = cv2.dilate(np.ascontiguousarray(turned), np.ones((3, 1), np.uint8))
        runs = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
        n, found, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
        is_line = stats[:, 2] >= max(_RULING_PART * side, length)
        is_line[0] = False
        if n < 2 or not is_line.any():
            continue
        depth = np.median(stats[is_line, 4] / stats[is_line, 2])
        crossing = cv2.morphologyEx(
            np.ascontiguousarray(turned), cv2.MORPH_OPEN, np.ones((int(depth) + 3, 1), np.uint8)
        )
        gone = is_line.astype(np.uint8)[found] & turned & ~crossing
        lines |= gone if axis == 1 else gone.T
    return mask & ~lines & 1 if lines.any() else mask


def _join_parts(boxes: np.ndarray, typical: float, kept: np.ndarray) -> np.ndarray:
    """The component that each component belongs to; -1 for none.

    A part is above or below the rest of its digit. Broken strokes are parts too.
    """
    owners = np.where(kept, np.arange(len(boxes)), -1)
    is_large = kept & (boxes[:, 3] - boxes[:, 1] >= _PART * typical)
    large = np.flatnonzero(is_large)
    owners[kept & ~is_large] = -1
    if not len(large):
        return owners
    for i in np.flatnonzero(kept & ~is_large):
        inside, gap = _relations(boxes[i], boxes[large])
        gap = np.where(inside >= _INSIDE, gap, np.inf)
        nearest = int(gap.argmin())
        if gap[nearest] <= _PART_GAP * typical:
            owners[i] = large[nearest]
    for i in large:
        inside, gap = _relations(boxes[i], boxes[large])
        together = np.maximum(boxes[i, 3], boxes[large, 3]) - np.minimum(
            boxes[i, 1], boxes[large, 1]
        )
        is_same = (inside >= _SAME) & (gap <= _PART_GAP * typical)
        is_same &= (together <= _STACKED * typical) & (large > i)
        for j in large[is_same]:
            owners[owners == owners[j]] = owners[i]
    return owners


def _relations(box: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share of the narrower of two boxes above or below the other, and the gap between them."""
    shared = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
    width = np.minimum(box[2] - box[0], boxes[:, 2] - boxes[:, 0])
    gap = np.maximum(box[1], boxes[:, 1]) - np.minimum(box[3], boxes[:, 3])
    return shared / np.maximum(width, 1), np.maximum(gap, 0)
