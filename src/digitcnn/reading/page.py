"""What has been read: a page of lines of numbers of digits, with their places and confidences."""

import json
import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from digitcnn.reading.polygons import Box, Polygon, box_of, polygon_around, rectangle


@dataclass(frozen=True, slots=True)
class Digit:
    """A digit of a picture, or a separator that a pattern has between digits.

    Parameters
    ----------
    text : str
        The likeliest of its classes.
    confidence : float
        The probability of that, 0 to 1.
    polygon : tuple of four pairs of float (x, y)
        The corners, in pixels of the picture from its upper left corner, clockwise from the upper
        left corner of the text as it is read.
    alternatives : tuple of pairs (text, probability)
        The next likeliest.

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

    @property
    def box(self) -> Box:
        """x, y, width and height of the smallest upright box, in pixels of the picture."""
        return box_of(self.polygon)

    def masked(self, min_confidence: float) -> str:
        """The text, or ``?`` where it is not sure enough.

        Parameters
        ----------
        min_confidence : float
            The least that the text is written with.

        Returns
        -------
        str
            As long as the text.
        """
        return self.text if self.confidence >= min_confidence else "?"

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data.

        Returns
        -------
        dict
            What JSON holds.
        """
        return {
            **_described(self),
            "alternatives": [[text, round(p, 4)] for text, p in self.alternatives],
        }


class _Group:
    """Parts that are read one after the other."""

    __slots__ = ()
    _parts_name: ClassVar[str]
    _between: ClassVar[str]

    @property
    def _parts(self) -> tuple[Any, ...]:
        parts: tuple[Any, ...] = getattr(self, self._parts_name)
        return parts

    @property
    def text(self) -> str:
        """The text of all parts: a space between numbers, and a new line between lines."""
        return self._between.join(part.text for part in self._parts)

    @property
    def confidence(self) -> float:
        """The product of the parts' confidences; 1 where there is none."""
        return _product(self._parts)

    @property
    def polygon(self) -> Polygon:
        """The corners of the smallest rectangle around the parts that is turned as they are."""
        return polygon_around([part.polygon for part in self._parts])

    @property
    def box(self) -> Box:
        """x, y, width and height of the smallest upright box, in pixels of the picture."""
        return box_of(tuple(corner for part in self._parts for corner in rectangle(*part.box)))

    def masked(self, min_confidence: float) -> str:
        """The text, with ``?`` for each digit that is not sure enough.

        Parameters
        ----------
        min_confidence : float
            The least that a digit is written with.

        Returns
        -------
        str
            As long as the text.
        """
        return self._between.join(part.masked(min_confidence) for part in self._parts)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data.

        Returns
        -------
        dict
            What JSON holds.
        """
        return {**_described(self), self._parts_name: [part.to_dict() for part in self._parts]}


@dataclass(frozen=True, slots=True)
class Number(_Group):
    """Digits that stand together.

    Parameters
    ----------
    digits : tuple of Digit
        From left to right, with the separators of a pattern.
    confidence : float or None, default=None
        The probability of the whole text, 0 to 1; None takes the product of the digits'.

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
    """Numbers beside each other.

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
class Page(_Group):
    """What has been read in a picture.

    Parameters
    ----------
    lines : tuple of Line
        From top to bottom, and from left to right.
    width, height : int
        Pixels of the picture.
    _picture : object, default=None
        What `draw` draws on; without it on white.

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
    def polygon(self) -> Polygon:
        """The corners of the picture."""
        return rectangle(0, 0, self.width, self.height)

    @property
    def box(self) -> Box:
        """x, y, width and height of the picture."""
        return 0, 0, self.width, self.height

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data.

        Returns
        -------
        dict
            What JSON holds.
        """
        return {
            "width": self.width,
            "height": self.height,
            "text": self.text,
            "confidence": round(self.confidence, 4),
            "lines": [line.to_dict() for line in self.lines],
        }

    def to_json(self) -> str:
        """The same as JSON.

        Returns
        -------
        str
            What `to_dict` gives, in one line.
        """
        return json.dumps(self.to_dict())

    def draw(self, min_confidence: float = 0.9) -> Any:
        """The picture with a frame around each digit, and what it was read as above.

        Parameters
        ----------
        min_confidence : float, default=0.9
            Digits that are less sure are drawn in orange instead of green.

        Returns
        -------
        PIL.Image.Image
            As large as the picture was read: at most 1,600 pixels high and wide.
        """
        from digitcnn.reading.overlay import draw_page

        return draw_page(self, self._picture, min_confidence)

    def plot(self, ax: Any = None, min_confidence: float = 0.9) -> Any:
        """The picture as `draw` shows it, in matplotlib's axes, whose coordinates are its pixels.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        min_confidence : float, default=0.9
            Digits that are less sure are drawn in orange instead of green.

        Returns
        -------
        matplotlib Axes
            The axes drawn on.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        from digitcnn.reading.overlay import plot_page

        return plot_page(self, self._picture, ax, min_confidence)

    def _repr_html_(self) -> str:
        from digitcnn.reading.overlay import page_as_html

        return page_as_html(self)


def _product(parts: tuple[Any, ...]) -> float:
    return math.prod(float(part.confidence) for part in parts)


def _described(part: Any) -> dict[str, Any]:
    return {
        "text": part.text,
        "confidence": round(part.confidence, 4),
        "box": [round(side, 1) for side in part.box],
        "polygon": [[round(x, 1), round(y, 1)] for x, y in part.polygon],
    }
