"""The reader: pictures to numbers."""

import inspect
import os
from collections.abc import Iterable, Iterator
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from digitcnn._utils.text import shorten
from digitcnn.reading.allowed import Allowed
from digitcnn.reading.base import BaseReader
from digitcnn.reading.page import Page
from digitcnn.reading.polygons import Polygon
from digitcnn.reading.recogniser import LineRecogniser

if TYPE_CHECKING:
    from digitcnn.reading.pictures import Region, Source

_LAYOUTS = ("page", "line", "single")
RECOGNISER = LineRecogniser()  # It loads its network once, for the first line.


class DigitReader(BaseReader[Page]):
    """Read the numbers in pictures: photos, scans and drawings.

    The reader separates ink from paper, also in uneven light, removes ruled lines and specks, and
    finds lines of writing. A network reads each line as a whole. A classifier reads the digits
    that touch no others a second time.

    Parameters
    ----------
    model : str, path-like or fitted classifier, default="pretrained"
        The classifier of single digits: the model in the package, a model file, or a fitted
        `DigitCNNClassifier` of square greyscale images. Its classes are single characters.
    layout : {"page", "line", "single"}, default="page"
        What a picture shows: any number of lines, one line, or one digit.
    reject_below : float, default=0.5
        Confidence from 0 to 1. Numbers whose digits have a lower one are left out. A page has none
        if all are below 0.7 times that, times 0.9 for each digit after a number's first.
    n_alternatives : int, default=2
        Number of other classes that each digit lists.
    length : int, pair of int, str or None, default=None
        Number of digits in a number: 5, or an inclusive range as (3, 5) or "3-5".
    pattern : str or None, default=None
        What a number looks like. ``#`` stands for a digit and every other sign for itself, as in
        ``##.###,##``. ``|`` separates alternatives. Write a backslash before a ``#``, ``|`` or
        backslash that stands for itself. The reader cannot read letters, spaces and other signs:
        it inserts them from the pattern.
    lexicon : iterable of str or None, default=None
        The texts that a number may be.
    check : {"luhn", "mod11", "ean13", "iban"} or None, default=None
        The check digits of a number. "luhn" is for payment cards. "mod11" has the weights 1, 2, 3
        and so on from the right, as an ISBN-10 or an ISSN. "ean13" is for an EAN or an ISBN-13.
        "iban" takes its letters from a pattern, as ``DE## #### #### #### #### ##``, or a lexicon.
        All signs except letters and digits are ignored.

    See Also
    --------
    DigitNormalizer : Redraws pictures of single digits, as part of a pipeline.

    Notes
    -----
    A number has to meet all of `length`, `pattern`, `lexicon` and `check` that you give. The result
    is the most probable text that does, with its probability. It is left out if it is 10,000 times
    less probable than the best text without these limits. With the layout "line", or a pattern or
    lexicon with spaces, a line is read as one number first. Otherwise, and if no such number is
    allowed, wide gaps separate numbers.

    The reader needs neither TensorFlow nor Keras, and any number of threads may use it at once.
    :doc:`/guide/reading` says what it cannot read yet.

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
        self.lexicon: Iterable[str] | None = (
            list(lexicon) if isinstance(lexicon, Iterator) else lexicon
        )
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
            An image file (PNG, JPEG, BMP, TIFF, WebP or GIF), a PDF file, the content of one, or
            pixels of shape (height, width) or (height, width, channels) in any range. EXIF data
            turn an image upright. Of an animation only the first frame is read.
        region : tuple of int or float (x, y, width, height) or None, default=None
            The part to read: ints are pixels, floats are fractions of the picture's width and
            height, as ``(0.5, 0.0, 0.5, 0.1)`` in the upper right corner. None: the whole picture.
            A part of a large picture is read in more detail than the whole.
        page : int or None, default=None
            The page of a PDF or TIFF, counted from 0. None: the only page.

        Returns
        -------
        Page
            Has no lines where no number was found. A page of a PDF has 200 pixels per inch.

        Raises
        ------
        OSError
            If the file does not exist or cannot be opened.
        ValueError
            If a parameter is invalid, or if the picture is damaged, encrypted, not a picture, has
            more than 67 million pixels, or has several pages and `page` is None.
        TypeError
            If `picture` has another type.
        ImportError
            If `picture` is a PDF and pypdfium2 is not installed.
        """
        from digitcnn.reading.pictures import Source

        self._check()
        return self._read(Source(picture), page, region)

    def read_pages(self, picture: Any, *, region: "Region | None" = None) -> Iterator[Page]:
        """Read all pages of a PDF or TIFF, one after the other. Other pictures have one page.

        Parameters
        ----------
        picture : str, path-like, bytes, binary file, PIL.Image.Image or array
            A picture as :meth:`read` takes it.
        region : tuple of int or float (x, y, width, height) or None, default=None
            The part of each page to read, as :meth:`read` takes it.

        Yields
        ------
        Page
            The result of :meth:`read` for each page.

        Raises
        ------
        OSError, ValueError, TypeError, ImportError
            As :meth:`read`. Also a ValueError for more than 1,000 pages.
        """
        from digitcnn.reading.pictures import Source

        self._check()
        source = Source(picture)
        for page in range(source.count_pages()):
            yield self._read(source, page, region)

    def _read(self, source: "Source", page: int | None, region: "Region | None") -> Page:
        from digitcnn.reading.assembly import has_numbers, lines_of
        from digitcnn.reading.pages import read_as

        allowed = self._check()
        opened = source.open(page)
        part = opened if region is None else source.open_region(opened, page, region)
        pixels = part.pixels
        strips, view = read_as(
            self.layout, pixels, self._classifier(), RECOGNISER, self.reject_below
        )
        scale = np.array([part.width / pixels.shape[1], part.height / pixels.shape[0]])

        def place(corners: np.ndarray) -> Polygon:
            placed = view.points(corners) * scale + [part.left, part.top]
            placed = np.clip(placed, 0, [opened.width, opened.height])
            return tuple((float(x), float(y)) for x, y in placed)

        is_one_number = self.layout == "line" or (allowed is not None and allowed.has_spaces)
        lines = lines_of(strips, place, allowed, self.n_alternatives, is_one_number)
        if self.layout == "page" and not (allowed or has_numbers(lines, self.reject_below)):
            lines = ()
        return Page(lines, opened.width, opened.height, opened.pixels)

    def confidence_for(self, max_error: float) -> float:
        """The confidence from which on at most a given share of the numbers is wrong.

        It was measured on composed lines with fonts, writers and pens that the network had not
        seen. Your pictures may be easier or harder: measure on some of them.

        Parameters
        ----------
        max_error : float
            Share of wrong numbers among those with this confidence or a higher one: above 0, below
            1.

        Returns
        -------
        float
            From 0 to 1; 1 if even the lines with the highest confidence were wrong more often.

        Raises
        ------
        ValueError
            If `max_error` is not such a number.

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
        return RECOGNISER.calibration.threshold(float(max_error))

    def load(self) -> "DigitReader":
        """Load the model now, to find errors in it before the first picture.

        Returns
        -------
        DigitReader
            The reader itself.

        Raises
        ------
        OSError, ValueError
            If the model does not exist, or is not one of single characters in square greyscale
            images.
        """
        self._classifier()
        return self

    def _classifier(self) -> Any:
        """The classifier. It is loaded once for each value of `model`."""
        loaded = self._loaded
        if loaded is None or loaded[0] is not self.model:
            from digitcnn.reading.classification import DigitClassifier

            # Several threads at once may each load one. The last one stays.
            self._loaded = loaded = (self.model, DigitClassifier(self.model))
        return loaded[1]

    def _check(self) -> Allowed | None:
        """Check all parameters. Returns what a number may be; None for anything."""
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
            raise ValueError(f"expected n_alternatives to be an int of at least 0, got {count!r}")
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

    def _parameters(self) -> tuple[dict[str, Any], list[str]]:
        """The parameters, and the names of those that are not at their default."""
        defaults = inspect.signature(type(self)).parameters
        values = {name: getattr(self, name) for name in defaults}
        changed = [
            name for name, value in values.items() if repr(value) != repr(defaults[name].default)
        ]
        return values, changed

    def __repr__(self) -> str:
        values, changed = self._parameters()
        shown = ", ".join(f"{name}={shorten(repr(values[name]))}" for name in changed)
        return f"DigitReader({shown})"

    def _repr_html_(self) -> str:
        from digitcnn.reading.notebook import details, parameter_table

        table = parameter_table(*self._parameters())
        return details("DigitReader", "reads numbers in pictures", table)
