"""What a form's template says: the page, what to find it by, and its fields."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from digitcnn.reading.allowed import Allowed
from digitcnn.reading.page import Box

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Anchors:
    """What a page is found by: four marks, or a printed frame, each given by its corners.

    The corners stand clockwise from the upper left one. `mark_size` is 0 for a frame.
    """

    corners: tuple[Point, Point, Point, Point]
    mark_size: float


@dataclass(frozen=True, slots=True)
class FieldTemplate:
    """A place of the page that is written in, and what may stand there."""

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
        """Whether each of its boxes holds one digit at most."""
        return self.kind == "boxes" or (self.kind == "grid" and self.length == 1)

    def is_valid(self, text: str) -> bool:
        """Whether a text that is allowed is a day of the calendar, in a field for one."""
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
        """A text that is allowed as it is told: with a decimal point, if a comma was written."""
        return text.replace(",", ".") if self.kind == "number" else text

    @property
    def columns_of_csv(self) -> list[str]:
        """The names of what is read here: the field's, or one for each cell of a grid."""
        if self.kind != "grid":
            return [self.name]
        places = [(i, j) for i in range(self.rows) for j in range(self.columns)]
        return [f"{self.name}[{i + 1},{j + 1}]" for i, j in places]


@dataclass(frozen=True, slots=True)
class FormTemplate:
    """A form, in units of its own: millimetres, points, pixels.

    Attributes
    ----------
    width, height : float
        Of the page.
    anchors : Anchors or None
        None for the page's own edges.
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
