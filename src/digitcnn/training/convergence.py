"""A warning for a network that predicts at chance after its training."""

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from digitcnn.training.data import TrainingData

# Largest number of training images that are predicted for the check.
_LOOKED_AT = 256
# Fraction of the way from chance to accuracy 1 that counts as not learned.
_NEXT_TO_NOTHING = 0.1


def warn_if_at_chance(
    data: TrainingData,
    predict: Callable[[np.ndarray], np.ndarray],
    *,
    accuracy: float | None,
    stacklevel: int,
) -> None:
    """Warn if a network misclassifies nearly all of its own training images.

    Parameters
    ----------
    data : TrainingData
        The training data.
    predict : callable
        Returns the probabilities for images.
    accuracy : float or None
        Training accuracy of the last epoch. If it is well above chance, nothing is predicted. None
        for a network that may train well and still predict badly, such as a user's network whose
        batch normalisation has too large a momentum.
    stacklevel : int
        Stack level of the warning, counted from the caller.
    """
    chance = _most_frequent(data, data.rows)
    if chance == 1.0 or (accuracy is not None and not _is_near(accuracy, chance)):
        return
    n = min(len(data.rows), _LOOKED_AT)
    rows = data.rows[np.linspace(0, len(data.rows) - 1, n).astype(int)]
    try:
        answers = predict(data.images[rows]).argmax(axis=1)
    except ValueError:  # `predict` will raise it again
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
    """The weighted share of the most frequent label."""
    weights = None if data.weights is None else data.weights[rows]
    counts = np.bincount(data.y_encoded[rows], weights)
    return float(counts.max() / counts.sum())
