"""The classifier of single digits, with pictures of strokes as its input."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from digitcnn.architectures import PRETRAINED
from digitcnn.preprocessing.placement import draw_centred

_BOX = 20 / 28  # Size of MNIST's digits, relative to the picture's side.


class DigitClassifier:
    """A fitted classifier for pictures of strokes.

    Parameters
    ----------
    model : str, path-like or estimator
        A model file, "pretrained", or a fitted classifier of square greyscale images.

    Attributes
    ----------
    classes : list of str
    is_pretrained : bool
        Whether the model is the one in the package.

    Raises
    ------
    OSError, ValueError
        If the model does not exist, or is not one of single characters in square greyscale images.
    """

    def __init__(self, model: Any) -> None:
        self.is_pretrained: bool = isinstance(model, str) and model == PRETRAINED
        self._is_stored = isinstance(model, str | os.PathLike)
        if self._is_stored:
            from digitcnn.serialization.initial import model_path
            from digitcnn.serialization.stored_model import StoredModel

            with model_path(model) as path:
                model = StoredModel(path)
        elif not hasattr(model, "classes_"):
            raise ValueError(
                "expected model to be 'pretrained', a model file or a fitted classifier, got "
                f"{type(model).__name__} that is not fitted. Fit it first"
            )
        self._model = model
        self.classes: list[str] = [str(label) for label in model.classes_]
        wrong = [label for label in self.classes if len(label) != 1]
        if wrong:
            raise ValueError(
                f"expected a model whose classes are single characters, got the class {wrong[0]!r}"
            )
        shape = getattr(model, "image_shape_", (28, 28, 1))
        if shape[0] != shape[1] or shape[2] != 1:
            found = " x ".join(map(str, shape))
            raise ValueError(f"expected a model of square greyscale images, got one of {found}")
        self._side = int(shape[0])
        self._range = getattr(model, "pixel_range_", (0, 255))

    def predict(self, strokes: Sequence[np.ndarray]) -> np.ndarray:
        """The probabilities, of shape (n, n_classes), for pictures of strokes.

        Parameters
        ----------
        strokes : sequence of ndarray of uint8 of shape (height, width)
            0 for the background.
        """
        if not strokes:
            return np.zeros((0, len(self.classes)), np.float32)
        side, box = self._side, round(self._side * _BOX)
        rows: np.ndarray = np.stack([draw_centred(one, side, box).ravel() for one in strokes])
        black, white = self._range
        if (black, white) != (0, 255):
            rows = (black + rows * ((white - black) / 255)).astype(np.float32)
        if self._is_stored:
            answers: np.ndarray = self._model.predict_proba(rows, is_normalized=True)
        else:
            answers = np.asarray(self._model.predict_proba(rows))
        return answers
