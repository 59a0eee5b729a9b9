"""Places in a picture: points, upright boxes, and polygons, which may be rotated."""

import math

import numpy as np

Box = tuple[float, float, float, float]
Polygon = tuple[tuple[float, float], ...]


def rectangle(x: float, y: float, width: float, height: float) -> Polygon:
    """The corners of an upright box, clockwise from its upper left one."""
    return (x, y), (x + width, y), (x + width, y + height), (x, y + height)


def box_of(polygon: Polygon) -> Box:
    """The smallest upright box around a polygon: x, y, width and height."""
    across, down = zip(*polygon, strict=True)
    return min(across), min(down), max(across) - min(across), max(down) - min(down)


def box_around(boxes: np.ndarray) -> np.ndarray:
    """Left, top, right and bottom around boxes given by these, (n, 4)."""
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])


def project(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map points, (n, 2), by a homography, (3, 3)."""
    mapped = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    projected: np.ndarray = mapped[:, :2] / mapped[:, 2:]
    return projected


def polygon_around(polygons: list[Polygon]) -> Polygon:
    """The smallest rectangle around polygons with their average rotation."""
    corners = np.array(polygons, float)
    along = (corners[:, 1] - corners[:, 0]).sum(axis=0)
    length = math.hypot(*along)
    along = along / length if length else np.array([1.0, 0.0])
    axes = np.array([along, (-along[1], along[0])])
    placed = corners.reshape(-1, 2) @ axes.T
    (left, top), (right, bottom) = placed.min(axis=0), placed.max(axis=0)
    turned = np.array([(left, top), (right, top), (right, bottom), (left, bottom)]) @ axes
    return tuple((float(x), float(y)) for x, y in turned)
