"""Whether a training has come to anything: a network that answers at chance is warned about."""

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from digitcnn.training.data import TrainingData

# Images that the network is asked about, at most.
_LOOKED_AT = 256
# The part of what there is to learn beyond the most frequent label that is as good as nothing.
_NEXT_TO_NOTHING = 0.1


def warn_if_at_chance(
    data: TrainingData,
    predict: Callable[[np.ndarray], np.ndarray],
    *,
    accuracy: float | None,
    stacklevel: int,
) -> None:
    """Warn of a network that hardly reads its own training images.

    Parameters
    ----------
    data : TrainingData
        What it was trained on.
    predict : callable
        Gives its probabilities for images.
    accuracy : float or None
        What the last epoch's training reported. If it is well above chance the network is asked
        nothing. None where a network may train well and yet answer badly, as one of a user's whose
        normalisation has averages of too long a memory.
    stacklevel : int
        Of the warning, counted from the caller.
    """
    chance = _most_frequent(data, data.rows)
    if chance == 1.0 or (accuracy is not None and not _is_near(accuracy, chance)):
        return
    n = min(len(data.rows), _LOOKED_AT)
    rows = data.rows[np.linspace(0, len(data.rows) - 1, n).astype(int)]
    try:
        answers = predict(data.images[rows]).argmax(axis=1)
    except ValueError:  # whoever predicts will hear of it
        return
    weights = None if data.weights is None else data.weights[rows]
    accuracy = float(np.average(answers == data.y_encoded[rows], weights=weights))
    chance = _most_frequent(data, rows)
    if not _is_near(accuracy, chance):
        return
    warnings.warn(
        f"the network has not learned: it reads {accuracy:.0%} of its training images, and always "
        f"the most frequent label would be right for {chance:.0%}. Give it more epochs, a smaller "
        "batch_size or another learning_rate, and see that images and labels belong together",
        ConvergenceWarning,
        stacklevel=stacklevel + 1,
    )


def _is_near(accuracy: float, chance: float) -> bool:
    return not accuracy > chance + _NEXT_TO_NOTHING * (1.0 - chance)


def _most_frequent(data: TrainingData, rows: np.ndarray) -> float:
    """The share of the most frequent label, by weight."""
    weights = None if data.weights is None else data.weights[rows]
    counts = np.bincount(data.y_encoded[rows], weights)
    return float(counts.max() / counts.sum())
