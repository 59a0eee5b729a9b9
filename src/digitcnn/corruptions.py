"""Corruptions of digits, as by pens, scans and photos, to measure the robustness of a classifier.

Each corruption has five severities. They share no code with the augmentation of training images,
which has no lines, JPEG or inversion.
"""

import io
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from digitcnn._typing import ArrayLike
from digitcnn._utils.images import resolve_image_shape

Images = np.ndarray  # (n, height, width), float, strokes towards 1 on a background of 0

SEVERITIES = (1, 2, 3, 4, 5)


def corrupt(
    X: ArrayLike,
    corruption: str,
    severity: int = 3,
    *,
    image_shape: tuple[int, int] | None = None,
    random_state: int | np.random.RandomState | None = 0,
) -> np.ndarray:
    """Corrupt pictures of digits.

    Parameters
    ----------
    X : array-like of shape (n, pixels) or (n, height, width)
        Digits in 0..255, light strokes on a dark background. They are not modified.
    corruption : str
        A key of `CORRUPTIONS`.
    severity : int, default=3
        From 1, which hardly changes the accuracy of a classifier, to 5.
    image_shape : tuple of int (height, width) or None, default=None
        Shape of the pictures in rows of pixels. None means square pictures.
    random_state : int, RandomState instance or None, default=0
        Seed of the corruption. An int gives the same pictures each time.

    Returns
    -------
    ndarray of uint8, of X's shape

    Raises
    ------
    ValueError
        If the corruption or severity does not exist, if pixels are outside 0..255, or if the rows
        do not match the shape.
    ImportError
        If Pillow, which ``"jpeg"`` needs, is not installed.

    Notes
    -----
    The scheme, several corruptions in five severities each, follows [1]_ and [2]_; the corruptions
    are those of digits on paper.

    References
    ----------
    .. [1] D. Hendrycks, T. Dietterich, "Benchmarking neural network robustness to common
       corruptions and perturbations", ICLR 2019.
    .. [2] N. Mu, J. Gilmer, "MNIST-C: a robustness benchmark for computer vision", 2019.

    Examples
    --------
    >>> from digitcnn.corruptions import corrupt
    >>> from digitcnn.datasets import load_sample_digits
    >>> X, y = load_sample_digits()
    >>> corrupt(X[:10], "blur", severity=2).shape
    (10, 784)
    """
    if corruption not in CORRUPTIONS:
        raise ValueError(
            f"expected one of the corruptions {', '.join(CORRUPTIONS)}, got {corruption!r}"
        )
    if severity not in SEVERITIES:
        raise ValueError(f"expected a severity from 1 to 5, got {severity!r}")
    pixels = np.asarray(X)
    if pixels.ndim not in (2, 3):
        raise ValueError(
            f"expected X of shape (n, pixels) or (n, height, width), got shape {pixels.shape}"
        )
    shape = pixels.shape[1:]
    if pixels.ndim == 2:
        shape = resolve_image_shape(image_shape or "auto", pixels.shape[1])[:2]
    images = pixels.reshape(len(pixels), *shape).astype(np.float64)
    if images.size and (images.min() < 0 or images.max() > 255):
        raise ValueError(
            f"expected pixels in 0..255, got numbers from {images.min():g} to {images.max():g}"
        )
    if isinstance(random_state, np.random.RandomState):
        random_state = int(random_state.randint(2**31))
    rng = np.random.default_rng(random_state)
    changed = CORRUPTIONS[corruption](images / 255.0, severity - 1, rng)
    corrupted: np.ndarray = np.rint(255.0 * np.clip(changed, 0.0, 1.0)).astype(np.uint8)
    return corrupted.reshape(pixels.shape)


# Lengths are in pixels of a 28x28 image, as in the augmentation.
def _scale(images: Images) -> float:
    return float(min(images.shape[1:]) / 28.0)


def _blur(images: Images, level: int, rng: np.random.Generator) -> Images:
    sigma = (0.5, 0.8, 1.1, 1.5, 2.0)[level] * _scale(images)
    blurred: Images = ndimage.gaussian_filter(images, (0, sigma, sigma))
    return blurred


def _noise(images: Images, level: int, rng: np.random.Generator) -> Images:
    return images + (0.08, 0.15, 0.22, 0.3, 0.4)[level] * rng.standard_normal(images.shape)


def _lines(images: Images, level: int, rng: np.random.Generator) -> Images:
    """One to five horizontal or vertical lines of a ruling or a form, one pixel wide."""
    lined = images.copy()
    _, height, width = images.shape
    for image in lined:
        for _ in range(level + 1):
            shade = rng.uniform(0.5, 1.0)
            if rng.random() < 0.5:
                row = rng.integers(height)
                image[row] = np.maximum(image[row], shade)
            else:
                column = rng.integers(width)
                image[:, column] = np.maximum(image[:, column], shade)
    return lined


def _uneven_light(images: Images, level: int, rng: np.random.Generator) -> Images:
    """A shadow over the paper: a linear gradient at any angle."""
    depth = (0.15, 0.3, 0.45, 0.6, 0.75)[level]
    n, height, width = images.shape
    angle = rng.uniform(0, 2 * np.pi, (n, 1, 1))
    rows = np.linspace(-0.5, 0.5, height)[:, None]
    columns = np.linspace(-0.5, 0.5, width)
    slope = np.cos(angle) * rows + np.sin(angle) * columns
    slope -= slope.min(axis=(1, 2), keepdims=True)
    slope /= np.maximum(slope.max(axis=(1, 2), keepdims=True), 1e-9)
    # Shadow looks like ink and reduces the contrast of the ink.
    shadow = depth * slope
    return shadow + images * (1.0 - shadow)


def _low_contrast(images: Images, level: int, rng: np.random.Generator) -> Images:
    contrast = (0.7, 0.5, 0.35, 0.25, 0.15)[level]
    return 0.5 + contrast * (images - 0.5)


def _thick(images: Images, level: int, rng: np.random.Generator) -> Images:
    return _morph(images, ndimage.grey_dilation, (0.5, 1.0, 1.5, 2.0, 2.5)[level])


def _thin(images: Images, level: int, rng: np.random.Generator) -> Images:
    return _morph(images, ndimage.grey_erosion, (0.3, 0.5, 0.7, 0.85, 1.0)[level])


def _morph(images: Images, operation: Callable[..., Images], radius: float) -> Images:
    """Grow or shrink strokes by a radius; for a fractional radius, interpolate the results."""
    radius *= _scale(images)
    whole = int(radius)

    def by(steps: int) -> Images:
        if steps == 0:
            return images
        reach = np.arange(-steps, steps + 1)
        disk = np.hypot(reach[:, None], reach) <= steps + 0.5
        return operation(images, footprint=disk[None])

    part = radius - whole
    return (1 - part) * by(whole) + part * by(whole + 1) if part else by(whole)


def _size(images: Images, level: int, rng: np.random.Generator) -> Images:
    """Shrink or enlarge each picture, by a factor of at most 1.5."""
    spread = (0.1, 0.2, 0.3, 0.4, 0.5)[level]
    factors = np.exp(rng.choice([-1.0, 1.0], len(images)) * np.log1p(spread))
    return _move(images, np.eye(2) / factors[:, None, None])


def _rotation(images: Images, level: int, rng: np.random.Generator) -> Images:
    largest = np.deg2rad((8, 16, 24, 32, 40)[level])
    angles = rng.choice([-1.0, 1.0], len(images)) * largest
    cos, sin = np.cos(angles), np.sin(angles)
    return _move(images, np.stack([cos, -sin, sin, cos], axis=1).reshape(-1, 2, 2))


def _move(images: Images, matrices: np.ndarray) -> Images:
    """Transform each picture by its own matrix, about its centre."""
    middle = (np.array(images.shape[1:]) - 1) / 2
    moved = np.empty_like(images)
    for image, matrix, out in zip(images, matrices, moved, strict=True):
        ndimage.affine_transform(image, matrix, middle - matrix @ middle, output=out, order=1)
    return moved


def _inversion(images: Images, level: int, rng: np.random.Generator) -> Images:
    """Dark ink on light paper; the paper is darker for higher severities."""
    white = (1.0, 0.9, 0.8, 0.7, 0.6)[level]
    return white * (1.0 - images)


def _resolution(images: Images, level: int, rng: np.random.Generator) -> Images:
    """Resample through fewer pixels, as in a small part of a large scan."""
    _, height, width = images.shape
    part = (0.7, 0.55, 0.45, 0.36, 0.29)[level]
    small = max(1, round(height * part)), max(1, round(width * part))
    out = images
    for axis, (length, fewer) in enumerate(zip((height, width), small, strict=True), start=1):
        edges = np.linspace(0, length, fewer + 1)
        sums = np.concatenate(
            [np.zeros_like(out.take([0], axis=axis)), out.cumsum(axis=axis)], axis=axis
        )
        at_edges = _interpolate(sums, edges, axis)
        cells = np.diff(at_edges, axis=axis) * (fewer / length)
        centres = (np.arange(length) + 0.5) * (fewer / length) - 0.5
        out = _interpolate(cells, np.clip(centres, 0, fewer - 1), axis)
    return out


def _interpolate(values: np.ndarray, positions: np.ndarray, axis: int) -> np.ndarray:
    """Interpolate linearly between the values along an axis."""
    before = np.clip(np.floor(positions).astype(int), 0, values.shape[axis] - 1)
    after = np.minimum(before + 1, values.shape[axis] - 1)
    shape = [1] * values.ndim
    shape[axis] = len(positions)
    part = (positions - before).reshape(shape)
    left, right = values.take(before, axis=axis), values.take(after, axis=axis)
    between: np.ndarray = left * (1 - part) + right * part
    return between


def _jpeg(images: Images, level: int, rng: np.random.Generator) -> Images:
    from PIL import Image

    quality = (40, 20, 12, 7, 3)[level]
    out = np.empty_like(images)
    for image, decoded in zip(images, out, strict=True):
        buffer = io.BytesIO()
        Image.fromarray(np.rint(255 * image).astype(np.uint8)).save(buffer, "jpeg", quality=quality)
        decoded[:] = np.asarray(Image.open(buffer), dtype=np.float64) / 255
    return out


CORRUPTIONS: dict[str, Callable[[Images, int, np.random.Generator], Images]] = {
    "blur": _blur,
    "noise": _noise,
    "lines": _lines,
    "uneven light": _uneven_light,
    "low contrast": _low_contrast,
    "thick strokes": _thick,
    "thin strokes": _thin,
    "size": _size,
    "rotation": _rotation,
    "inversion": _inversion,
    "resolution": _resolution,
    "jpeg": _jpeg,
}
