"""The named architectures as plain data: the layers of a network, in order.

Everything that depends on an architecture is made from its description: the Keras model
(`digitcnn.backend.build`), the training by fused kernels (`digitcnn.backend.tensorflow`), the ONNX
graph (`digitcnn.inference`), the shapes of its weights, and what ``digitcnn info`` prints. A new
architecture is one function here, and its name in `ARCHITECTURES`.
"""

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from digitcnn.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalMaxPooling2D,
    Layer,
    MaxPooling2D,
    ReLU,
    output_shape,
    pair,
    trace_shapes,
)

# Name of the trained model in the package.
PRETRAINED = "pretrained"
# Name of the network for `architecture="auto"`.
DEFAULT = "slim"
ImageShape = tuple[int, int, int]
Architecture = tuple[Layer, ...]

# Images of at least this side have a border of background that the first convolution may crop.
_LARGE = 20
# Images of a smaller side have too few pixels for a first convolution with stride 2.
_SMALL = 14


# Batch normalisation would cancel a bias.
_conv = partial(Conv2D, kernel_size=3, padding="same", use_bias=False)
# The moving averages converge within some tens of batches.
_norm = BatchNormalization(momentum=0.9)


def slim(image_shape: ImageShape, n_classes: int, *, dropout: float = 0.1) -> Architecture:
    """The default network: best accuracy for the time of a short training.

    Five convolutions, each with batch normalisation before its ReLU [1]_, and few filters where the
    maps are large. The first has stride 2, without padding on large images, which replaces a
    pooling layer at less than a quarter of its cost. For images with a side of less than 14 pixels
    it is a 3x3 convolution with stride 1. For 28x28 images and ten classes it has 269,194
    parameters, 268,426 of them trainable.

    References
    ----------
    .. [1] S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by
       reducing internal covariate shift", ICML 2015.
    """
    return _fitted(
        image_shape,
        _first(32, image_shape),
        _norm,
        ReLU(),
        _conv(32, kernel_size=5),
        _norm,
        ReLU(),
        _conv(64),
        # Before the normalisation, which then has a quarter of the numbers.
        MaxPooling2D(),
        _norm,
        ReLU(),
        _conv(128),
        _norm,
        ReLU(),
        _conv(128, padding="valid"),
        _norm,
        GlobalMaxPooling2D(),
        ReLU(),
        Dropout(dropout),
        Dense(n_classes, "softmax"),
    )


def compact(image_shape: ImageShape, n_classes: int, *, dropout: float = 0.1) -> Architecture:
    """A network for long trainings: as `slim`, with 64 filters where the maps are large.

    Five convolutions, each with batch normalisation before its ReLU [1]_. For 28x28 images and ten
    classes it has 300,298 parameters, 299,402 of them trainable.

    References
    ----------
    .. [1] S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by
       reducing internal covariate shift", ICML 2015.
    """
    return _fitted(
        image_shape,
        _first(64, image_shape),
        _norm,
        ReLU(),
        _conv(64),
        _norm,
        ReLU(),
        _conv(64),
        _norm,
        # Pooling before the ReLU gives the same result at a quarter of the work.
        MaxPooling2D(),
        ReLU(),
        _conv(128),
        _norm,
        ReLU(),
        _conv(128),
        _norm,
        GlobalMaxPooling2D(),
        ReLU(),
        Dropout(dropout),
        Dense(n_classes, "softmax"),
    )


def _first(filters: int, image_shape: ImageShape) -> Conv2D:
    """The first convolution, whose stride depends on the size of the image."""
    side = min(image_shape[:2])
    kernel_size, strides = (3, 1) if side < _SMALL else (6, 2)
    padding = "valid" if side >= _LARGE else "same"
    return _conv(filters, kernel_size=kernel_size, strides=strides, padding=padding)


def elu_bn(image_shape: ImageShape, n_classes: int, *, dropout: float = 0.0) -> Architecture:
    """Nine layers with ELU and batch normalisation.

    For 28x28 images and ten classes it has 1,245,322 parameters, 1,244,426 of them trainable. It
    reproduces a notebook [1]_, which has no dropout.

    References
    ----------
    .. [1] S. Achary, "MNIST using CNN Keras - Acc 0.997", Kaggle notebook, 2018.
    """
    conv = partial(Conv2D, padding="same", activation="elu")
    return _fitted(
        image_shape,
        conv(64, 7),
        MaxPooling2D(),
        BatchNormalization(),
        conv(128, 5),
        conv(128, 3),
        MaxPooling2D(),
        BatchNormalization(),
        conv(256, 3),
        MaxPooling2D(),
        BatchNormalization(),
        Flatten(),
        Dense(256, "elu"),
        Dropout(dropout),
        Dense(n_classes, "softmax"),
    )


def relu_dropout(image_shape: ImageShape, n_classes: int, *, dropout: float = 0.05) -> Architecture:
    """Four convolutions with ReLU and dropout.

    For 28x28 images and ten classes it has 594,922 parameters. It reproduces a notebook [1]_ with
    its dropout. If an image is too small for a convolution without padding, the convolution gets
    padding.

    References
    ----------
    .. [1] "Identify digits with Convolutional Neural Network", notebook on Kaggle's Digit
       Recognizer, 2017.
    """
    conv = partial(Conv2D, kernel_size=3, activation="relu")
    return _fitted(
        image_shape,
        conv(32),
        conv(32),
        MaxPooling2D(),
        Dropout(dropout),
        conv(64),
        conv(64),
        MaxPooling2D(),
        Dropout(dropout),
        Flatten(),
        Dense(512, "relu"),
        Dropout(dropout),
        Dense(n_classes, "softmax"),
    )


# The names for `DigitCNNClassifier(architecture=...)`.
ARCHITECTURES: dict[str, Callable[..., Architecture]] = {
    "compact": compact,
    "elu-bn": elu_bn,
    "relu-dropout": relu_dropout,
    "slim": slim,
}


def get_layers(
    architecture: str,
    image_shape: ImageShape,
    n_classes: int,
    dropout: float | None = None,
    momentum: float | None = None,
) -> Architecture:
    """Get the layers of a named network.

    Parameters
    ----------
    architecture : str
        A key of `ARCHITECTURES`.
    image_shape : tuple of int (height, width, channels)
    n_classes : int
        Number of outputs.
    dropout : float or None, default=None
        None is the architecture's own.
    momentum : float or None, default=None
        Momentum of batch normalisation; None uses the default of the architecture.

    Examples
    --------
    >>> from digitcnn.architectures import get_layers
    >>> print(get_layers("compact", (28, 28, 1), 10)[0])
    Conv2D(filters=64, kernel_size=6, strides=2, use_bias=False)
    """
    rate = choose_dropout(architecture, dropout)
    layers = ARCHITECTURES[architecture](image_shape, n_classes, dropout=rate)
    if momentum is None:
        return layers
    return tuple(
        replace(layer, momentum=momentum) if isinstance(layer, BatchNormalization) else layer
        for layer in layers
    )


def _fitted(image_shape: ImageShape, *layers: Layer) -> Architecture:
    """Adapt the layers to the size of the image.

    A convolution whose kernel is larger than its input gets padding. Pooling of a single pixel and
    dropout with rate 0 are left out.
    """
    kept: list[Layer] = []
    shape: tuple[int, ...] = image_shape
    for layer in layers:
        if isinstance(layer, MaxPooling2D) and min(shape[:2]) < 2:
            continue
        if isinstance(layer, Dropout) and not layer.rate:
            continue
        if isinstance(layer, Conv2D) and min(shape[:2]) < max(pair(layer.kernel_size)):
            layer = replace(layer, padding="same")
        kept.append(layer)
        shape = output_shape(layer, shape)
    return tuple(kept)


def weight_shapes(
    architecture: str, image_shape: ImageShape, n_classes: int
) -> list[tuple[int, ...]]:
    """The shapes of a named network's weights, in Keras's order.

    Parameters
    ----------
    architecture, image_shape, n_classes
        As in `get_layers`.

    Examples
    --------
    >>> from digitcnn.architectures import weight_shapes
    >>> weight_shapes("compact", (28, 28, 1), 10)[0]
    (6, 6, 1, 64)
    """
    steps = trace_shapes(get_layers(architecture, image_shape, n_classes), image_shape)
    return [shape for step in steps for shape in step.weight_shapes]


def count_outputs(n_classes: int) -> int:
    """Number of outputs for a number of classes: at least 2, for a softmax over one is always 1.

    Parameters
    ----------
    n_classes : int

    Examples
    --------
    >>> from digitcnn.architectures import count_outputs
    >>> count_outputs(1), count_outputs(10)
    (2, 10)
    """
    return max(n_classes, 2)


def choose_dropout(architecture: object, dropout: float | None) -> float | None:
    """The dropout rate of a named architecture; unknown for a callable.

    Parameters
    ----------
    architecture : str or callable
        A key of `ARCHITECTURES`, or a callable.
    dropout : float or None
        None is the architecture's own.

    Examples
    --------
    >>> from digitcnn.architectures import choose_dropout
    >>> choose_dropout("relu-dropout", None)
    0.05
    """
    if dropout is not None or not isinstance(architecture, str):
        return dropout
    own: float = inspect.signature(ARCHITECTURES[architecture]).parameters["dropout"].default
    return own
