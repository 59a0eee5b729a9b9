"""Paper on a darker ground, as a quadrilateral."""

import cv2
import numpy as np

_SIDE = 320  # Longer side, in pixels, of the picture in which paper is searched,
_NARROWEST = 40  # and least length of its shorter side.
_INK = 0.06  # Width of the strokes and rulings that are closed, relative to the side.
_LEAST, _MOST = 0.08, 0.97  # Area, relative to the picture's.
_LIKE = 0.88  # Least area of a shape, relative to its quadrilateral's.
_ANGLE = 0.6  # Largest cosine of a corner's angle, which is between 53 and 127 degrees.
_LONGEST = 6.0  # Longest side, relative to the shortest one.
_EDGE = 0.7  # Least share of each side that is lighter inside than outside,
_STEP = 12  # by so much of 255.
_WITHIN = 3  # Pixels inside and outside of an edge that are compared.
_SEARCHED = 0.08  # Largest distance of a sheet's edge from its shape's, relative to a side.
_SHRUNK = 0.006  # Width of the paper's edge that is cut off, relative to its sides.


def find_paper(pixels: np.ndarray) -> np.ndarray | None:
    """The corners of a light sheet on a darker ground that is completely in the picture.

    Thresholds in lightness and colour give shapes. A shape is a quadrilateral if a polygon with
    four corners [1]_ is a good approximation of it.

    Parameters
    ----------
    pixels : ndarray of uint8 of shape (height, width, 1 or 3)

    Returns
    -------
    ndarray of float of shape (4, 2), or None
        x and y, clockwise from the upper left corner. None if there is no such sheet, or if it
        fills the picture.

    References
    ----------
    .. [1] D. Douglas and T. Peucker, "Algorithms for the reduction of the number of points required
       to represent a digitized line or its caricature", Cartographica 10(2), 1973.
    """
    scale = min(_SIDE / max(pixels.shape[:2]), 1.0)
    if min(pixels.shape[:2]) * scale < _NARROWEST:
        return None
    small = pixels
    if scale < 1:
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        small = small.reshape(*small.shape[:2], -1)
    light = small.max(axis=2) if small.shape[2] == 1 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    # The filter removes strokes on the paper, and the grain of the ground.
    window = max(3, int(_INK * max(light.shape)) | 1)
    smooth_light = cv2.medianBlur(light, 5).astype(np.float32)
    best, corners = 0.0, None
    for channel in _channels(small):
        smooth = cv2.medianBlur(channel, window)
        level, _ = cv2.threshold(smooth, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        above = smooth[smooth > level]
        levels = [level]
        if len(above) and above.min() < above.max():
            levels.append(
                cv2.threshold(above.reshape(1, -1), 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0]
            )
        for one in levels:
            for found in _quadrilaterals((smooth > one).astype(np.uint8)):
                once = _fitted_corners(smooth_light, found)
                for one_of in (found, once, _fitted_corners(smooth_light, once)):
                    merit = _merit(one_of, smooth_light)
                    if merit > best:
                        best, corners = merit, one_of
    if corners is None:
        return None
    middle = corners.mean(axis=0)
    corners = corners + (middle - corners) * 2 * _SHRUNK
    unscaled: np.ndarray = corners / min(scale, 1.0)
    return unscaled


def _channels(small: np.ndarray) -> list[np.ndarray]:
    """Channels in which paper may be lighter than its ground."""
    if small.shape[2] == 1:
        return [small[..., 0]]
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    pale = 255 - cv2.cvtColor(small, cv2.COLOR_RGB2HSV)[..., 1]
    channels = [np.ascontiguousarray(lab[..., 0]), np.ascontiguousarray(small.min(axis=2)), pale]
    for i in (1, 2):
        colour = np.ascontiguousarray(lab[..., i])
        if np.ptp(colour) > 2 * _STEP:
            channels += [colour, 255 - colour]
    return channels


def _quadrilaterals(mask: np.ndarray) -> list[np.ndarray]:
    """The shapes of a mask with four corners."""
    height, width = mask.shape
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    contours, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found = []
    for contour in contours:
        area = cv2.contourArea(contour)
        if not _LEAST * mask.size <= area <= _MOST * mask.size:
            continue
        hull = cv2.convexHull(contour)
        around = cv2.arcLength(hull, True)
        for part in (0.02, 0.03, 0.05, 0.08):
            polygon = cv2.approxPolyDP(hull, part * around, True)
            if len(polygon) <= 4:
                break
        if len(polygon) != 4:
            continue
        corners = _clockwise(polygon[:, 0].astype(float))
        inside = ((corners >= 2) & (corners <= [width - 3, height - 3])).all()
        if inside and area >= _LIKE * cv2.contourArea(corners.astype(np.float32)):
            found.append(corners)
    return found


def _fitted_corners(light: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Corners where lines through a sheet's edges meet. The sheet may be bent or torn."""
    lines = []
    for i in range(4):
        start, side = corners[i], corners[(i + 1) % 4] - corners[i]
        length = float(np.linalg.norm(side))
        inward = np.array([-side[1], side[0]]) / length
        reach = np.arange(-round(_SEARCHED * length), round(_SEARCHED * length) + 1)
        along = np.linspace(0.08, 0.92, 48)
        places = (start + along[:, None] * side)[:, None] + reach[:, None] * inward
        shades = _sampled(light, places.reshape(-1, 2)).reshape(len(along), len(reach))
        if len(reach) < 2 * _WITHIN + 3:
            return corners
        # The edge is where outside and inside differ most.
        sums = np.cumsum(np.pad(shades, ((0, 0), (1, 0))), axis=1)
        means = (sums[:, _WITHIN:] - sums[:, :-_WITHIN]) / _WITHIN
        steps = means[:, _WITHIN:] - means[:, :-_WITHIN]
        off = reach[_WITHIN + steps.argmax(axis=1)]
        clear = steps.max(axis=1) > _STEP
        if clear.sum() < _EDGE * len(along):
            return corners
        # Of the lines through two of the points, the one with most points near to it.
        x, y = along[clear] * length, off[clear].astype(float)
        best, chosen = 0, None
        for j in range(0, len(x) - 6, 2):
            for k in range(j + 6, len(x), 3):
                slope = (y[k] - y[j]) / (x[k] - x[j])
                near = np.abs(y[j] + slope * (x - x[j]) - y) <= 2.0
                if near.sum() > best:
                    best, chosen = int(near.sum()), near
        slope, height = np.polyfit(x[chosen], y[chosen], 1)
        lines.append((start + height * inward, side / length + slope * inward))
    fitted = []
    for i in range(4):
        (p, d), (q, e) = lines[i - 1], lines[i]
        sides = np.column_stack([d, -e])
        if abs(np.linalg.det(sides)) < 0.2:
            return corners
        fitted.append(p + d * np.linalg.solve(sides, q - p)[0])
    return np.array(fitted)


def _clockwise(corners: np.ndarray) -> np.ndarray:
    """Corners in clockwise order from the upper left one."""
    middle = corners.mean(axis=0)
    order = np.argsort(np.arctan2(*(corners - middle).T[::-1]))
    corners = corners[order]
    return np.roll(corners, -int((corners.sum(axis=1)).argmin()), axis=0)


def _merit(corners: np.ndarray, light: np.ndarray) -> float:
    """The area of a quadrilateral that is lighter than its surroundings; 0 for other shapes."""
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.linalg.norm(sides, axis=1)
    cosines = np.sum(sides * np.roll(sides, 1, axis=0), axis=1) / (lengths * np.roll(lengths, 1))
    if lengths.max() > _LONGEST * lengths.min() or np.abs(cosines).max() > _ANGLE:
        return 0.0
    for corner, side, length in zip(corners, sides, lengths, strict=True):
        inward = np.array([-side[1], side[0]]) / length
        places = corner + np.linspace(0.05, 0.95, 40)[:, None] * side
        within, beyond = (_sampled(light, places + sign * _WITHIN * inward) for sign in (1, -1))
        if (within - beyond > _STEP).mean() < _EDGE:
            return 0.0
    return float(cv2.contourArea(corners.astype(np.float32)))


def _sampled(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    columns = np.clip(places[:, 0].round().astype(int), 0, image.shape[1] - 1)
    rows = np.clip(places[:, 1].round().astype(int), 0, image.shape[0] - 1)
    sampled: np.ndarray = image[rows, columns]
    return sampled


def sheet_size(corners: np.ndarray) -> tuple[int, int]:
    """The width and height of a sheet, in pixels."""
    lengths = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    return max(8, round(max(lengths[0], lengths[2]))), max(8, round(max(lengths[1], lengths[3])))
