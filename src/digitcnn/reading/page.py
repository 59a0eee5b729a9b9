"""What was read: a page of lines of numbers of digits, with their places and confidences."""

import json
import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from digitcnn.reading.polygons import Box, Polygon, box_of, polygon_around, rectangle


class AsData:
    """What can be given as plain data."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data.

        Returns
        -------
        dict
            Texts, numbers, lists and dictionaries only, as in JSON. Confidences are rounded to 4
            decimals and places to 1.
        """
        return self._as_dict()

    def _as_dict(self) -> dict[str, Any]:
        raise NotImplementedError


class Document(AsData):
    """All that was read in one picture."""

    __slots__ = ()

    def to_json(self) -> str:
        """The same as JSON.

        Returns
        -------
        str
            The result of `to_dict`, in one line.
        """
        return json.dumps(self.to_dict())


class Placed(AsData):
    """A text that was read, with its place in the picture."""

    __slots__ = ()
    text: str
    confidence: float
    polygon: Polygon

    @property
    def box(self) -> Box:
        """x, y, width and height of the smallest upright box, in pixels of the picture."""
        return box_of(self.polygon)

    def masked(self, min_confidence: float) -> str:
        """The text, with ``?`` for each digit that is not certain enough.

        Parameters
        ----------
        min_confidence : float
            The lowest confidence, from 0 to 1, with which a digit is kept.

        Returns
        -------
        str
            A text of the same length.
        """
        return self._masked(min_confidence)

    def _masked(self, min_confidence: float) -> str:
        return self.text if self.confidence >= min_confidence else "?"


def placed_as_dict(part: Placed) -> dict[str, Any]:
    """Text, confidence, box and polygon as plain data."""
    return {
        "text": part.text,
        "confidence": round(part.confidence, 4),
        "box": [round(side, 1) for side in part.box],
        "polygon": [[round(x, 1), round(y, 1)] for x, y in part.polygon],
    }


@dataclass(frozen=True, slots=True)
class Digit(Placed):
    """A digit in a picture, or a separator that a pattern has between digits.

    Parameters
    ----------
    text : str
        The most probable class.
    confidence : float
        Its probability, from 0 to 1.
    polygon : tuple of four pairs of float (x, y)
        The corners in pixels of the picture, counted from its upper left corner. They are in
        clockwise order from the upper left corner of the upright text.
    alternatives : tuple of pairs (text, probability)
        The next most probable classes.

    Examples
    --------
    >>> from digitcnn.reading import Digit
    >>> Digit("4", 0.98, ((10, 5), (22, 5), (22, 25), (10, 25))).box
    (10, 5, 12, 20)
    """

    text: str
    confidence: float
    polygon: Polygon
    alternatives: tuple[tuple[str, float], ...] = ()

    def _as_dict(self) -> dict[str, Any]:
        alternatives = [[text, round(p, 4)] for text, p in self.alternatives]
        return {**placed_as_dict(self), "alternatives": alternatives}


class _Group(Placed):
    """Parts that are read one after the other."""

    __slots__ = ()
    _parts_name: ClassVar[str]
    _between: ClassVar[str]

    @property
    def _parts(self) -> tuple[Any, ...]:
        parts: tuple[Any, ...] = getattr(self, self._parts_name)
        return parts

    @property
    def text(self) -> str:  # type: ignore[override]
        """The text of all parts: a space between numbers, and a new line between lines."""
        return self._between.join(part.text for part in self._parts)

    @property
    def confidence(self) -> float:  # type: ignore[override]
        """The product of the parts' confidences; 1 without parts."""
        return _product(self._parts)

    @property
    def polygon(self) -> Polygon:  # type: ignore[override]
        """The corners of the smallest rectangle around the parts, rotated as they are."""
        return polygon_around([part.polygon for part in self._parts])

    @property
    def box(self) -> Box:
        return box_of(tuple(corner for part in self._parts for corner in rectangle(*part.box)))

    def _masked(self, min_confidence: float) -> str:
        return self._between.join(part.masked(min_confidence) for part in self._parts)

    def _as_dict(self) -> dict[str, Any]:
        parts = [part.to_dict() for part in self._parts]
        return {**placed_as_dict(self), self._parts_name: parts}


@dataclass(frozen=True, slots=True)
class Number(_Group):
    """Digits that form a number.

    Parameters
    ----------
    digits : tuple of Digit
        From left to right, with the separators of a pattern.
    confidence : float or None, default=None
        The probability of the whole text, from 0 to 1. None: the product of the digits'.

    Examples
    --------
    >>> from digitcnn.reading import Digit, Number
    >>> four = Digit("4", 0.98, ((10, 5), (22, 5), (22, 25), (10, 25)))
    >>> two = Digit("2", 0.5, ((26, 5), (39, 5), (39, 25), (26, 25)))
    >>> number = Number((four, two))
    >>> number.text, number.confidence, number.box
    ('42', 0.49, (10, 5, 29, 20))
    >>> number.masked(0.9)
    '4?'
    """

    digits: tuple[Digit, ...]
    confidence: float = None  # type: ignore[assignment]

    _parts_name, _between = "digits", ""

    def __post_init__(self) -> None:
        if self.confidence is None:
            object.__setattr__(self, "confidence", _product(self.digits))


@dataclass(frozen=True, slots=True)
class Line(_Group):
    """Numbers side by side.

    Parameters
    ----------
    numbers : tuple of Number
        From left to right.

    Examples
    --------
    >>> from digitcnn.reading import Digit, Line, Number
    >>> four = Digit("4", 0.98, ((10, 5), (22, 5), (22, 25), (10, 25)))
    >>> two = Digit("2", 0.5, ((26, 5), (39, 5), (39, 25), (26, 25)))
    >>> Line((Number((four, two)), Number((four,)))).text
    '42 4'
    """

    numbers: tuple[Number, ...]

    _parts_name, _between = "numbers", " "


@dataclass(frozen=True, slots=True)
class Page(_Group, Document):
    """What was read in a picture.

    Parameters
    ----------
    lines : tuple of Line
        From top to bottom, and from left to right.
    width, height : int
        Size of the picture, in pixels.
    _picture : object, default=None
        Pixels that `draw` draws on. None: a white page.

    Examples
    --------
    >>> from digitcnn.reading import Digit, Line, Number, Page
    >>> four = Digit("4", 0.98, ((10, 5), (22, 5), (22, 25), (10, 25)))
    >>> two = Digit("2", 0.5, ((26, 5), (39, 5), (39, 25), (26, 25)))
    >>> page = Page((Line((Number((four, two)),)), Line((Number((four,)),))), width=60, height=30)
    >>> page.text
    '42\\n4'
    >>> page.draw().size
    (60, 30)
    """

    lines: tuple[Line, ...]
    width: int
    height: int
    _picture: Any = field(default=None, repr=False, compare=False)

    _parts_name, _between = "lines", "\n"

    @property
    def polygon(self) -> Polygon:  # type: ignore[override]
        """The corners of the picture."""
        return rectangle(0, 0, self.width, self.height)

    @property
    def box(self) -> Box:
        """x, y, width and height of the picture."""
        return 0, 0, self.width, self.height

    def _as_dict(self) -> dict[str, Any]:
        return {
            "width": self.width,
            "height": self.height,
            "text": self.text,
            "confidence": round(self.confidence, 4),
            "lines": [line.to_dict() for line in self.lines],
        }

    def draw(self, min_confidence: float = 0.9) -> Any:
        """The picture with a frame around each digit, and the digit's class above it.

        Parameters
        ----------
        min_confidence : float, default=0.9
            Digits with a lower confidence are drawn in orange instead of green.

        Returns
        -------
        PIL.Image.Image
            An RGB image as large as the picture was read: at most 1,600 pixels high and wide.
        """
        from digitcnn.reading.overlay import draw_page

        return draw_page(self, self._picture, min_confidence)

    def plot(self, ax: Any = None, min_confidence: float = 0.9) -> Any:
        """Plot the picture as `draw` shows it. The axes' coordinates are the picture's pixels.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None: those of a new figure.
        min_confidence : float, default=0.9
            Digits with a lower confidence are drawn in orange instead of green.

        Returns
        -------
        matplotlib Axes
            The axes with the plot.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        from digitcnn.reading.overlay import plot_page

        return plot_page(self, self._picture, ax, min_confidence)

    def _repr_html_(self) -> str:
        from digitcnn.reading.notebook import figure

        return figure(self.draw(), "Picture with the numbers read", self.text or "no number found")


def _product(parts: tuple[Any, ...]) -> float:
    return math.prod(float(part.confidence) for part in parts)
