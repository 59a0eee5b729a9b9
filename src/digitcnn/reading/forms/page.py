"""What was read on a form: fields with their places and confidences."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from digitcnn.reading.page import Document, Number, Placed, placed_as_dict
from digitcnn.reading.polygons import Polygon


@dataclass(frozen=True, slots=True)
class FormField(Placed):
    """What was read in a field, or in a cell of a grid.

    Parameters
    ----------
    name : str
        The field's name in the template. A cell of a grid has its row and column, counted from 1,
        as ``marks[2,3]``.
    text : str
        The most probable text that the template allows. Empty where nothing is written, or where
        what is written is not allowed.
    confidence : float
        The probability of the text, from 0 to 1.
    polygon : tuple of four pairs of float (x, y)
        The corners of the field in pixels of the picture, clockwise from the form's upper left.
    number : Number or None
        The digits with their places. None in an empty field.
    is_allowed : bool, default=True
        Whether the template allows what is written. If not, `number` has it, and `text` is empty.

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

    def _masked(self, min_confidence: float) -> str:
        return self.number.masked(min_confidence) if self.text and self.number else self.text

    def _as_dict(self) -> dict[str, Any]:
        return {
            **placed_as_dict(self),
            "is_allowed": self.is_allowed,
            "number": None if self.number is None else self.number.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class FormPage(Document):
    """What was read on a form.

    Parameters
    ----------
    fields : dict of str to FormField
        In the template's order. The cells of a grid are fields, row by row.
    width, height : int
        Size of the picture, in pixels.
    _picture : object, default=None
        Pixels that `draw` draws on. None: a white page.

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
            The grid's name in the template.

        Returns
        -------
        list of list of str
            Empty texts for empty cells.

        Raises
        ------
        KeyError
            If the form has no grid of this name.
        """
        rows: dict[str, list[str]] = {}
        for cell, one in self.fields.items():
            if cell.startswith(f"{name}[") and cell.endswith("]"):
                rows.setdefault(cell[len(name) + 1 :].partition(",")[0], []).append(one.text)
        if not rows:
            raise KeyError(f"expected the name of a grid, got {name!r}")
        return list(rows.values())

    def _as_dict(self) -> dict[str, Any]:
        return {
            "width": self.width,
            "height": self.height,
            "fields": {name: one.to_dict() for name, one in self.fields.items()},
        }

    def draw(self, min_confidence: float = 0.9) -> Any:
        """The picture with a frame around each field, and the field's text above it.

        Parameters
        ----------
        min_confidence : float, default=0.9
            Fields with a lower confidence, or with a text that is not allowed, are drawn in orange
            instead of green.

        Returns
        -------
        PIL.Image.Image
            An RGB image as large as the picture was read: at most 3,200 pixels high and wide.
        """
        from digitcnn.reading.forms.overlay import draw_form

        return draw_form(self, self._picture, min_confidence)

    def _repr_html_(self) -> str:
        from digitcnn.reading.notebook import figure

        texts = [f"{name}: {one.text}" for name, one in self.fields.items()]
        return figure(self.draw(), "Picture with the fields read", "\n".join(texts))


def is_doubtful(field: FormField, min_confidence: float) -> bool:
    """Whether a human should look at a field."""
    return not field.is_allowed or field.confidence < min_confidence
