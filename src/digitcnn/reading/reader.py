"""The reader: pictures to numbers."""

import os
from collections.abc import Iterable, Iterator
from numbers import Real
from typing import Any

import numpy as np

from digitcnn.reading.page import Digit, Line, Number, Page, rectangle

_LAYOUTS = ("page", "line", "single")


class DigitReader:
    """Read the numbers in pictures: photos, scans and drawings.

    Ink is told from paper in uneven light, rulings and specks are left out, and what remains is put
    together as lines, numbers and digits. Each digit is read by a classifier.

    Parameters
    ----------
    model : str, path-like or fitted classifier, default="pretrained"
        What reads single digits: the model in the package, a model file, or a fitted
        `DigitCNNClassifier` of square grey pictures. Its classes are single characters.
    layout : {"page", "line", "single"}, default="page"
        What a picture shows: any number of lines, one line, or one digit.
    reject_below : float, default=0.5
        Of digits, from 0 to 1. What is less sure is not taken for a digit.
    n_alternatives : int, default=2
        How many other classes are named for each digit.

    See Also
    --------
    DigitNormalizer : Redraws pictures of single digits, as part of a pipeline.

    Notes
    -----
    The reader needs neither TensorFlow nor Keras. Any number of threads may use it at once. What it
    cannot read yet stands in :doc:`/guide/reading`.

    Examples
    --------
    >>> import numpy as np
    >>> from digitcnn import DigitReader
    >>> from digitcnn.datasets import load_sample_digits
    >>> X, y = load_sample_digits()
    >>> picture = np.hstack(X[[3, 1, 4]].reshape(3, 28, 28))
    >>> page = DigitReader().read(picture)
    >>> page.text
    '314'
    >>> page.lines[0].numbers[0].digits[2].text
    '4'
    """

    def __init__(
        self,
        model: Any = "pretrained",
        *,
        layout: str = "page",
        reject_below: float = 0.5,
        n_alternatives: int = 2,
    ) -> None:
        self.model = model
        self.layout = layout
        self.reject_below = reject_below
        self.n_alternatives = n_alternatives
        self._check()
        self._loaded: tuple[Any, Any] | None = None

    def read(self, picture: Any, *, region: tuple[int, int, int, int] | None = None) -> Page:
        """Read a picture.

        Parameters
        ----------
        picture : str, path-like, bytes, binary file, PIL.Image.Image or array
            An image file (PNG, JPEG, BMP, TIFF, WebP or GIF) or its content, turned upright as its
            EXIF data says; or pixels of shape (height, width) or (height, width, channels), of any
            range.
        region : tuple of int (x, y, width, height) or None, default=None
            The part to read, in pixels; None reads all of it.

        Returns
        -------
        Page
            Without lines where no number was found.

        Raises
        ------
        OSError
            If there is no such file, or it may not be read.
        ValueError
            If a parameter is not as described, or the picture is damaged, is none, or has more than
            67 million pixels.
        TypeError
            If `picture` is of another type.
        """
        from digitcnn.reading.pictures import open_picture
        from digitcnn.reading.recognition import read_lines, read_single

        self._check()
        opened = open_picture(picture)
        left, top, width, height = 0, 0, opened.width, opened.height
        pixels = opened.pixels
        if region is not None:
            left, top, _, _ = (max(0, side) for side in _checked_region(region))
            part = opened.cut(region)
            pixels, width, height = part.pixels, part.width, part.height
        classifier = self._classifier()
        if self.layout == "single":
            found = read_single(pixels, classifier)
        else:
            found = read_lines(pixels, classifier, self.layout == "line", self.reject_below)
        across, down = width / pixels.shape[1], height / pixels.shape[0]

        def digit_of(box: np.ndarray, probabilities: np.ndarray) -> Digit:
            order = np.argsort(-probabilities, kind="stable")[: self.n_alternatives + 1]
            ranked = [(classifier.classes[i], float(probabilities[i])) for i in order]
            x, y = left + float(box[0]) * across, top + float(box[1]) * down
            size = float(box[2] - box[0]) * across, float(box[3] - box[1]) * down
            return Digit(*ranked[0], rectangle(x, y, *size), tuple(ranked[1:]))

        lines = tuple(
            Line(
                tuple(
                    Number(tuple(digit_of(one.box, one.probabilities) for one in number))
                    for number in line
                )
            )
            for line in found
        )
        return Page(lines, opened.width, opened.height, opened.pixels)

    def read_many(self, pictures: Iterable[Any]) -> Iterator[Page]:
        """Read pictures one after the other.

        Parameters
        ----------
        pictures : iterable
            Each as for :meth:`read`.

        Yields
        ------
        Page
        """
        for picture in pictures:
            yield self.read(picture)

    def load(self) -> "DigitReader":
        """Load the model now, so that errors in it come before the first picture.

        Returns
        -------
        DigitReader
            The reader itself.

        Raises
        ------
        OSError, ValueError
            If there is no such model, or it is none of single characters in square grey pictures.
        """
        self._classifier()
        return self

    def _classifier(self) -> Any:
        """The classifier, loaded once for each value of `model`."""
        loaded = self._loaded
        if loaded is None or loaded[0] is not self.model:
            from digitcnn.reading.classification import DigitClassifier

            # Of several threads that come here at once each may make one; the last one stays.
            self._loaded = loaded = (self.model, DigitClassifier(self.model))
        return loaded[1]

    def _check(self) -> None:
        is_name = isinstance(self.model, str | os.PathLike)
        if not (is_name and str(self.model)) and not hasattr(self.model, "predict_proba"):
            raise ValueError(
                "expected model to be 'pretrained', a model file or a fitted classifier, got "
                f"{self.model!r}"
            )
        if not (isinstance(self.layout, str) and self.layout in _LAYOUTS):
            raise ValueError(
                f"expected layout to be {' or '.join(map(repr, _LAYOUTS))}, got {self.layout!r}"
            )
        is_number = isinstance(self.reject_below, Real)
        if not (is_number and 0 <= self.reject_below <= 1):
            raise ValueError(
                f"expected reject_below to be a number from 0 to 1, got {self.reject_below!r}"
            )
        count = self.n_alternatives
        if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < 0:
            raise ValueError(
                f"expected n_alternatives to be a whole number from 0 up, got {count!r}"
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_loaded": None}

    def __repr__(self) -> str:
        return (
            f"DigitReader({self.model!r}, layout={self.layout!r}, "
            f"reject_below={self.reject_below!r}, n_alternatives={self.n_alternatives!r})"
        )


def _checked_region(region: Any) -> tuple[int, int, int, int]:
    is_valid = (
        isinstance(region, tuple | list)
        and len(region) == 4
        and all(isinstance(side, int | np.integer) for side in region)
        and region[2] > 0
        and region[3] > 0
    )
    if not is_valid:
        raise ValueError(
            f"expected region to be whole numbers (x, y, width, height), got {region!r}"
        )
    left, top, width, height = map(int, region)
    return left, top, width, height
