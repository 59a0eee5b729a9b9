"""The measures of a model's evaluation, printed in 80 columns."""

import sys
import unicodedata
from typing import Any

from digitcnn.cli._output import columns_of, printable, show

# The width of the output, even in a wider terminal, because output is kept, mailed and compared.
_COLUMNS = 80
# The columns that a class's name may take; longer names are shortened.
_LONGEST_NAME = 20
# How many of the labels that a class is mistaken for are listed.
_LISTED = 4


def count(n: int, noun: str) -> str:
    """A number with its noun, in the plural where the number is not 1."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def print_measures(result: dict[str, Any]) -> None:
    """Print what `evaluation.measure` returns."""
    show(
        f"accuracy {result['accuracy']:.2%}: {count(result['errors'], 'error')} in "
        f"{count(result['digits'], 'digit')}; log loss {abs(result['log_loss']):.4f}"
    )
    show()
    names = [_shorten(name) for name in result["classes"]]
    columns = min(_COLUMNS, columns_of(sys.stdout))
    lines = _matrix(names, result)
    if max(map(_width, lines)) > columns:
        lines = _by_class(names, result, columns)
    for line in lines:
        show(line)
    if result["most_confident_errors"]:
        errors = result["most_confident_errors"]
        are_rows = any("file" not in error for error in errors)
        show("\nmost confident errors" + (", by row (the first is row 0)" if are_rows else ""))
        for error in errors:
            truth, answer = _shorten(error["truth"]), _shorten(error["prediction"])
            place = printable(error.get("file", f"row {error['row']}"))
            show(
                f"  {place}: {truth} ({error['truth_probability']:.3f}) "
                f"predicted {answer} ({error['prediction_probability']:.3f})"
            )
    show()


def _matrix(names: list[str], result: dict[str, Any]) -> list[str]:
    """The confusion matrix, with recall as its last column and precision as its last row."""
    counts = [[str(n) if n else "." for n in row] for row in result["confusion_matrix"]]
    table = [["", *names, "recall"]]
    for name, row, recall in zip(names, counts, result["class_recall"], strict=True):
        table.append([name, *row, f"{recall:.3f}"])
    table.append(["precision", *(f"{p:.3f}" for p in result["class_precision"]), ""])
    # All cells are of one width, so that columns line up.
    cell = 1 + max(_width(text) for row in table for text in row[1:-1])
    first = max(_width(row[0]) for row in table)
    lines = ["confusion matrix (rows: true class, columns: predicted class)"]
    for head, *cells, last in table:
        text = _right(head, first) + "".join(_right(one, cell) for one in cells) + _right(last, 7)
        lines.append(text.rstrip())
    return lines


def _by_class(names: list[str], result: dict[str, Any], columns: int) -> list[str]:
    """A line for each class, with the classes that it is most often mistaken for."""
    width = max(map(_width, ["class", *names]))
    lines = [
        "by class (--json has the whole confusion matrix)",
        f"{'class':<{width}}  digits  recall  precision  mistaken for",
    ]
    figures = zip(
        result["confusion_matrix"], result["class_recall"], result["class_precision"], strict=True
    )
    for own, (row, recall, precision) in enumerate(figures):
        line = f"{_left(names[own], width)}  {sum(row):>6}  {recall:>6.3f}  {precision:>9.3f}  "
        others = sorted((-n, other) for other, n in enumerate(row) if n and other != own)
        shown = [f"{names[other]} ({-n})" for n, other in others[:_LISTED]]
        while shown and _width(text := _listed(shown, len(others))) > columns - _width(line):
            shown.pop()
        lines.append((line + text if shown else line).rstrip())
    return lines


def _listed(shown: list[str], n: int) -> str:
    return ", ".join([*shown, *(["..."] if len(shown) < n else [])])


def _shorten(name: Any) -> str:
    """A class's name, without its middle where it is long."""
    text = printable(str(name))
    if _width(text) <= _LONGEST_NAME:
        return text
    head, tail = text, text[-7:]
    while _width(f"{head}...{tail}") > _LONGEST_NAME:
        head = head[:-1]
        if not head:  # characters of double width
            tail = tail[1:]
    return f"{head}...{tail}"


def _width(text: str) -> int:
    """The columns that a text fills in a terminal."""
    return sum(
        0 if unicodedata.combining(sign) else 1 + (unicodedata.east_asian_width(sign) in "WF")
        for sign in text
    )


def _left(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _right(text: str, width: int) -> str:
    return " " * (width - _width(text)) + text
