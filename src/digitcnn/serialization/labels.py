"""Converts labels to JSON values, and back."""

from typing import Any

import numpy as np

from digitcnn._utils.array_file import DTYPES
from digitcnn.serialization.checks import text

# The maximum number of characters, if all labels were as long as the longest one.
_MOST_LABEL_TEXT = 2**24


def labels_to_json(classes: np.ndarray) -> dict[str, Any]:
    """Labels as JSON values.

    Raises
    ------
    ValueError
        If they are neither numbers nor strings, or too long.
    """
    kind = classes.dtype.kind
    dtype = classes.dtype.newbyteorder("<").str
    if kind == "U":
        dtype = "str"
    elif kind == "O" and all(isinstance(label, str) for label in classes):
        dtype = "object"
    elif dtype not in DTYPES:
        raise ValueError(
            f"expected labels that are numbers or strings, got {classes.dtype}, which a model file "
            "cannot store"
        )
    stored = {"classes_": classes.tolist(), "classes_dtype": dtype}
    labels_from_json(stored)
    return stored


def labels_from_json(stored: dict[str, Any]) -> np.ndarray:
    """The reverse of `labels_to_json`.

    Raises
    ------
    ValueError
        If the labels do not have the declared type, or are not sorted.
    """
    labels, dtype = stored["classes_"], stored["classes_dtype"]
    if not isinstance(labels, list) or not labels:
        raise ValueError("expected a list of labels")
    if dtype in ("str", "object"):
        longest = max(len(text(label, "a label")) for label in labels)
        if longest * len(labels) > _MOST_LABEL_TEXT:
            raise ValueError(
                f"expected at most {_MOST_LABEL_TEXT} characters of labels, got {len(labels)} "
                f"labels of up to {longest}"
            )
        classes = np.array(labels, dtype=dtype)
    elif dtype in DTYPES:
        classes = np.array(labels, dtype=dtype).astype(np.dtype(dtype).newbyteorder("="))
    else:
        raise ValueError(f"expected labels of numbers or strings, got {dtype!r}")
    same = [
        type(one) is type(other) and one == other
        for one, other in zip(labels, classes.tolist(), strict=True)
    ]
    if classes.ndim != 1 or not all(same) or not (classes[:-1] < classes[1:]).all():
        raise ValueError("expected sorted labels of the declared type, got others")
    return classes
