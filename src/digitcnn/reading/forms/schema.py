"""Templates of forms as JSON: read, checked, and refused with the place of the mistake."""

import json
import math
import os
import re
from dataclasses import replace
from pathlib import Path
from string import digits
from typing import Any, NoReturn

from digitcnn._utils.text import shorten, some_of
from digitcnn.reading.allowed import Allowed
from digitcnn.reading.forms.template import (
    Anchors,
    FieldTemplate,
    FormTemplate,
    pattern_of_dates,
)
from digitcnn.reading.polygons import Box

KINDS = ("digits", "number", "date", "boxes", "grid")
_MOST_BYTES = 2**20
_MOST_COVERED = 2.0  # Total area of the fields, relative to the page's.
_MOST_FIELDS, _MOST_CELLS, _MOST_LINES = 500, 10_000, 100
_LARGEST = 1e6
_MOST_TEXTS, _LONGEST = 10_000, 64
_MOST_STATES = 2**17  # Of the automata of all fields together.
_MOST_WHOLE_DIGITS = 12  # Before a decimal point.
_LIMITS = ("length", "pattern", "check", "lexicon")
_NAME = re.compile(r"[^\W\d][\w .-]*", re.ASCII)
# The three parts of a date in any order, with or without separators.
_DATE = re.compile(
    r"(?=.*DD)(?=.*MM)(?=.*YY)(?:DD|MM|YY(?:YY)?)(?:[.,/: -]?(?:DD|MM|YY(?:YY)?)){2}"
)


def load_template(source: Any) -> FormTemplate:
    """Read a template from the path of a JSON file, its bytes or its content.

    Raises
    ------
    OSError
        If the file does not exist or cannot be opened.
    ValueError
        If it is not a template. The message has the place, what is expected and what is there.
    TypeError
        If `source` is not a path, bytes or a dict.
    """
    if isinstance(source, FormTemplate | dict):
        return source if isinstance(source, FormTemplate) else _Checker("template").form(source)
    name, content = "template", source
    if isinstance(source, str | os.PathLike):
        name = os.fsdecode(source)
        with Path(name).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    elif not isinstance(source, bytes):
        raise TypeError(
            f"expected a template as a path, bytes or a dict, got {type(source).__name__}"
        )
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{name}: expected a template of at most {_MOST_BYTES:,} bytes, got more")
    return _Checker(name).form(_parse(name, content))


def _parse(name: str, content: bytes) -> Any:
    """The JSON of a file without duplicate keys, NaN and infinity."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        twice = next((key for i, key in enumerate(keys) if key in keys[:i]), None)
        if twice is not None:
            raise ValueError(f"an object with the key {shorten(twice)!r} twice")
        return dict(pairs)

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant}, which is not JSON")

    try:
        text = content.decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except UnicodeDecodeError as error:
        why = f"bytes that are not UTF-8 at byte {error.start}"
    except json.JSONDecodeError as error:
        why = f"an error in line {error.lineno}, column {error.colno}: {error.msg}"
    except RecursionError:
        why = "objects or lists that are nested too deeply"
    except ValueError as error:
        why = shorten(str(error))
    raise ValueError(f"{name}: expected a template in JSON, got {why}")


class _Checker:
    """Turns plain data into a template, or refuses it with the place of the mistake."""

    def __init__(self, name: str) -> None:
        self._name = name

    def fail(self, place: str, expected: str, found: Any) -> NoReturn:
        self.refuse(f"{place} to be {expected}", "nothing" if found is None else _shown(found))

    def refuse(self, expected: str, found: str) -> NoReturn:
        raise ValueError(f"{self._name}: expected {expected}, got {found}")

    def form(self, data: Any) -> FormTemplate:
        self.keys("the template", data, ("size", "fields"), ("version", "name", "anchors"))
        if data.get("version", 1) != 1 or isinstance(data.get("version", 1), bool):
            self.fail("version", "1", data["version"])
        if "name" in data and not isinstance(data["name"], str):
            self.fail("name", "a text", data["name"])
        width, height = self.numbers("size", data["size"], 2, "[width, height]", above=0)
        if not 0.05 <= width / height <= 20:
            self.fail(
                "size", "a page whose longer side is at most 20 times the other", data["size"]
            )
        anchors = self.anchors(data.get("anchors"), width, height)
        fields = data["fields"]
        if not isinstance(fields, list) or not 0 < len(fields) <= _MOST_FIELDS:
            self.fail("fields", f"a list of 1 to {_MOST_FIELDS} fields", fields)
        found = [self.field(f"fields[{i}]", one, width, height) for i, one in enumerate(fields)]
        names = {"file", "page"}
        for i, field in enumerate(found):
            own = {field.name, f"{field.name} confidence"}
            if own & names:
                self.fail(f"fields[{i}].name", "a name that no other column has", field.name)
            names |= own
        if sum(field.rows * field.columns for field in found) > _MOST_CELLS:
            self.refuse(f"fields with at most {_MOST_CELLS:,} cells together", "more")
        if sum(field.box[2] * field.box[3] for field in found) > _MOST_COVERED * width * height:
            most = f"{_MOST_COVERED:g} times the page's area"
            self.refuse(f"fields with at most {most} together", "more. Make them overlap less")
        self.states(found)
        return FormTemplate(width, height, anchors, tuple(found))

    def anchors(self, data: Any, width: float, height: float) -> Anchors | None:
        if data is None:
            return None
        self.keys("anchors", data, (), ("marks", "mark_size", "frame"))
        if ("marks" in data) == ("frame" in data):
            self.refuse(
                "anchors with either 'marks' and 'mark_size' or 'frame'", some_of(list(data))
            )
        if "frame" in data:
            if "mark_size" in data:
                self.fail("anchors.mark_size", "left out beside 'frame'", data["mark_size"])
            x, y, w, h = self.box("anchors.frame", data["frame"], width, height)
            return Anchors(((x, y), (x + w, y), (x + w, y + h), (x, y + h)), 0.0)
        size = self.number("anchors.mark_size", data.get("mark_size"), 0, min(width, height) / 4)
        marks = data["marks"]
        if not isinstance(marks, list) or len(marks) != 4:
            self.fail("anchors.marks", "four points, clockwise from the upper left one", marks)
        points = [
            self.numbers(f"anchors.marks[{i}]", one, 2, "[x, y]") for i, one in enumerate(marks)
        ]
        for i, (x, y) in enumerate(points):
            if x > width or y > height:
                self.fail(f"anchors.marks[{i}]", "within the page", marks[i])
        turns = []
        for i in range(4):
            (ax, ay), (bx, by), (cx, cy) = (points[(i + k) % 4] for k in range(3))
            turns.append((bx - ax) * (cy - by) - (by - ay) * (cx - bx))
        if min(turns) <= 0.01 * width * height:
            self.fail("anchors.marks", "far apart, clockwise from the upper left one", marks)
        a, b, c, d = ((x, y) for x, y in points)
        return Anchors((a, b, c, d), size)

    def field(self, place: str, data: Any, width: float, height: float) -> FieldTemplate:
        optional = (*_LIMITS, "decimals", "rows", "columns", "gap")
        self.keys(place, data, ("name", "kind", "box"), optional)
        name, kind = data["name"], data["kind"]
        is_name = isinstance(name, str) and len(name) <= _LONGEST and _NAME.fullmatch(name)
        if not is_name or name != name.strip():
            self.fail(
                f"{place}.name",
                f"a name of at most {_LONGEST} letters, digits, spaces, dots and dashes that "
                "starts with a letter",
                name,
            )
        if not isinstance(kind, str) or kind not in KINDS:
            self.fail(f"{place}.kind", " or ".join(map(repr, KINDS)), kind)
        box = self.box(f"{place}.box", data["box"], width, height)
        own = {
            "number": {"decimals"},
            "boxes": {"gap", "pattern"},
            "grid": {"rows", "columns", "gap"},
            "digits": {"pattern"},
            "date": {"pattern"},
        }[kind]
        own |= set() if kind == "date" else {"length", "lexicon"}
        own |= set() if kind in ("date", "grid", "number") else {"check"}
        for key in data:
            if key in optional and key not in own:
                self.fail(f"{place}.{key}", f"left out of a field of kind {kind!r}", data[key])
        rows = columns = 1
        if kind == "grid":
            rows = self.whole(f"{place}.rows", data.get("rows"), 1, _MOST_LINES)
            columns = self.whole(f"{place}.columns", data.get("columns"), 1, _MOST_LINES)
        length = data.get("length")
        if kind == "boxes":
            columns = self.whole(f"{place}.length", length, 1, _LONGEST)
        gap = data.get("gap", 0.0)
        if gap != 0 or isinstance(gap, bool):
            least = min(box[2] / columns, box[3] / rows)
            gap = self.number(f"{place}.gap", gap, 0, least / 2)
        found = FieldTemplate(name, kind, box, rows, columns, float(gap), length)
        if kind == "date":
            pattern = data.get("pattern", "DD.MM.YYYY")
            if not isinstance(pattern, str) or not _DATE.fullmatch(pattern):
                self.fail(f"{place}.pattern", "DD, MM and YYYY or YY, with a sign between", pattern)
            limits = {"pattern": pattern_of_dates(pattern)}
            found = replace(found, date_pattern=pattern)
        else:
            limits = self.limits(place, data, kind)
        if not limits:
            return found
        try:
            return replace(found, allowed=Allowed(**limits))
        except ValueError as error:
            raise ValueError(f"{self._name}: {place}: {error}") from None

    def limits(self, place: str, data: Any, kind: str) -> dict[str, Any]:
        """What a number may be, as parameters of `Allowed`."""
        limits = {key: data[key] for key in _LIMITS if key in data}
        if kind == "boxes":
            del limits["length"]  # Some boxes may be left empty.
        if isinstance(limits.get("pattern"), str) and len(limits["pattern"]) > _LONGEST:
            self.fail(f"{place}.pattern", f"at most {_LONGEST} signs", limits["pattern"])
        texts = limits.get("lexicon", [""])
        if not isinstance(texts, list) or not 0 < len(texts) <= _MOST_TEXTS:
            self.fail(f"{place}.lexicon", f"a list of 1 to {_MOST_TEXTS:,} texts", texts)
        for key in limits:
            if limits[key] is None or isinstance(limits[key], dict):
                self.fail(f"{place}.{key}", "given, or left out", limits[key])
        if "check" in limits and not isinstance(limits["check"], str):
            self.fail(f"{place}.check", "a name", limits["check"])
        decimals = self.whole(f"{place}.decimals", data.get("decimals", 0), 0, 9)
        if decimals:
            wholes = ["#" * n for n in range(1, _MOST_WHOLE_DIGITS + 1)]
            parts = "#" * decimals
            limits["pattern"] = "|".join(f"{one}{sign}{parts}" for sign in ".," for one in wholes)
        return limits

    def states(self, fields: list[FieldTemplate]) -> None:
        """Refuse fields that take too long to decode, because they allow too much."""
        n_states = 0
        for allowed in dict.fromkeys(one.allowed for one in fields):
            if allowed is not None:
                try:
                    n_states += len(allowed.automaton(digits).is_final)
                except ValueError as error:
                    message = f"{self._name}: {error}"
                else:
                    if n_states <= _MOST_STATES:
                        continue
                    message = (
                        f"{self._name}: expected fields with at most {_MOST_STATES:,} states "
                        "together, got more. Allow fewer or shorter texts"
                    )
                raise ValueError(message)

    def keys(
        self, place: str, data: Any, needed: tuple[str, ...], optional: tuple[str, ...]
    ) -> None:
        if not isinstance(data, dict):
            self.fail(place, "an object", data)
        unknown = [str(key) for key in data if key not in (*needed, *optional)]
        if unknown:
            known = ", ".join(map(repr, (*needed, *optional)))
            self.refuse(f"{place} with no other keys than {known}", some_of(unknown))
        missing = [key for key in needed if key not in data]
        if missing:
            self.refuse(f"{place} with the key {missing[0]!r}", some_of(list(map(str, data))))

    def box(self, place: str, data: Any, width: float, height: float) -> Box:
        x, y, w, h = self.numbers(place, data, 4, "[x, y, width, height]")
        if w <= 0 or h <= 0 or x + w > width * 1.0001 or y + h > height * 1.0001:
            self.fail(place, f"a box within the page of {width:g} x {height:g}", data)
        return x, y, w, h

    def numbers(
        self, place: str, data: Any, n: int, what: str, above: float = -1.0
    ) -> tuple[float, ...]:
        if not isinstance(data, list | tuple) or len(data) != n:
            self.fail(place, f"{n} numbers {what}", data)
        if not all(_is_number(one) and above < one <= _LARGEST and one >= 0 for one in data):
            self.fail(place, f"{n} numbers {what} of at most {_LARGEST:,.0f}", data)
        return tuple(map(float, data))

    def number(self, place: str, data: Any, above: float, most: float) -> float:
        if not _is_number(data) or not above < data <= most:
            self.fail(place, f"a number above {above:g} and at most {most:g}", data)
        return float(data)

    def whole(self, place: str, data: Any, least: int, most: int) -> int:
        if not isinstance(data, int) or isinstance(data, bool) or not least <= data <= most:
            self.fail(place, f"a whole number from {least} to {most}", data)
        return data


def _is_number(data: Any) -> bool:
    # An int may be too large for a float, on which isfinite would fail.
    return type(data) is int or (isinstance(data, float) and math.isfinite(data))


def _shown(found: Any) -> str:
    """A value in a few characters, also if it is large."""
    if isinstance(found, dict | list):
        kind = "an object" if isinstance(found, dict) else "a list"
        if len(found) > 8 or any(isinstance(one, dict | list | str) for one in found):
            return f"{kind} of {len(found):,}"
    if isinstance(found, int) and abs(found) >= 10**30:  # which takes long to write out
        return "a number of many digits"
    return shorten(repr(found[:80] if isinstance(found, str) else found))
