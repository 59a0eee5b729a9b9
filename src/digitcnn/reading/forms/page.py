"""What has been read on a form: fields with their places and confidences."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from digitcnn.reading.page import Box, Number, Polygon, box_of


@dataclass(frozen=True, slots=True)
class FormField:
    """What was read in a field, or in a cell of a grid.

    Parameters
    ----------
    name : str
        The field's in the template; of a cell ``marks[2,3]``, with its row and its column from 1.
    text : str
        The best reading that is allowed; empty where nothing is written, or nothing that is read
        is allowed.
    confidence : float
        The probability of the text, 0 to 1.
    polygon : tuple of four pairs of float (x, y)
        The corners of the field, in pixels of the picture, clockwise from the one that is the upper
        left one on the form.
    number : Number or None
        The digits with their places; None in an empty field.
    is_allowed : bool, default=True
        Whether `number` is what the template allows; else the text is empty.

    Examples
    --------
    >>> from digitcnn.reading import FormField
    >>> empty = FormField("total", "", 1.0, ((0, 0), (90, 0), (90, 30), (0, 30)), None)
    >>> empty.box
    (0, 0, 90, 30)
    """

    name: str
    text: str
    confidence: float
    polygon: Polygon
    number: Number | None
    is_allowed: bool = True

    @property
    def box(self) -> Box:
        """x, y, width and height of the smallest upright box, in pixels of the picture."""
        return box_of(self.polygon)

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
        return self.number.masked(min_confidence) if self.text and self.number else self.text

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
            "is_allowed": self.is_allowed,
            "box": [round(side, 1) for side in self.box],
            "polygon": [[round(x, 1), round(y, 1)] for x, y in self.polygon],
            "number": None if self.number is None else self.number.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class FormPage:
    """What was read on a form.

    Parameters
    ----------
    fields : dict of str to FormField
        In the template's order; of a grid each cell is one, row by row.
    width, height : int
        Pixels of the picture.
    _picture : object, default=None
        What `draw` draws on; without it on white.

    Examples
    --------
    >>> from digitcnn.reading import FormField, FormPage
    >>> corners = (5, 5), (45, 5), (45, 25), (5, 25)
    >>> cell = FormField("marks[1,1]", "7", 0.98, corners, None)
    >>> page = FormPage({cell.name: cell}, width=50, height=30)
    >>> page.fields["marks[1,1]"].text
    '7'
    >>> page.table("marks")
    [['7']]
    >>> page.draw().size
    (50, 30)
    """

    fields: Mapping[str, FormField]
    width: int
    height: int
    _picture: Any = field(default=None, repr=False, compare=False)

    @property
    def confidence(self) -> float:
        """The product of the fields' confidences."""
        return float(np.prod([one.confidence for one in self.fields.values()]))

    def table(self, name: str) -> list[list[str]]:
        """The texts of a grid, row by row.

        Parameters
        ----------
        name : str
            The grid's.

        Returns
        -------
        list of list of str

        Raises
        ------
        KeyError
            If there is no such grid.
        """
        rows: dict[str, list[str]] = {}
        for cell, one in self.fields.items():
            if cell.startswith(f"{name}[") and cell.endswith("]"):
                rows.setdefault(cell[len(name) + 1 :].partition(",")[0], []).append(one.text)
        if not rows:
            raise KeyError(f"expected the name of a grid, got {name!r}")
        return list(rows.values())

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
            "fields": {name: one.to_dict() for name, one in self.fields.items()},
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
        """The picture with the fields, and what was read in them.

        Parameters
        ----------
        min_confidence : float, default=0.9
            Fields that are less sure, or not allowed, are drawn in orange instead of green.

        Returns
        -------
        PIL.Image.Image
            As large as the picture was read.
        """
        from digitcnn.reading.forms.review import draw_form

        return draw_form(self, self._picture, min_confidence)
