"""The place of a form without anchors on a scan, found by its printed boxes."""

import cv2
import numpy as np

from digitcnn.reading.forms.template import FormTemplate

_SIDE = 384  # Pixels of the square in which boxes are compared.
_MOST_POINTS = 30_000
_MOST_SKEW, _STEP, _FINE_STEP = 10.0, 0.25, 0.05  # Degrees.
# Sizes to try, relative to the largest page that fits on the scan, and steps around the best one.
_SIZES = np.geomspace(1.12, 0.5, 28)
_FINE_SIZES = 1 + 0.004 * np.arange(-4, 5)
_NARROW, _WIDE = np.ones((5, 5), np.uint8), np.ones((9, 9), np.uint8)
# Largest distance of a border in each round, relative to the picture's side.
_SLACKS = (0.02, 0.01, 0.006)
_ON_INK = 0.75  # Least share of a border that is ink.
_LEAST_ENDS = 8
_LINE_LENGTH = 0.03  # Of the shortest line, relative to the picture's side.
# Least score of a place: share of the printed boxes that is ink, and relative to the best turn.
_FOUND, _NEARLY = 0.3, 0.75


def align(ink: np.ndarray, template: FormTemplate) -> list[np.ndarray]:
    """The rotations, scales and shifts with which a form's boxes fit the ink of a scan.

    Parameters
    ----------
    ink : ndarray of uint8 of shape (height, width)
        1 for print and writing.
    template : FormTemplate

    Returns
    -------
    list of ndarray of shape (3, 3)
        From the template's units to pixels, the best one first, at most one for each quarter turn.
        Empty if the boxes are not visible.
    """
    rows, columns = np.nonzero(ink)
    if not len(rows):
        return []
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(rows))[:_MOST_POINTS]
    # At random places in their pixels: whole numbers would always favour an angle of 0.
    points = np.column_stack([columns, rows])[chosen] + rng.random((len(chosen), 2))
    middle = np.array([ink.shape[1], ink.shape[0]]) / 2
    angle = _skew(points - middle)
    segments = _segments(template)
    found = []
    for turn in range(4):
        rotation = _rotation(angle + 90 * turn)
        size = np.abs(_rotation(90 * turn)) @ (2 * middle)
        # Into a square with the scan in its middle.
        zoom = _SIDE / (1.2 * size.max())
        rasters = _long_lines(ink, rotation, zoom)
        largest = zoom * min(size[0] / template.width, size[1] / template.height)
        score, scale, shift = _best(rasters, segments, largest * _SIZES)
        if score >= _FOUND * _NEARLY:
            score, scale, shift = _best(rasters, segments, scale * _FINE_SIZES)
        back = np.eye(3)
        back[:2, :2] = rotation.T / zoom
        back[:2, 2] = middle - back[:2, :2] @ np.full(2, _SIDE / 2)
        to_square = np.array([[scale, 0, shift[0]], [0, scale, shift[1]], [0, 0, 1]])
        found.append((score, back @ to_square))
    found.sort(key=lambda one: -one[0])
    least = max(_FOUND, _NEARLY * found[0][0])
    return [place for score, place in found if score >= least]


def _rotation(degrees: float) -> np.ndarray:
    """The matrix that rotates points anticlockwise on the page."""
    angle = np.radians(degrees)
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _skew(points: np.ndarray) -> float:
    """The rotation that puts most ink into few rows and columns, which makes lines level."""

    def sharpness(degrees: float) -> float:
        rotated = points @ _rotation(degrees).T
        places = (rotated - rotated.min(axis=0)).astype(np.int64)
        counts = [np.bincount(axis).astype(float) for axis in places.T]
        return float(sum(count @ count for count in counts))

    best = max(np.arange(-_MOST_SKEW, _MOST_SKEW + _STEP, _STEP), key=sharpness)
    near = best + np.arange(-_STEP, _STEP + _FINE_STEP, _FINE_STEP)
    return float(max(near, key=sharpness))


def _segments(template: FormTemplate) -> np.ndarray:
    """The borders of all boxes, (n, 2, 2), in the template's units."""
    found = []
    for field in template.fields:
        left, top, width, height = field.box
        across = (width + field.gap) / field.columns
        down = (height + field.gap) / field.rows
        for i in range(field.rows):
            y = top + i * down
            for edge in (y, y + down - field.gap):
                found.append(((left, edge), (left + width, edge)))
        for j in range(field.columns):
            x = left + j * across
            for edge in (x, x + across - field.gap):
                found.append(((edge, top), (edge, top + height)))
    return np.unique(np.array(found, float), axis=0)


def _long_lines(ink: np.ndarray, rotation: np.ndarray, zoom: float) -> list[np.ndarray]:
    """The level and upright lines of rotated ink in the square. Strokes of digits are shorter."""
    height, width = ink.shape
    middle = np.array([width, height]) / 2
    span = int(np.ceil(np.hypot(height, width)))
    matrix = np.column_stack([rotation, np.full(2, span / 2) - rotation @ middle])
    straight = cv2.warpAffine(ink, matrix, (span, span), flags=cv2.INTER_NEAREST)
    length = max(5, int(_LINE_LENGTH * max(height, width)))
    rasters = []
    for shape in ((1, length), (length, 1)):
        thick = cv2.dilate(straight, np.ones((3, 1) if shape[0] == 1 else (1, 3), np.uint8))
        lines = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones(shape, np.uint8))
        rows, columns = np.nonzero(lines)
        at = (np.column_stack([columns, rows]) + 0.5 - span / 2) * zoom + _SIDE / 2
        at = np.floor(at).astype(int)
        at = at[((at >= 0) & (at < _SIDE)).all(axis=1)]
        raster = np.zeros((_SIDE, _SIDE), np.float32)
        raster[at[:, 1], at[:, 0]] = 1
        rasters.append(cv2.dilate(raster, np.ones((3, 3), np.uint8)))
    return rasters


def _best(
    rasters: list[np.ndarray], segments: np.ndarray, scales: np.ndarray
) -> tuple[float, float, np.ndarray]:
    """The score, scale and shift with which most of the segments are on lines."""
    spectra = [np.fft.rfft2(raster) for raster in rasters]
    is_level = segments[:, 0, 1] == segments[:, 1, 1]
    best = (-1.0, float(scales[0]), np.zeros(2))
    for scale in scales:
        product = np.zeros_like(spectra[0])
        for spectrum, chosen in zip(spectra, (is_level, ~is_level), strict=True):
            drawn = np.zeros((_SIDE, _SIDE), np.uint8)
            for start, stop in np.floor(segments[chosen] * scale).astype(int).tolist():
                cv2.line(drawn, start, stop, 1, 1)
            # Lines on both sides of a border count against it: boxes do not have so many.
            beside = cv2.dilate(drawn, _WIDE) - cv2.dilate(drawn, _NARROW)
            expected = drawn / np.float32(max(1, cv2.countNonZero(drawn)))
            expected -= beside / np.float32(max(1, cv2.countNonZero(beside)))
            product += spectrum * np.conj(np.fft.rfft2(expected)) / 2
        overlap = np.fft.irfft2(product, s=(_SIDE, _SIDE))
        place = int(overlap.argmax())
        score = float(overlap.flat[place])
        if score > best[0]:
            down, across = divmod(place, _SIDE)
            shift = np.array([across, down], float)
            shift[shift > _SIDE / 2] -= _SIDE
            best = score, float(scale), shift
    return best


def refine(ink: np.ndarray, template: FormTemplate, place: np.ndarray) -> np.ndarray:
    """A place near to a given one where the printed boxes fit the ink better.

    Each border is searched near its expected position. Most of the borders that are found have to
    agree on the new place.

    Parameters
    ----------
    ink, template
        As for `align`.
    place : ndarray of shape (3, 3)
        From the template's units to pixels.
    """
    segments = _segments(template)
    ends = np.concatenate([segments.reshape(-1, 2), np.ones((2 * len(segments), 1))], axis=1)
    thick = cv2.dilate(ink, np.ones((3, 3), np.uint8))
    for part in _SLACKS:
        mapped = ends @ place.T
        corners = (mapped[:, :2] / mapped[:, 2:]).reshape(-1, 2, 2)
        slack = part * max(ink.shape)
        found: list[np.ndarray] = []
        normals: list[np.ndarray] = []
        offsets: list[float] = []
        for segment in corners:
            hit = _offsets(thick, segment, slack)
            if hit is not None:
                normal, both = hit
                found += list(segment)
                normals += [normal, normal]
                offsets += both
        if len(found) < _LEAST_ENDS:
            return place
        change = _fit(np.array(found), np.array(normals), np.array(offsets), slack)
        if change is None:
            return place
        place = change @ place
    return place


def _offsets(
    ink: np.ndarray, segment: np.ndarray, slack: float
) -> tuple[np.ndarray, tuple[float, float]] | None:
    """The distances of a segment's ends from its ink, along its normal; None without ink."""
    along = segment[1] - segment[0]
    length = float(np.linalg.norm(along))
    # The next border of the same direction must stay out of reach.
    reach = int(min(slack, 0.4 * length))
    if length < 8 or reach < 1:
        return None
    normal = np.array([-along[1], along[0]]) / length
    n_samples = int(min(60, max(8, length / 3)))
    places = segment[0] + np.linspace(0.05, 0.95, n_samples)[:, None] * along
    shifts = np.arange(-reach, reach + 1)
    at = np.floor(places[:, None] + shifts[None, :, None] * normal).astype(int)
    height, width = ink.shape
    inside = (at >= 0).all(axis=2) & (at[..., 0] < width) & (at[..., 1] < height)
    rows, columns = at[..., 1].clip(0, height - 1), at[..., 0].clip(0, width - 1)
    profile = np.where(inside, ink[rows, columns], 0).astype(np.float32)
    best = (0.0, 0, 0)
    share = np.linspace(0.05, 0.95, n_samples)
    lean = max(1, int(0.12 * length))
    samples = np.arange(n_samples)
    for tilt in range(-min(lean, reach), min(lean, reach) + 1):
        steps = np.round((share - 0.5) * tilt).astype(int)
        index = (np.arange(len(shifts))[None] + steps[:, None]).clip(0, len(shifts) - 1)
        sums = profile[samples[:, None], index].mean(axis=0) - 0.002 * (abs(tilt) + np.abs(shifts))
        k = int(sums.argmax())
        if sums[k] > best[0]:
            best = float(sums[k]), int(shifts[k]), tilt
    score, shift, tilt = best
    if score < _ON_INK:
        return None
    return normal, (shift - tilt / 2, shift + tilt / 2)


def _fit(
    points: np.ndarray, normals: np.ndarray, offsets: np.ndarray, slack: float
) -> np.ndarray | None:
    """The affine map that moves points along their normals by offsets, without outliers."""
    middle, spread = points.mean(axis=0), max(float(points.std()), 1.0)
    x, y = ((points - middle) / spread).T
    nx, ny = normals.T
    design = np.column_stack([nx * x, nx * y, nx, ny * x, ny * y, ny])
    weights = np.ones(len(points))
    solution = np.zeros(6)
    for _ in range(10):
        # A small weight on no change decides where the borders do not.
        left = np.vstack([design * weights[:, None], 0.3 * np.eye(6)])
        right = np.concatenate([offsets * weights, np.zeros(6)])
        solution = np.linalg.lstsq(left, right, rcond=None)[0]
        off = np.abs(design @ solution - offsets)
        scale = max(1.5, 2.5 * float(np.median(off)))
        weights = np.where(off < scale, 1 - (off / scale) ** 2, 0)
    if not np.isfinite(solution).all() or (weights > 0).sum() < _LEAST_ENDS:
        return None
    a, b, c, d, e, f = solution
    change = np.eye(3)
    change[:2, :2] += np.array([[a, b], [d, e]]) / spread
    change[:2, 2] = np.array([c, f]) - (change[:2, :2] - np.eye(2)) @ middle
    return change
