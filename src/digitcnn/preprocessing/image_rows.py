"""Image files as rows of pixels for a network."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from digitcnn._typing import FilePath
from digitcnn._utils.atomic import as_path, is_same_file
from digitcnn.tables.image_batches import ImageReader
from digitcnn.tables.image_files import grey_of
from digitcnn.tables.streaming import write_parts

if TYPE_CHECKING:
    from digitcnn.preprocessing.normalizer import DigitNormalizer

# MNIST's proportions: the side of the square of the strokes, and that of the picture.
_BOX, _SIZE = 20, 28
# The background of light strokes is darker than this.
_DARK = 64


class ImageRows:
    """Rows of pixels of images, redrawn in MNIST's form if needed.

    Parameters
    ----------
    reader : ImageReader
    shape : tuple of int, default=(28, 28)
        Height and width of the rows' pictures, in pixels.
    normalize : "auto" or bool, default="auto"
        Whether `DigitNormalizer` redraws the images. "auto" redraws them unless all have the shape
        already, with light strokes on a dark background. False requires images of one size.
    box : int or None, default=None
        As in `DigitNormalizer`; None is in MNIST's proportion to the shape.
    invert : "auto" or bool, default="auto"
        As in `DigitNormalizer`.

    Attributes
    ----------
    is_normalized : bool
        Whether the images are redrawn.
    shape : tuple of int
        Height and width of the rows' pictures.

    Raises
    ------
    ValueError
        If images cannot be decoded, if they must be redrawn and the shape is not square, or if they
        are not redrawn and have several sizes.
    """

    def __init__(
        self,
        reader: ImageReader,
        *,
        shape: tuple[int, int] = (_SIZE, _SIZE),
        normalize: str | bool = "auto",
        box: int | None = None,
        invert: str | bool = "auto",
    ) -> None:
        if not (isinstance(normalize, bool | np.bool_) or normalize == "auto"):
            raise ValueError(f"expected normalize to be 'auto', True or False, got {normalize!r}")
        self.reader = reader
        self.shape: tuple[int, int] = shape
        self._box = max(1, round(shape[0] * _BOX / _SIZE)) if box is None else box
        self._invert = invert
        self.is_normalized: bool = normalize is True or (
            normalize == "auto" and not self._are_ready()
        )
        if self.is_normalized and shape[0] != shape[1]:
            raise ValueError(
                f"{reader.images.source}: expected images of {shape[0]} x {shape[1]} pixels, light "
                "strokes on a dark ground, as the model reads. Others are redrawn for models of "
                "square images alone"
            )
        if not self.is_normalized:
            self.shape = self._only_size()

    def __iter__(self) -> Iterator[tuple[list[int], np.ndarray]]:
        """Parts: the indices of some images, and their rows, uint8 of shape (n, pixels)."""
        for indices, pictures in self.reader:
            yield indices, self._rows_of(indices, pictures)

    def _rows_of(self, indices: list[int], pictures: list[np.ndarray]) -> np.ndarray:
        if self.is_normalized:
            # As the normalizer, without importing scikit-learn.
            from digitcnn.preprocessing.redraw import redraw

            return redraw(pictures, self.shape[0], self._box, self._invert)
        for index, picture in zip(indices, pictures, strict=True):
            if picture.shape[:2] != self.shape:  # turned, by EXIF's orientation
                raise ValueError(self._describe_sizes(index, picture.shape))
        return np.stack([grey_of(picture).reshape(-1) for picture in pictures])

    @property
    def normalizer(self) -> "DigitNormalizer | None":
        """The equivalent `DigitNormalizer`; None if the images are not redrawn."""
        if not self.is_normalized:
            return None
        from digitcnn.preprocessing.normalizer import DigitNormalizer

        return DigitNormalizer(size=self.shape[0], box=self._box, invert=self._invert)

    def _are_ready(self) -> bool:
        """Whether no image needs to be redrawn. Images are decoded until one does."""
        good = [index for index in range(len(self.reader.sizes)) if index not in self.reader.bad]
        if (self.reader.sizes[good] != self.shape).any():
            return False
        return all(
            picture.shape[:2] == self.shape and has_light_strokes(grey_of(picture))
            for _, pictures in self.reader
            for picture in pictures
        )

    def _only_size(self) -> tuple[int, int]:
        good = [index for index in range(len(self.reader.sizes)) if index not in self.reader.bad]
        for one, other in pairwise(good):
            if (self.reader.sizes[one] != self.reader.sizes[other]).any():
                raise ValueError(self._describe_sizes(other, tuple(self.reader.sizes[other])))
        height, width = self.reader.sizes[good[0]].tolist()
        return height, width

    def _describe_sizes(self, index: int, shape: tuple[int, ...]) -> str:
        height, width = self.reader.sizes[0].tolist()
        return (
            f"{self.reader.images.files[index]}: expected images of one size ({height} x {width}), "
            f"got {shape[0]} x {shape[1]}. Let them be redrawn: normalize='auto'"
        )


def read_rows(
    rows: ImageRows, memory_map: FilePath | None = None
) -> tuple[np.ndarray, list[str] | None, list[int]]:
    """Read all images of a list.

    Parameters
    ----------
    rows : ImageRows
    memory_map : str or path-like or None, default=None
        A ``.npy`` file to write the pixels to.

    Returns
    -------
    X : ndarray or memmap of uint8 of shape (n, pixels)
    labels : list of str or None
        Labels as text, as in the data.
    kept : list of int
        The index of each row's file. Files that cannot be read may be left out.
    """
    images = rows.reader.images
    kept: list[int] = []

    def parts() -> Iterator[tuple[np.ndarray, None]]:
        for indices, pixels in rows:
            kept.extend(indices)
            yield pixels, None

    if memory_map is None:
        X = np.concatenate([pixels for pixels, _ in parts()])
    else:
        for file in images.files:
            if is_same_file(file, memory_map):
                raise ValueError(f"{memory_map}: expected another file than those that are read")
        X, _ = write_parts(parts(), as_path(memory_map))
    labels = None if images.labels is None else [images.labels[index] for index in kept]
    return X, labels, kept


def has_light_strokes(picture: np.ndarray) -> bool:
    """Whether a grey picture is light on dark: its border and most of it are dark.

    Parameters
    ----------
    picture : ndarray of uint8 of shape (height, width)
    """
    border = np.concatenate([picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1]])
    return bool(np.median(border) < _DARK and picture.mean() < 2 * _DARK)
