"""Labels in tables: which texts are numbers, which are missing, and which class each stands for."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from digitcnn._utils.text import some_of
from digitcnn.tables.csv_reader import number_of_text

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.0*)?")
_MOST_LABEL_TEXT = 2**28
# What programs write for a number that is missing, in small letters.
_MISSING = {"nan", "na", "n/a", "#n/a", "<na>"}


def tidy_labels(labels: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Labels as int64 where all are whole numbers, as strings where one is not.

    Of strings too, 3.0 is 3: what a program wrote as a float in one file is no other class than
    what stands as a whole number in another.

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
    """The classes of a model that labels in files stand for.

    A model of the classes ``x`` and ``01`` knows the 01 of a file in which all labels look like
    numbers, and one of numbers its own beside a stray name.

    Parameters
    ----------
    texts : sequence of str
        Labels as they stand in files.
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    ndarray of shape (n,)
        Of the classes' dtype; where a label is none of them it is left as it is, and the dtype is
        object.
    """
    simplify = _without_fraction if classes.dtype.kind in "OUS" else _number_in_short
    known = {simplify(str(value)): value for value in classes.tolist()}
    known |= {str(value): value for value in classes.tolist()}
    found = {text: known.get(text, known.get(simplify(text), text)) for text in set(texts)}
    matched = np.array([found[text] for text in texts], dtype=object)
    is_all = set(found.values()) <= set(classes.tolist())
    return matched.astype(classes.dtype) if is_all else matched


def text_of_label(cell: Any) -> str:
    """A label's text, the same whether it was kept as the number 3, as 3.0 or as text."""
    is_whole = isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53
    return str(int(cell)) if is_whole else str(cell).strip()


def missing_beside_numbers(texts: Sequence[str]) -> set[str]:
    """The texts that stand for missing labels, where all others are numbers."""
    others = {text for text in set(texts) if number_of_text(text) is None}
    is_missing = len(others) < len(set(texts)) and all(text.lower() in _MISSING for text in others)
    return others if is_missing else set()


def _without_fraction(text: str) -> str:
    """3.0 as 3."""
    whole = _whole_of_text(text) if "." in text else None
    return text if whole is None else str(whole)


def _number_in_short(text: str) -> str:
    """A number as Python writes it, and 3.0 as 3."""
    whole = _whole_of_text(text)
    number = number_of_text(text) if whole is None else whole
    return text if number is None else str(number)


def _whole_of_text(text: str) -> int | None:
    if _WHOLE_NUMBER.fullmatch(text):
        return int(text.partition(".")[0])
    # NumPy's savetxt writes 5.000000000000000000e+00.
    number = number_of_text(text) if "e" in text.lower() else None
    return number if isinstance(number, int) else None
