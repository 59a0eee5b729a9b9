"""The place of a form in a picture: scale, shift, rotation and perspective as a homography."""

from collections.abc import Iterator
from itertools import combinations

import cv2
import numpy as np

from digitcnn.reading.forms.alignment import align, refine
from digitcnn.reading.forms.template import FormTemplate
from digitcnn.reading.paper import find_paper
from digitcnn.reading.polygons import project

_SIDE = 1000  # Longer side, in pixels, of the picture in which a page is searched.
_MOST_SKEW = 1.7  # Largest ratio of lengths across and down the page, in perspective.
# Largest width, relative to the picture's side, and least contrast to the surroundings.
_MARK_WINDOW, _MARK_CONTRAST = 0.1, 0.35
_LINE_WINDOW, _LINE_CONTRAST = 0.03, 0.12
_MOST_MARKS = 18  # Only the largest spots may be marks.
_SOLID = 0.7  # Least share of its bounding rectangle that a mark covers. A disc covers 0.79.
_MARK_RATIO = 3.0  # Largest ratio of a mark's area to the expected one, and of that to the area.
_MOST_FRAMES = 4
_FRAME_PART = 0.04  # Least area of a frame, relative to the picture's.
_SUPPORT = 0.7  # Least share of a frame's sides that is ink.

# (3, 3), from the template's units to pixels. A pixel's corner, not its middle, is a whole number.
Homography = np.ndarray


def find_page(pixels: np.ndarray, template: FormTemplate) -> list[Homography]:
    """The possible places of a form in a picture, upright ones first. Try all of them.

    Parameters
    ----------
    pixels : ndarray of uint8 of shape (height, width, 1 or 3)
    template : FormTemplate

    Raises
    ------
    ValueError
        If the picture does not show the template's marks or frame.
    """
    scale = min(1.0, _SIDE / max(pixels.shape[:2]))
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)
    zoom = np.diag([1 / scale, 1 / scale, 1])
    anchors = template.anchors
    if anchors is None:
        return [zoom @ place for place in _places_without_anchors(small, template)]
    corners = np.array(anchors.corners)
    if anchors.mark_size:
        dark = _darker_than_around(small, _MARK_WINDOW, _MARK_CONTRAST)
        quads = _mark_quads(dark, corners, anchors.mark_size)
    else:
        quads = list(_frame_quads(_darker_than_around(small, _LINE_WINDOW, _LINE_CONTRAST)))
    found = [zoom @ one for quad in quads for one in _turned(corners, quad, is_sure=True)]
    if not found:
        what = "four corner marks" if anchors.mark_size else "the printed frame"
        raise ValueError(
            f"expected a page with {what} as in the template, got none. Take the whole page in"
        )
    return found


def _places_without_anchors(small: np.ndarray, template: FormTemplate) -> list[Homography]:
    """The places of the paper, or of the page on a scan that shows nothing else."""
    lines = _darker_than_around(small, _LINE_WINDOW, _LINE_CONTRAST)
    corners = _corners(template.width, template.height)
    paper = find_paper(small)
    if paper is not None:
        found = list(_turned(corners, paper, is_sure=False))
    else:
        found = align(lines, template)
    if not found:
        whole = _corners(small.shape[1], small.shape[0])
        return list(_turned(corners, whole, is_sure=False))
    return [refine(lines, template, place) for place in found]


def _corners(width: float, height: float) -> np.ndarray:
    return np.array([(0, 0), (width, 0), (width, height), (0, height)], float)


def _turned(corners: np.ndarray, quad: np.ndarray, is_sure: bool) -> Iterator[Homography]:
    """The homographies of a quadrilateral in those quarter turns that do not skew it much."""
    middle = corners.mean(axis=0)
    turns = []
    for k in range(4):
        found = homography(corners, np.roll(quad, -k, axis=0))
        turns.append((_skew(found, middle), found))
    least = min(skew for skew, _ in turns)
    for skew, found in turns:
        # A square page may have any turn.
        if skew <= max(_MOST_SKEW if is_sure else 0, 1.2 * least):
            yield found


def homography(points: np.ndarray, images: np.ndarray) -> Homography:
    """The homography that maps four points to four others."""
    found: Homography = cv2.getPerspectiveTransform(
        points.astype(np.float32), images.astype(np.float32)
    )
    return found


def _skew(matrix: Homography, place: np.ndarray) -> float:
    """The largest ratio of two lengths at a place that were equal before the mapping."""
    step = 1e-3 * (1 + np.abs(place).max())
    origin, right, down = project(matrix, place + np.array([(0, 0), (step, 0), (0, step)]))
    _, lengths, _ = np.linalg.svd(np.column_stack([right - origin, down - origin]))
    return float(lengths[0] / max(lengths[1], 1e-12))


def scale_at(matrix: Homography, place: np.ndarray) -> float:
    """Pixels per unit of the template, at a place."""
    step = 1e-3 * (1 + np.abs(place).max())
    origin, right, down = project(matrix, place + np.array([(0, 0), (step, 0), (0, step)]))
    across, along = right - origin, down - origin
    return float(np.sqrt(abs(across[0] * along[1] - across[1] * along[0])) / step)


def _darker_than_around(small: np.ndarray, window: float, contrast: float) -> np.ndarray:
    """1 for what is narrow and darker than its surroundings. A dark desk is not narrow."""
    grey = small.min(axis=2)
    span = max(3, int(window * max(grey.shape))) | 1
    around = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, np.ones((span, span), np.uint8))
    darker: np.ndarray = grey < (1 - contrast) * around.astype(np.float32)
    return darker.astype(np.uint8)


def _mark_quads(mask: np.ndarray, corners: np.ndarray, size: float) -> list[np.ndarray]:
    """The four spots with the best fit to marks of a size, clockwise."""
    n, labels, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
    spots = []
    for i in range(1, n):
        left, top, width, height, area = stats[i]
        if area < 12 or not 1 / 3 <= width / height <= 3 or area < 0.35 * width * height:
            continue
        part = (labels[top : top + height, left : left + width] == i).astype(np.uint8)
        outline, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        (_, (across, down), _) = cv2.minAreaRect(max(outline, key=len))
        if (
            area >= _SOLID * (across + 1) * (down + 1) * 0.95
            and 0.4 <= (across + 1) / (down + 1) <= 2.5
        ):
            spots.append((int(area), centres[i] + 0.5))
    spots = sorted(spots, key=lambda spot: -spot[0])[:_MOST_MARKS]
    best: tuple[float, list[np.ndarray]] = (np.log(_MARK_RATIO), [])
    middle = corners.mean(axis=0)
    for four in combinations(spots, 4):
        areas, points = np.array([area for area, _ in four]), np.array([at for _, at in four])
        order = _clockwise(points)
        if order is None or areas.max() > _MARK_RATIO**2 * areas.min():
            continue
        for k in range(4):
            turned = np.roll(order, -k)
            matrix = homography(corners, points[turned])
            if _skew(matrix, middle) > _MOST_SKEW:
                continue
            expected = [(scale_at(matrix, corner) * size) ** 2 for corner in corners]
            # Blur, threshold and shape change all areas alike, and only a little.
            cost = float(np.abs(np.log(areas[turned] / np.array(expected))).max())
            if cost < best[0]:
                best = cost, [points[order]]
    return best[1]


def _clockwise(points: np.ndarray) -> np.ndarray | None:
    """The clockwise order of four points from the upper left one; None if they are not convex."""
    around = points - points.mean(axis=0)
    order = np.argsort(np.arctan2(around[:, 1], around[:, 0]))
    quad = points[order]
    ahead = np.roll(quad, -1, axis=0) - quad
    after = np.roll(ahead, -1, axis=0)
    if (ahead[:, 0] * after[:, 1] - ahead[:, 1] * after[:, 0]).min() <= 0:
        return None
    return np.roll(order, -int(quad.sum(axis=1).argmin()))


def _frame_quads(mask: np.ndarray) -> Iterator[np.ndarray]:
    """The largest shapes of ink with an outline of four straight lines."""
    closed = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    extent = stats[:, 2] * stats[:, 3]
    large = [int(i) for i in np.argsort(-extent) if i and extent[i] >= _FRAME_PART * mask.size]
    for i in large[:_MOST_FRAMES]:
        part = (labels == i).astype(np.uint8)
        quad = outline_quad(part)
        if quad is None:
            continue
        sides = np.zeros(mask.shape, np.uint8)
        cv2.polylines(sides, [np.round(quad - 0.5).astype(np.int32)], True, 1, 1)
        near = cv2.dilate(part, np.ones((7, 7), np.uint8))
        if (near[sides > 0] > 0).mean() >= _SUPPORT:
            # The outline goes around dilated ink, a pixel too far out.
            inside = quad.mean(axis=0) - quad
            yield quad + inside / np.linalg.norm(inside, axis=1, keepdims=True)


def outline_quad(part: np.ndarray) -> np.ndarray | None:
    """The quadrilateral around the 1s of a mask: straight lines through its outline.

    Returns
    -------
    ndarray of shape (4, 2) or None
        Corners clockwise from the upper left one, in coordinates of `Homography`.
    """
    outline, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = max(outline, key=len)
    hull = cv2.convexHull(points)
    length = cv2.arcLength(hull, True)
    rough = None
    for part_of_length in np.linspace(0.01, 0.12, 23):
        rough = cv2.approxPolyDP(hull, part_of_length * length, True)
        if len(rough) <= 4:
            break
    if rough is None or len(rough) != 4:
        return None
    order = _clockwise(rough[:, 0].astype(float))
    if order is None:
        return None
    quad = rough[order, 0].astype(float)
    border = points[:, 0].astype(float)
    lines = []
    for i in range(4):
        start, stop = quad[i], quad[(i + 1) % 4]
        along = (stop - start) / max(np.linalg.norm(stop - start), 1)
        offset = border - start
        place = offset @ along / max(np.linalg.norm(stop - start), 1)
        distance = np.abs(offset @ np.array([-along[1], along[0]]))
        near = border[(place > 0.06) & (place < 0.94) & (distance < max(3.0, 0.012 * length))]
        if len(near) < 10:
            lines.append((start, along))
            continue
        vx, vy, x, y = cv2.fitLine(near.astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.01).ravel()
        lines.append((np.array([x, y], float), np.array([vx, vy], float)))
    corners = []
    for i in range(4):
        (p, u), (q, v) = lines[i - 1], lines[i]
        sides = np.column_stack([u, -v])
        if abs(np.linalg.det(sides)) < 1e-3:
            return None
        corners.append(p + u * np.linalg.solve(sides, q - p)[0])
    found = np.array(corners)
    if np.abs(found - quad).max() > 0.1 * length:
        return None
    return found + 0.5
