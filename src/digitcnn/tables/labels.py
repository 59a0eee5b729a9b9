"""Labels in tables: numbers, missing labels, and their classes in a model."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from digitcnn._utils.text import some_of
from digitcnn.tables.csv_reader import number_of_text

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.0*)?")
_MOST_LABEL_TEXT = 2**28
# Texts for missing numbers, in lower case.
_MISSING = {"nan", "na", "n/a", "#n/a", "<na>"}


def tidy_labels(labels: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Convert labels to int64 if all are integers, otherwise to strings.

    In strings 3.0 becomes 3 too: a label that is written as a float in one file and as an integer
    in another is one class.

    Raises
    ------
    ValueError
        If there are numbers, and beside them only what stands for a missing one (``nan``); or if
        as strings, all as long as the longest, they would take gigabytes.
    """
    texts = [str(label) for label in labels]
    whole = [_whole_of_text(text) for text in texts]
    if None not in whole:
        return np.array(whole, np.int64)
    if missing := missing_beside_numbers(texts):
        raise ValueError(
            f"expected a label in each row, got {some_of(sorted(missing))} beside numbers. Fill in "
            "the labels that are missing, or leave their rows out"
        )
    longest = max(map(len, texts))
    if longest * len(texts) > _MOST_LABEL_TEXT:
        raise ValueError(
            f"expected numbers or short names as labels, got {len(texts)} of up to {longest} "
            "characters. Give the classes shorter names"
        )
    return np.array([_without_fraction(text) for text in texts])


def match_labels(texts: Sequence[str] | np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Convert labels in files to the classes of a model.

    A model with the classes ``x`` and ``01`` finds 01 in a file in which all labels look like
    numbers, and a model with numbers finds them in a file that has a name as well.

    Parameters
    ----------
    texts : sequence of str
        Labels as text, as in the files.
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    ndarray of shape (n,)
        The dtype of the classes; object if some labels, which remain unchanged, are not among them.
    """
    simplify = _without_fraction if classes.dtype.kind in "OUS" else _number_in_short
    known = {simplify(str(value)): value for value in classes.tolist()}
    known |= {str(value): value for value in classes.tolist()}
    found = {text: known.get(text, known.get(simplify(text), text)) for text in set(texts)}
    matched = np.array([found[text] for text in texts], dtype=object)
    is_all = set(found.values()) <= set(classes.tolist())
    return matched.astype(classes.dtype) if is_all else matched


def text_of_label(cell: Any) -> str:
    """The text of a label: the same for the number 3, for 3.0 and for text."""
    is_whole = isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53
    return str(int(cell)) if is_whole else str(cell).strip()


def missing_beside_numbers(texts: Sequence[str]) -> set[str]:
    """The texts for missing labels, if all other labels are numbers."""
    others = {text for text in set(texts) if number_of_text(text) is None}
    is_missing = len(others) < len(set(texts)) and all(text.lower() in _MISSING for text in others)
    return others if is_missing else set()


def _without_fraction(text: str) -> str:
    """3.0 as 3."""
    whole = _whole_of_text(text) if "." in text else None
    return text if whole is None else str(whole)


def _number_in_short(text: str) -> str:
    """A number in Python's syntax, and 3.0 as 3."""
    whole = _whole_of_text(text)
    number = number_of_text(text) if whole is None else whole
    return text if number is None else str(number)


def _whole_of_text(text: str) -> int | None:
    if _WHOLE_NUMBER.fullmatch(text):
        return int(text.partition(".")[0])
    # NumPy's savetxt writes 5.000000000000000000e+00.
    number = number_of_text(text) if "e" in text.lower() else None
    return number if isinstance(number, int) else None
