"""Read templates of forms that were changed at random; each has to be read or refused.

    python benchmarks/fuzz_templates.py [--files 20000] [--seed 0] [--only N]

Composes small forms with every kind of anchors and fields, and changes their templates: three in
ten as bytes, as `fuzz_reading.py` changes files, the others as data, in which values are replaced
by odd ones, scaled, exchanged, removed or repeated. One in ten of the accepted templates then reads
a picture of the unchanged form. The result has to be a `Form`, a `FormPage` or a `ValueError` of
one line. Everything else fails as in `fuzz_reading.py`.
"""

import copy
import json
import sys
from typing import Any

import cv2
import numpy as np
from _fuzz import Reader, changed, check_refusal, run

ZOOM = 3  # Pixels of the pictures for each unit of the templates.
READ = 0.1  # Share of the accepted templates with which a picture is read.
VALUES = {"id": "1230", "born": "280277", "total": "1234", "code": "271", "m": "31413143"}
ODD_VALUES = [
    *(0, -1, 1, 2, 9, 100, 1.5, 1e-9, 1e6, 2**31, 10**30, 1e300, True, None, [], {}),
    *("", "1", "#", "##.##", "|", "\\", "luhn", "iban", "DD.MM.YYYY", "=1+1", "\ud800", "0" * 99),
    *("digits", "number", "date", "boxes", "grid", "1-9", [1, 64], [0, 0, 1, 1], ["42", "a b"]),
]
KEYS = [
    *("size", "fields", "version", "anchors", "marks", "mark_size", "frame", "name", "kind", "box"),
    *("rows", "columns", "gap", "length", "decimals", "pattern", "lexicon", "check", "__class__"),
]


def templates() -> dict[str, dict[str, Any]]:
    """Valid templates by the kind of their anchors."""
    fields = [
        {"name": "id", "kind": "boxes", "box": [15, 14, 40, 10], "length": 4, "check": "luhn"},
        {"name": "born", "kind": "date", "box": [60, 14, 50, 10], "pattern": "DD.MM.YY"},
        {"name": "total", "kind": "number", "box": [15, 30, 40, 10], "decimals": 2},
        {"name": "code", "kind": "digits", "box": [60, 30, 50, 10], "length": "3-5"},
        {"name": "m", "kind": "grid", "box": [15, 46, 60, 24], "rows": 2, "columns": 4, "gap": 1,
         "length": 1, "lexicon": ["3", "1", "4"]},
    ]  # fmt: skip
    form = {"version": 1, "name": "exam", "size": [120, 80], "fields": fields}
    marks = [[6, 6], [114, 6], [114, 74], [6, 74]]
    return {
        "marks": {**form, "anchors": {"marks": marks, "mark_size": 5}},
        "frame": {**form, "anchors": {"frame": [5, 5, 110, 70]}},
        "edges": form,
    }


def draw(form: dict[str, Any]) -> np.ndarray:
    """A filled form on a dark desk, in grey."""
    from digitcnn.datasets import load_sample_digits

    X, y = load_sample_digits()
    width, height = (side * ZOOM for side in form["size"])
    page = np.full((height, width), 230, np.uint8)

    def frame(x: float, y: float, w: float, h: float, thickness: int) -> None:
        start, stop = (
            (round(x * ZOOM), round(y * ZOOM)),
            (round((x + w) * ZOOM), round((y + h) * ZOOM)),
        )
        cv2.rectangle(page, start, stop, 60, thickness)

    anchors = form.get("anchors", {})
    for x, y_mark in anchors.get("marks", []):
        half = anchors["mark_size"] / 2
        frame(x - half, y_mark - half, 2 * half, 2 * half, -1)
    if "frame" in anchors:
        frame(*anchors["frame"], 2)
    for field in form["fields"]:
        left, top, w, h = field["box"]
        text, rows, gap = VALUES[field["name"]], field.get("rows", 1), field.get("gap", 0)
        columns = len(text) // rows
        across, down = (w + gap) / columns, (h + gap) / rows
        if field["kind"] not in ("boxes", "grid"):
            frame(left, top, w, h, 1)
        side = round(0.85 * ZOOM * min(across, down))
        for i, sign in enumerate(text):
            x, y_box = left + i % columns * across, top + i // columns * down
            if field["kind"] in ("boxes", "grid"):
                frame(x, y_box, across - gap, down - gap, 1)
            digit = X[np.flatnonzero(y == int(sign))[i]].reshape(28, 28)
            digit = cv2.resize(digit, (side, side), interpolation=cv2.INTER_AREA)
            row, column = round((y_box + 0.08 * down) * ZOOM), round((x + 0.08 * across) * ZOOM)
            page[row : row + side, column : column + side] -= (0.65 * digit).astype(np.uint8)
    return np.pad(page, 12, constant_values=40)


def places(part: Any) -> list[tuple[Any, Any]]:
    """Where something is in nested lists and objects: containers with keys."""
    found = []
    for key in list(part) if isinstance(part, dict) else range(len(part)):
        found.append((part, key))
        if isinstance(part[key], dict | list):
            found += places(part[key])
    return found


def changed_data(rng: np.random.Generator, form: dict[str, Any]) -> dict[str, Any]:
    """A template with one to four changes."""
    form = copy.deepcopy(form)
    for _ in range(rng.choice([1, 1, 2, 4])):
        found = places(form)
        is_scaled = rng.random() < 0.6
        if is_scaled:
            found = [(part, key) for part, key in found if type(part[key]) in (int, float)]
        if not found:
            break
        part, key = found[rng.integers(len(found))]
        if is_scaled:
            # Many of these are accepted: boxes of other sizes in other places.
            new = float(part[key]) * float(np.exp(rng.normal(0, rng.choice([0.1, 0.5, 3]))))
            part[key] = round(new) if rng.random() < 0.5 else new
            continue
        odd = copy.deepcopy(ODD_VALUES[rng.integers(len(ODD_VALUES))])
        how = rng.integers(5)
        if how == 0:
            del part[key]
        elif how == 1 and isinstance(part, list):
            part.insert(int(rng.integers(len(part) + 1)), copy.deepcopy(part[key]))
        elif how == 1:
            part[KEYS[rng.integers(len(KEYS))]] = odd
        elif how == 2:
            other, other_key = found[rng.integers(len(found))]
            part[key] = copy.deepcopy(other[other_key])
        else:
            part[key] = odd
    return form


def make_reader() -> Reader:
    from digitcnn import DigitReader
    from digitcnn.reading import Form
    from digitcnn.reading.forms.review import make_review

    reader = DigitReader().load()
    forms = templates()
    kinds = list(forms)
    pictures = {kind: draw(form) for kind, form in forms.items()}
    contents = {kind: json.dumps(form, indent=1).encode() for kind, form in forms.items()}

    def read_one(rng: np.random.Generator) -> tuple[str, str]:
        kind, other = (kinds[rng.integers(len(kinds))] for _ in range(2))
        template: Any = changed_data(rng, forms[kind])
        if rng.random() < 0.3:
            template = changed(rng, contents[kind], contents[other])
        try:
            form = Form(template, reader)
        except ValueError as error:
            check_refusal(error)
            return kind, "refused"
        if rng.random() >= READ:
            return kind, "accepted"
        try:
            page = form.read(np.rot90(pictures[kind], int(rng.choice([0, 0, 0, 1, 2]))))
        except ValueError as error:
            check_refusal(error)
            return kind, "not found"
        assert list(page.fields) == form.columns
        json.loads(page.to_json())
        if rng.random() < 0.1:
            page.draw()
            make_review([("a.png", 0, page)], form.columns, 0.9)
        return kind, "read"

    return read_one


if __name__ == "__main__":
    sys.exit(run(__doc__, make_reader, "numpy", "opencv-python-headless", "onnxruntime"))
