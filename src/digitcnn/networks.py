"""The named architectures as Keras models: a function for each, from an image's shape."""

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
    Part of the numbers that is dropped in training.
seed : int, default=0
    Seed of the initial weights and of the dropout.
dtype : str, default="float32"
    Keras dtype policy of the layers but the last, whose softmax is in float32.

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
    """The function that makes the Keras model of an architecture's description."""
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


compact = _network("compact")
elu_bn = _network("elu-bn")
relu_dropout = _network("relu-dropout")
