"""What has been read: a page of lines of numbers of digits, with their places and confidences."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Box = tuple[float, float, float, float]


def around(boxes: list[Box]) -> Box:
    """The smallest box around others; all are left, top, width and height."""
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right = max(box[0] + box[2] for box in boxes)
    bottom = max(box[1] + box[3] for box in boxes)
    return left, top, right - left, bottom - top


@dataclass(frozen=True, slots=True)
class Digit:
    """A digit of a picture.

    Parameters
    ----------
    text : str
        The likeliest of its classes.
    confidence : float
        The probability of that, 0 to 1.
    box : tuple of float (x, y, width, height)
        In pixels of the picture, from its upper left corner.
    alternatives : tuple of pairs (text, probability)
        The next likeliest.

    Examples
    --------
    >>> from digitcnn.reading import Digit
    >>> Digit("4", 0.98, (10, 5, 12, 20)).to_dict()["box"]
    [10, 5, 12, 20]
    """

    text: str
    confidence: float
    box: Box
    alternatives: tuple[tuple[str, float], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data.

        Returns
        -------
        dict
            What JSON holds.
        """
        return {
            "text": self.text,
            "confidence": round(self.confidence, 4),
            "box": _rounded(self.box),
            "alternatives": [[text, round(p, 4)] for text, p in self.alternatives],
        }


@dataclass(frozen=True, slots=True)
class Number:
    """Digits that stand together.

    Parameters
    ----------
    digits : tuple of Digit
        From left to right.

    Examples
    --------
    >>> from digitcnn.reading import Digit, Line, Number, Page
    >>> digits = Digit("4", 0.98, (10, 5, 12, 20)), Digit("2", 0.5, (26, 5, 13, 20))
    >>> number = Number(digits)
    >>> number.text, number.confidence, number.box
    ('42', 0.49, (10, 5, 29, 20))
    >>> number.masked(0.9)
    '4?'
    """

    digits: tuple[Digit, ...]

    @property
    def text(self) -> str:
        """The digits' text."""
        return "".join(digit.text for digit in self.digits)

    @property
    def confidence(self) -> float:
        """The product of the digits' confidences."""
        return float(np.prod([digit.confidence for digit in self.digits]))

    @property
    def box(self) -> Box:
        """x, y, width and height, in pixels of the picture."""
        return around([digit.box for digit in self.digits])

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
        return "".join(
            digit.text if digit.confidence >= min_confidence else "?" for digit in self.digits
        )

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data.

        Returns
        -------
        dict
            What JSON holds.
        """
        return _described(self, "digits", self.digits)


@dataclass(frozen=True, slots=True)
class Line:
    """Numbers beside each other.

    Parameters
    ----------
    numbers : tuple of Number
        From left to right.

    Examples
    --------
    >>> from digitcnn.reading import Digit, Line, Number, Page
    >>> digits = Digit("4", 0.98, (10, 5, 12, 20)), Digit("2", 0.5, (26, 5, 13, 20))
    >>> Line((Number(digits), Number(digits[:1]))).text
    '42 4'
    """

    numbers: tuple[Number, ...]

    @property
    def text(self) -> str:
        """The numbers' text, with spaces between them."""
        return " ".join(number.text for number in self.numbers)

    @property
    def confidence(self) -> float:
        """The product of the numbers' confidences."""
        return float(np.prod([number.confidence for number in self.numbers]))

    @property
    def box(self) -> Box:
        """x, y, width and height, in pixels of the picture."""
        return around([number.box for number in self.numbers])

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
        return " ".join(number.masked(min_confidence) for number in self.numbers)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data.

        Returns
        -------
        dict
            What JSON holds.
        """
        return _described(self, "numbers", self.numbers)


@dataclass(frozen=True, slots=True)
class Page:
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
    >>> digits = Digit("4", 0.98, (10, 5, 12, 20)), Digit("2", 0.5, (26, 5, 13, 20))
    >>> page = Page((Line((Number(digits),)), Line((Number(digits[:1]),))), width=60, height=30)
    >>> page.text
    '42\\n4'
    >>> page.draw().size
    (60, 30)
    """

    lines: tuple[Line, ...]
    width: int
    height: int
    _picture: Any = field(default=None, repr=False, compare=False)

    @property
    def text(self) -> str:
        """A line of text for each line."""
        return "\n".join(line.text for line in self.lines)

    @property
    def confidence(self) -> float:
        """The product of the lines' confidences; 1 where there is none."""
        return float(np.prod([line.confidence for line in self.lines]))

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
        return "\n".join(line.masked(min_confidence) for line in self.lines)

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
        """The picture with a box around each digit, and what it was read as above.

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


def _described(part: Number | Line, name: str, parts: tuple[Any, ...]) -> dict[str, Any]:
    return {
        "text": part.text,
        "confidence": round(part.confidence, 4),
        "box": _rounded(part.box),
        name: [one.to_dict() for one in parts],
    }


def _rounded(box: Box) -> list[float]:
    return [round(side, 1) for side in box]
