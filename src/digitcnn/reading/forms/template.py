"""The content of a form's template: the page, its anchors and its fields."""

import itertools
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from digitcnn.reading.allowed import Allowed
from digitcnn.reading.polygons import Box

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Anchors:
    """Four marks, or a printed frame, by which a page is found.

    Attributes
    ----------
    corners : tuple of four pairs of float (x, y)
        The middles of the marks, or the frame's corners, clockwise from the upper left one.
    mark_size : float
        Width and height of a mark; 0 for a frame.
    """

    corners: tuple[Point, Point, Point, Point]
    mark_size: float


@dataclass(frozen=True, slots=True)
class FieldTemplate:
    """A place for writing on the page, and the texts that it may have.

    Attributes
    ----------
    name, kind : str
    box : tuple of float (x, y, width, height)
    rows, columns : int
        Number of boxes in each direction.
    gap : float
        Between two boxes.
    length : int, pair of int, str or None
        As in the template.
    allowed : Allowed or None
        None for any text.
    date_pattern : str
        The order of DD, MM and YYYY or YY; empty if the field is not a date.
    """

    name: str
    kind: str
    box: Box
    rows: int = 1
    columns: int = 1
    gap: float = 0.0
    length: Any = None
    allowed: Allowed | None = None
    date_pattern: str = ""

    @property
    def has_single_digits(self) -> bool:
        """Whether each box has at most one digit."""
        return self.kind == "boxes" or (self.kind == "grid" and self.length == 1)

    def is_valid(self, text: str) -> bool:
        """Whether an allowed text is a day of the calendar. Always true if this is not a date."""
        if not self.date_pattern:
            return True
        parts = {}
        for name in ("DD", "MM", "YYYY", "YY"):
            place = self.date_pattern.find(name)
            if place >= 0:
                parts[name] = text[place : place + len(name)]
        years = [parts["YYYY"]] if "YYYY" in parts else [f"{n}{parts['YY']}" for n in (19, 20)]
        return any(_is_day(int(year), int(parts["MM"]), int(parts["DD"])) for year in years)

    def as_text(self, text: str) -> str:
        """An allowed text as a result: a number has a decimal point also if a comma was written."""
        return text.replace(",", ".") if self.kind == "number" else text

    @property
    def columns_of_csv(self) -> list[str]:
        """The field's name, or the names of a grid's cells."""
        if self.kind != "grid":
            return [self.name]
        places = [(i, j) for i in range(self.rows) for j in range(self.columns)]
        return [f"{self.name}[{i + 1},{j + 1}]" for i, j in places]


@dataclass(frozen=True, slots=True)
class FormTemplate:
    """A form, in any unit of length: millimetres, points or pixels.

    Attributes
    ----------
    width, height : float
        Size of the page.
    anchors : Anchors or None
        None: the page is found by its edges.
    fields : tuple of FieldTemplate
    """

    width: float
    height: float
    anchors: Anchors | None
    fields: tuple[FieldTemplate, ...]


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def pattern_of_dates(pattern: str) -> str:
    """A pattern for `Allowed` of the possible days, months and years."""
    signs = {
        "DD": ("0#", "1#", "2#", "30", "31"),
        "MM": ("0#", "10", "11", "12"),
        "YYYY": ("19##", "20##"),
        "YY": ("##",),
    }
    parts = re.findall("DD|MM|YYYY|YY|.", pattern)
    return "|".join(map("".join, itertools.product(*(signs.get(one, (one,)) for one in parts))))
