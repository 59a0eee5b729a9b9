"""The loss: cross-entropy with label smoothing.

Keras's own steps train with `make_loss`, the compiled steps with `smoothed_crossentropy`, and
`score` computes the validation loss.
"""

from typing import Any

import keras
import numpy as np
from keras import ops


def _smooth(one_hot: Any, label_smoothing: Any) -> Any:
    """Targets with label smoothing."""
    return one_hot * (1.0 - label_smoothing) + label_smoothing / one_hot.shape[-1]


def smoothed_crossentropy(
    y_encoded: Any, answers: Any, label_smoothing: Any, from_logits: bool = False
) -> Any:
    """The float32 loss of each image, of tensors of probabilities or logits."""
    one_hot = ops.one_hot(y_encoded, answers.shape[-1], dtype="float32")
    targets = _smooth(one_hot, label_smoothing)
    return ops.categorical_crossentropy(targets, answers, from_logits=from_logits)


def score(
    probabilities: np.ndarray, y_encoded: np.ndarray, label_smoothing: float
) -> dict[str, float]:
    """Loss and accuracy of predicted probabilities, as sums over the images."""
    logarithms = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny), dtype=np.float64)
    targets = _smooth(np.eye(probabilities.shape[1])[y_encoded], label_smoothing)
    is_correct = probabilities.argmax(axis=1) == y_encoded
    return {"loss": -(targets * logarithms).sum(), "accuracy": is_correct.sum()}


def make_loss(label_smoothing: float, is_logits: bool = False) -> Any:
    """Make the loss to compile a Keras model with.

    Parameters
    ----------
    label_smoothing : float
    is_logits : bool, default=False
        Whether the model returns logits.
    """
    if not label_smoothing:
        return keras.losses.SparseCategoricalCrossentropy(
            from_logits=is_logits, name="crossentropy", dtype="float32"
        )
    return _SmoothedCrossentropy(label_smoothing, is_logits)


class _SmoothedCrossentropy(keras.losses.Loss):
    """The loss as a class with dtype float32; a function would use the global floatx."""

    def __init__(self, label_smoothing: float, is_logits: bool) -> None:
        super().__init__(name="crossentropy", dtype="float32")
        self.label_smoothing = label_smoothing
        self.is_logits = is_logits

    def call(self, y_encoded: Any, answers: Any) -> Any:
        y_encoded = ops.cast(ops.reshape(y_encoded, (-1,)), "int32")
        return smoothed_crossentropy(y_encoded, answers, self.label_smoothing, self.is_logits)
