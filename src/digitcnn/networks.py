"""The named architectures as functions that build a Keras model for an image shape."""

import inspect
from collections.abc import Callable

import keras

from digitcnn.architectures import ARCHITECTURES, ImageShape
from digitcnn.backend.build import build

_DOCUMENTATION = """{summary}

Parameters
----------
image_shape : tuple of int (height, width, channels)
    Pixels, in 0..1.
n_classes : int
    Number of outputs.
dropout : float, default={dropout}
    Dropout rate in training.
seed : int, default=0
    Seed of the initial weights and of the dropout.
dtype : str, default="float32"
    Keras dtype policy of all layers but the last, whose softmax is float32.

Returns
-------
keras.Model
    Not compiled.

{references}

Examples
--------
>>> from digitcnn.networks import {function}
>>> {function}((28, 28, 1), 10).output_shape
(None, 10)
"""


def _network(name: str) -> Callable[..., keras.Model]:
    """A function that builds the Keras model of an architecture's description."""
    describe = ARCHITECTURES[name]
    rate = inspect.signature(describe).parameters["dropout"].default

    def make(
        image_shape: ImageShape,
        n_classes: int,
        *,
        dropout: float = rate,
        seed: int = 0,
        dtype: str = "float32",
    ) -> keras.Model:
        return build(name, image_shape, n_classes, dropout=dropout, seed=seed, dtype=dtype)

    summary, references = inspect.cleandoc(describe.__doc__ or "").split("\n\nReferences\n")
    make.__name__ = make.__qualname__ = describe.__name__
    make.__doc__ = _DOCUMENTATION.format(
        summary=summary,
        references=f"References\n{references}",
        dropout=rate,
        function=describe.__name__,
    )
    return make


compact: Callable[..., keras.Model] = _network("compact")
elu_bn: Callable[..., keras.Model] = _network("elu-bn")
relu_dropout: Callable[..., keras.Model] = _network("relu-dropout")
slim: Callable[..., keras.Model] = _network("slim")
