"""The small pictures of a report: confusions, errors, and labels that may be wrong."""

import base64
import io
from typing import Any

import numpy as np

from digitcnn.inspection._drawing import limits_of
from digitcnn.label_errors import class_thresholds, suspected_label_errors

# The largest side of a picture in the page, in pixels. Larger pictures are scaled down.
_LARGEST_SIDE = 64
# The number of pictures for each cell of the confusion matrix, for errors and for suspected labels.
_SHOWN_IN_CELL = 24
_SHOWN_ERRORS = 24
_SHOWN_SUSPECTS = 36
# The pixel values in all pictures of cells, about 2,500 digits of MNIST. It limits the page's size.
_NUMBERS_IN_CELLS = 2_000_000


def to_url(picture: np.ndarray, limits: tuple[float, float]) -> str:
    """A picture as a ``data:`` URL of a PNG.

    Parameters
    ----------
    picture : ndarray of shape (height, width, channels)
        Three channels are RGB, four are RGBA; of other numbers of channels the mean is shown.
    limits : pair of float
        The values of black and white in RGB and RGBA pictures. In others, the values of background
        and foreground: the background is shown white.

    Returns
    -------
    str
    """
    from PIL import Image

    low, high = limits
    pixels = 255 * np.clip((picture.astype(float) - low) / max(high - low, 1e-12), 0, 1)
    if picture.shape[2] not in (3, 4):
        pixels = 255 - pixels.mean(axis=2)
    image = Image.fromarray(np.rint(pixels).astype(np.uint8))
    image.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def choose_pictures(groups: np.ndarray, interest: np.ndarray, n_each: int, n: int) -> np.ndarray:
    """The most interesting pictures of each group.

    Parameters
    ----------
    groups : ndarray of int of shape (n_pictures,)
        The group of each picture.
    interest : ndarray of shape (n_pictures,)
        Within a group, pictures of higher interest are chosen first.
    n_each : int
        The maximum number of pictures in each group.
    n : int
        The maximum number of all pictures. The first picture of each group is chosen before the
        second one of any group.

    Returns
    -------
    ndarray of int
        The indices of the chosen pictures, in the order of choice.

    Examples
    --------
    >>> import numpy as np
    >>> from digitcnn.report._pictures import choose_pictures
    >>> groups, interest = np.array([0, 0, 0, 1]), np.array([0.1, 0.9, 0.5, 0.3])
    >>> choose_pictures(groups, interest, n_each=2, n=3)
    array([1, 3, 2])
    """
    order = np.lexsort((-interest, groups))
    sorted_groups = groups[order]
    ranks = np.arange(len(order)) - np.searchsorted(sorted_groups, sorted_groups)
    order, ranks = order[ranks < n_each], ranks[ranks < n_each]
    return order[np.lexsort((-interest[order], ranks))][:n]


def arrange_pictures(
    pictures: np.ndarray,
    limits: tuple[float, float] | None,
    y_encoded: np.ndarray,
    probabilities: np.ndarray,
    classes: np.ndarray,
    rows: np.ndarray,
) -> dict[str, Any]:
    """The cells of the confusion matrix, the most confident errors and the suspected labels.

    Parameters
    ----------
    pictures : ndarray of shape (n, height, width, channels)
    limits : pair of float or None
        As for `to_url`. None is 0 and 255 for uint8, otherwise the smallest and the largest value.
    y_encoded : ndarray of int of shape (n,)
        The columns of the true labels.
    probabilities : ndarray of shape (n, n_classes)
    classes : ndarray of shape (n_classes,)
    rows : ndarray of int of shape (n,)
        The row number to show for each picture.

    Returns
    -------
    dict
        ``cells``, a list for each true label; ``errors``, ``suspects`` and ``n_suspects``.
    """
    everyone = np.arange(len(y_encoded))
    answers = probabilities.argmax(axis=1)
    of_truth, of_answer = probabilities[everyone, y_encoded], probabilities[everyone, answers]
    lead = (of_answer - of_truth).astype(float)
    wrong = np.flatnonzero(answers != y_encoded)
    errors = wrong[np.argsort(-lead[wrong], kind="stable")][:_SHOWN_ERRORS]
    suspects = suspected_label_errors(classes[y_encoded], probabilities, classes)
    thresholds = class_thresholds(probabilities, y_encoded)
    limits = limits or ((0, 255) if pictures.dtype == np.uint8 else limits_of(pictures))

    def reading(i: int) -> dict[str, Any]:
        return {
            "row": int(rows[i]),
            "url": to_url(pictures[i], limits),
            "truth": classes[y_encoded[i]],
            "answer": classes[answers[i]],
            "of_truth": float(of_truth[i]),
            "of_answer": float(of_answer[i]),
            "threshold": float(thresholds[answers[i]]),
        }

    height, width, channels = pictures.shape[1:]
    size = min(height, _LARGEST_SIDE) * min(width, _LARGEST_SIDE) * channels
    cell_of = y_encoded * len(classes) + answers
    # Of correctly classified digits, the least confident come first.
    interest = np.where(answers != y_encoded, lead, -of_answer)
    shown: dict[int, list[dict[str, Any]]] = {}
    for i in choose_pictures(cell_of, interest, _SHOWN_IN_CELL, _NUMBERS_IN_CELLS // size):
        shown.setdefault(int(cell_of[i]), []).append(reading(i))
    counts = np.bincount(cell_of, minlength=len(classes) ** 2).reshape(len(classes), -1)
    most = max(2, int((counts * ~np.eye(len(classes), dtype=bool)).max()))
    cells = [
        [
            {
                "id": f"cell-{i}-{j}",
                "truth": classes[i],
                "answer": classes[j],
                "count": int(count),
                "is_right": i == j,
                # From 1 to 4 on a logarithmic scale, so that one error is visible beside hundreds.
                "level": 1 + round(3 * np.log(max(count, 1)) / np.log(most)),
                "readings": shown.get(i * len(classes) + j, []),
            }
            for j, count in enumerate(line)
        ]
        for i, line in enumerate(counts)
    ]
    return {
        "cells": cells,
        "errors": [reading(i) for i in errors],
        "suspects": [reading(i) for i in suspects[:_SHOWN_SUSPECTS]],
        "n_suspects": len(suspects),
    }
