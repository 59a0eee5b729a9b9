"""Readings of what is written in the boxes of a form's fields."""

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from digitcnn.preprocessing.shades import Shades
from digitcnn.reading.allowed import Allowed
from digitcnn.reading.assembly import numbers_of_line
from digitcnn.reading.classification import DigitClassifier
from digitcnn.reading.forms.boxes import Crop, FieldInk
from digitcnn.reading.forms.page import FormField
from digitcnn.reading.forms.sheet import Sheet
from digitcnn.reading.forms.template import FieldTemplate, FormTemplate
from digitcnn.reading.layout import find_components
from digitcnn.reading.line_reading import read_lines, read_numbers
from digitcnn.reading.page import Number
from digitcnn.reading.polygons import Polygon, project
from digitcnn.reading.recogniser import LineRecogniser
from digitcnn.reading.strips import DIGITS, OTHER, Strip
from digitcnn.reading.witnesses import refined_digit

_HOLE = 0.5  # Factor of the confidence for an empty box between digits, or writing without digits.
_LEGIBLE = 0.5  # Least confidence of faint ink: with less it is a smudge.
_INK = 90  # Least strength of 255. Fainter ink is the soft edge of a stroke.


def read_crops(
    crops: Sequence[Crop],
    field: FieldTemplate,
    classifier: DigitClassifier,
    recogniser: LineRecogniser,
) -> list[Strip | None]:
    """The possible readings of each box of a field, with places on the sheet; None for nothing.

    Only this function turns strokes into digits.
    """
    written = {i: one.strokes for i, one in enumerate(crops) if one.strokes is not None}
    found: list[Strip | None] = [None] * len(crops)
    if field.has_single_digits:
        digits = [i for i in written if not crops[i].is_dash]
        answers = classifier.predict([written[i] for i in digits])
        for i, shares in zip(digits, answers, strict=True):
            # A smudge leaves a doubt whether the box is empty.
            if not crops[i].is_faint or shares.max() >= _LEGIBLE:
                shares = refined_digit(shares, written[i], classifier, recogniser)
                corners = _corners(crops[i], written[i])
                found[i] = Strip.of_digit(shares, "".join(classifier.classes), corners)
    else:
        for i, strokes in written.items():
            found[i] = _read_string(strokes, crops[i], classifier, recogniser)
    return found


def _read_string(
    strokes: np.ndarray,
    crop: Crop,
    classifier: DigitClassifier,
    recogniser: LineRecogniser,
) -> Strip | None:
    mask = (strokes >= _INK).astype(np.uint8)
    shades = Shades(strokes * np.float32(1 / 255), 0.0, 0.0, mask, True)
    components = find_components(mask)
    if not len(components.boxes):
        return None
    line = [int(i) for i in np.argsort(components.boxes[:, 0], kind="stable")]
    # A field is one number, also with wide gaps in it.
    (whole,) = read_lines(shades, components, [[line]], recogniser)
    if whole is None:
        return None
    (strip,) = read_numbers([whole], [[0]], shades, components, recogniser, classifier)

    def outline(first: int, last: int) -> np.ndarray:
        points: np.ndarray = strip.outline(first, last) + np.array([crop.left, crop.top])
        return points

    return Strip(strip.log_probabilities, strip.symbols, strip.words, outline, strip.calibration)


def _corners(crop: Crop, strokes: np.ndarray) -> np.ndarray:
    left, top, width, height = cv2.boundingRect(strokes)
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    points: np.ndarray = np.array(corners, float) + np.array([crop.left + left, crop.top + top])
    return points


def _joined(strips: Sequence[Strip]) -> Strip:
    """Single digits as one line, with a certain blank between each two."""
    logs = np.full((2 * len(strips) - 1, 1 + len(strips[0].symbols)), -np.inf, np.float32)
    logs[1::2, 0] = 0
    logs[::2] = [one.log_probabilities[0] for one in strips]

    def outline(first: int, last: int) -> np.ndarray:
        return strips[last // 2].outline(0, 0)

    return Strip(logs, strips[0].symbols, ((0, len(logs)),), outline)


class PageReading:
    """The readings of a page in one of its possible places."""

    def __init__(
        self,
        sheet: Sheet,
        inks: list[FieldInk],
        template: FormTemplate,
        classifier: DigitClassifier,
        recogniser: LineRecogniser,
    ) -> None:
        self._sheet, self._inks, self._template = sheet, inks, template
        self._found = [
            read_crops(ink.crops, one, classifier, recogniser)
            for ink, one in zip(inks, template.fields, strict=True)
        ]

    @property
    def certainty(self) -> float:
        """How much was read with confidence. Letters and digits upside down have less of it."""
        strips = [one for found in self._found for one in found if one is not None]
        return sum(max(0.0, 2 * p - 1) for one in strips for sign, p in _signs(one))

    def fields(self, scale: np.ndarray, n_alternatives: int) -> dict[str, FormField]:
        """All fields by name, with places in the picture."""

        def in_picture(corners: np.ndarray) -> Polygon:
            placed = project(self._sheet.to_picture, corners) * scale
            return tuple((float(x), float(y)) for x, y in placed)

        found: dict[str, FormField] = {}
        for field, ink, strips in zip(self._template.fields, self._inks, self._found, strict=True):
            boxes = list(zip(ink.crops, strips, strict=True))
            if field.kind == "grid":
                groups, polygons = [[one] for one in boxes], ink.polygons
            else:
                first, last = ink.polygons[0], ink.polygons[-1]
                groups, polygons = [boxes], [np.array([first[0], last[1], last[2], first[3]])]
            for name, group, polygon in zip(field.columns_of_csv, groups, polygons, strict=True):
                read = _read_field(field, group, in_picture, n_alternatives)
                found[name] = FormField(name, *read[:2], in_picture(polygon), *read[2:])
        return found


def _signs(strip: Strip) -> list[tuple[str, float]]:
    """The digits and other signs of the most probable reading, with their probabilities."""
    signs = strip.signs(0, len(strip.log_probabilities))
    return [(sign, p) for sign, p in signs if sign in DIGITS or sign == OTHER]


def _read_field(
    field: FieldTemplate,
    boxes: list[tuple[Crop, Strip | None]],
    in_picture: Callable[[np.ndarray], Polygon],
    n_alternatives: int,
) -> tuple[str, float, Number | None, bool]:
    """Text, confidence, number and `is_allowed` of the boxes of a field or a cell."""
    certainty = math.prod(crop.certainty for crop, _ in boxes)
    strips = [strip for _, strip in boxes if strip is not None]
    filled = [i for i, (_, strip) in enumerate(boxes) if strip is not None]
    is_none = [OTHER in dict(_signs(strip)) for strip in strips]
    is_none += [crop.strokes is not None for crop, strip in boxes if strip is None]
    certainty *= _HOLE ** min(sum(is_none), 3)
    if filled and len(filled) < filled[-1] - filled[0] + 1:
        certainty *= _HOLE
    if not strips:
        return "", certainty, None, True
    line = strips[0] if len(strips) == 1 else _joined(strips)

    def read_as(allowed: Allowed | None) -> Number | None:
        found = numbers_of_line(line, in_picture, allowed, n_alternatives, True)
        return found[0] if found else None

    number = read_as(field.allowed)
    if number is not None and field.is_valid(number.text):
        return field.as_text(number.text), certainty * number.confidence, number, True
    if number is None and field.allowed is None:
        return "", min(certainty, _HOLE), None, True
    return "", 0.0, read_as(None), False
