"""Labels as JSON holds them, and back."""

from typing import Any

import numpy as np

from digitcnn._utils.array_file import DTYPES
from digitcnn.serialization.checks import text

# Characters, of all labels at the longest one's width.
_MOST_LABEL_TEXT = 2**24


def labels_to_json(classes: np.ndarray) -> dict[str, Any]:
    """Labels as JSON holds them.

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
            f"labels of {classes.dtype} cannot be kept in a model file; expected numbers or strings"
        )
    kept = {"classes_": classes.tolist(), "classes_dtype": dtype}
    labels_from_json(kept)
    return kept


def labels_from_json(kept: dict[str, Any]) -> np.ndarray:
    """The reverse of `labels_to_json`.

    Raises
    ------
    ValueError
        If the labels are not of their type, or not sorted.
    """
    labels, dtype = kept["classes_"], kept["classes_dtype"]
    if not isinstance(labels, list) or not labels:
        raise ValueError("its labels are no list")
    if dtype in ("str", "object"):
        longest = max(len(text(label, "a label")) for label in labels)
        if longest * len(labels) > _MOST_LABEL_TEXT:
            raise ValueError(f"{len(labels)} labels of up to {longest} characters are too long")
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
        raise ValueError("its labels are not of the type declared, or not sorted")
    return classes
