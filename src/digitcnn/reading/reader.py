"""The reader: pictures to numbers."""

import os
from collections.abc import Iterable, Iterator
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from digitcnn._utils.text import shorten
from digitcnn.reading.allowed import Allowed
from digitcnn.reading.page import Page, Polygon
from digitcnn.reading.recogniser import LineRecogniser

if TYPE_CHECKING:
    from digitcnn.reading.pictures import Region, Source

_LAYOUTS = ("page", "line", "single")
_RECOGNISER = LineRecogniser()  # Loaded once, when it is first asked.


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
    length : int, pair of int, str or None, default=None
        How many digits a number has: 5, (3, 5) or "3-5", with both ends.
    pattern : str or None, default=None
        What a number looks like: ``#`` stands for a digit and every other sign for itself, as in
        ``##.###,##``. ``|`` stands between several patterns; a backslash before a ``#``, ``|`` or
        backslash takes it for itself. Signs that are not read, as letters and spaces, are put in.
    lexicon : iterable of str or None, default=None
        The texts that a number may be.
    check : {"luhn", "mod11", "ean13", "iban"} or None, default=None
        The check digits of a number. "luhn" is that of payment cards. "mod11" has the weights 1, 2,
        3 and so on from the right, as an ISBN-10 and an ISSN. "ean13" is that of an EAN and an
        ISBN-13. "iban" needs the letters in a pattern, as ``DE## #### #### #### #### ##``, or in a
        lexicon. Signs but letters and digits do not count.

    See Also
    --------
    DigitNormalizer : Redraws pictures of single digits, as part of a pipeline.

    Notes
    -----
    Of `length`, `pattern`, `lexicon` and `check` all that are given hold together. A number is then
    the best reading that is allowed, with the probability of that. It is left out where that is
    10,000 times less likely than the best reading of all. A line is read as one number in the
    layout "line", or where pattern or lexicon have spaces; otherwise, and where that is not
    allowed, wide gaps end a number.

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
    >>> DigitReader(pattern="#.## EUR").read(picture).text
    '3.14 EUR'
    """

    def __init__(
        self,
        model: Any = "pretrained",
        *,
        layout: str = "page",
        reject_below: float = 0.5,
        n_alternatives: int = 2,
        length: int | tuple[int, int] | str | None = None,
        pattern: str | None = None,
        lexicon: Iterable[str] | None = None,
        check: str | None = None,
    ) -> None:
        self.model = model
        self.layout = layout
        self.reject_below = reject_below
        self.n_alternatives = n_alternatives
        self.length = length
        self.pattern = pattern
        # An iterator would be used up by the first picture.
        self.lexicon = list(lexicon) if isinstance(lexicon, Iterator) else lexicon
        self.check = check
        self._loaded: tuple[Any, Any] | None = None
        self._limits: tuple[tuple[Any, ...], Allowed | None] | None = None
        self._check()

    def read(
        self, picture: Any, *, region: "Region | None" = None, page: int | None = None
    ) -> Page:
        """Read a picture.

        Parameters
        ----------
        picture : str, path-like, bytes, binary file, PIL.Image.Image or array
            An image file (PNG, JPEG, BMP, TIFF, WebP or GIF), a PDF file, or the content of one;
            turned upright as EXIF data says, and of an animation the first picture. Or pixels of
            shape (height, width) or (height, width, channels), of any range.
        region : tuple of int or float (x, y, width, height) or None, default=None
            The part to read: whole numbers are pixels, others parts of the width and height from
            0.0 to 1.0, as ``(0.5, 0.0, 0.5, 0.1)`` in the upper right corner. None reads all. Of a
            large picture a part is read in more detail than all of it.
        page : int or None, default=None
            The page of a PDF or a TIFF, from 0. None reads the only one.

        Returns
        -------
        Page
            Without lines where no number was found. A page of a PDF has 200 pixels per inch.

        Raises
        ------
        OSError
            If there is no such file, or it may not be read.
        ValueError
            If a parameter is not as described, or the picture is damaged, encrypted, is none, has
            several pages of which none is named, or has more than 67 million pixels.
        TypeError
            If `picture` is of another type.
        ImportError
            If it is a PDF, and pypdfium2 is not installed.
        """
        from digitcnn.reading.pictures import Source

        self._check()
        return self._read(Source(picture), page, region)

    def read_pages(self, picture: Any, *, region: "Region | None" = None) -> Iterator[Page]:
        """Read all pages of a PDF or a TIFF, one after the other; of other pictures the only one.

        Parameters
        ----------
        picture : str, path-like, bytes, binary file, PIL.Image.Image or array
            As for :meth:`read`.
        region : tuple of int or float (x, y, width, height) or None, default=None
            The part of each page to read, as for :meth:`read`.

        Yields
        ------
        Page

        Raises
        ------
        OSError, ValueError, TypeError, ImportError
            As :meth:`read`, or if there are more than 1,000 pages.
        """
        from digitcnn.reading.pictures import Source

        self._check()
        source = Source(picture)
        for page in range(source.count_pages()):
            yield self._read(source, page, region)

    def _read(self, source: "Source", page: int | None, region: "Region | None") -> Page:
        from digitcnn.reading.assembly import lines_of
        from digitcnn.reading.pages import read_as

        allowed = self._check()
        opened = source.open(page)
        part = opened if region is None else source.open_region(opened, page, region)
        pixels = part.pixels
        strips, view = read_as(
            self.layout, pixels, self._classifier(), _RECOGNISER, self.reject_below
        )
        scale = np.array([part.width / pixels.shape[1], part.height / pixels.shape[0]])

        def place(corners: np.ndarray) -> Polygon:
            placed = view.points(corners) * scale + [part.left, part.top]
            placed = np.clip(placed, 0, [opened.width, opened.height])
            return tuple((float(x), float(y)) for x, y in placed)

        is_one_number = self.layout == "line" or (allowed is not None and allowed.has_spaces)
        lines = lines_of(strips, place, allowed, self.n_alternatives, is_one_number)
        return Page(lines, opened.width, opened.height, opened.pixels)

    def read_many(self, pictures: Iterable[Any]) -> Iterator[Page]:
        """Read pictures of one page one after the other.

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

    def confidence_for(self, max_error: float) -> float:
        """The least confidence of numbers of which no larger part is wrong.

        It was measured on composed lines, of fonts, writers and pens that the string recogniser had
        not seen. Your pictures may be easier or harder: measure on some of them.

        Parameters
        ----------
        max_error : float
            The part of the numbers with that confidence, or a higher one, that may be wrong: above
            0, below 1.

        Returns
        -------
        float
            From 0 to 1; 1 where even the surest lines were wrong more often.

        Raises
        ------
        ValueError
            If `max_error` is no such number.

        Examples
        --------
        >>> from digitcnn import DigitReader
        >>> reader = DigitReader()
        >>> reader.confidence_for(0.001) >= reader.confidence_for(0.1)
        True
        """
        if not (isinstance(max_error, Real) and 0 < max_error < 1):
            raise ValueError(
                f"expected max_error to be a number between 0 and 1, got {max_error!r}"
            )
        return _RECOGNISER.calibration.threshold(float(max_error))

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

    def _check(self) -> Allowed | None:
        """What a number may be, after a check of all parameters; None for anything."""
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
        given = (self.length, self.pattern, self.lexicon, self.check)
        limits = self._limits
        if limits is None or any(
            one is not before for one, before in zip(given, limits[0], strict=True)
        ):
            is_any = all(one is None for one in given)
            self._limits = limits = (given, None if is_any else Allowed(*given))
        return limits[1]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_loaded": None, "_limits": None}

    def __repr__(self) -> str:
        names = ("length", "pattern", "lexicon", "check")
        limits = {name: getattr(self, name) for name in names}
        shown = "".join(
            f", {name}={shorten(repr(value))}"
            for name, value in limits.items()
            if value is not None
        )
        return (
            f"DigitReader({self.model!r}, layout={self.layout!r}, "
            f"reject_below={self.reject_below!r}, n_alternatives={self.n_alternatives!r}{shown})"
        )
